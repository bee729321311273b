/** The program's words: the bundle has all that is said and nothing else, nothing is shown that is not in it, and another language really is spoken. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { afterEach, describe, expect, it } from 'vitest';
import { BUNDLE, bundleOf, saidWords } from '../../../build/words.ts';
import { summaryMarkdown, summaryTooltip } from '../../../src/extension/summaryText.ts';
import type { WeightSummary } from '../../../src/protocol/service.ts';
import { language, speak, t } from '../../../src/protocol/words.ts';
import { partLabels } from '../../../webview/spectrumScale.ts';
import { tensorsOf } from '../../../webview/outlineColumns.ts';

const root = path.join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const bundle = JSON.parse(read(BUNDLE)) as Readonly<Record<string, string>>;
const said = saidWords(root);

/** As translators see whether all is translated: letters with accents, in brackets, the places kept. */
const pseudo = (text: string): string => `⟦${text.replace(/\{\d+\}|[aeiouAEIOU]/g, (part) => (part.length > 1 ? part : 'àéîöûÀÉÎÖÛ'.charAt('aeiouAEIOU'.indexOf(part))))}⟧`;

const summary: WeightSummary = {
  file: '/a/net.pt', format: 'PyTorch zip', fileBytes: 2048, tensors: 1, parameters: 32_000, dtypes: ['F32'], shapes: [{ name: '0.weight', dtype: 'F32', shape: [5, 3] }],
  metadata: {}, holds: 'network', network: { kind: 'recognised', description: 'dense 3-5-2, relu', parameters: 32, symmetry: '5 scalings' },
};

afterEach(() => { speak(undefined); });

describe('the bundle', () => {
  it('is what the source says: `npm run words` writes it', () => {
    expect(read(BUNDLE)).toBe(bundleOf(said));
    expect(said.length).toBeGreaterThan(200);
  });

  it('has a value for each place of a text, and a place for each value', () => {
    for (const { text, values, where } of said) {
      const places = new Set([...text.matchAll(/\{(\d+)\}/g)].map(([, index]) => Number(index)));
      expect([...places].sort(), `${where}: ${text}`).toEqual(Array.from({ length: values }, (_, k) => k));
    }
  });

  it('is in the package, beside titles that are all there', () => {
    const manifest = read('package.json');
    expect(JSON.parse(manifest)).toMatchObject({ l10n: './l10n' });
    expect(read('.vscodeignore')).toContain('!l10n/**');
    const strings = JSON.parse(read('package.nls.json')) as Readonly<Record<string, string>>;
    const used = new Set([...manifest.matchAll(/"%([\w.]+)%"/g)].map(([, key = '']) => key));
    expect([...used].filter((key) => !(key in strings))).toEqual([]);
    expect(Object.keys(strings).filter((key) => !used.has(key))).toEqual([]);
    // Everything of the manifest that people read, apart from the name of the extension and its search words.
    const { contributes } = JSON.parse(manifest) as { contributes: unknown };
    const plain: string[] = [];
    const visit = (value: unknown, key: string): void => {
      if (typeof value === 'object' && value !== null) for (const [inner, each] of Object.entries(value)) visit(each, Array.isArray(value) ? key : inner);
      else if (typeof value === 'string' && /^(title|displayName|description|userDescription|markdownDescription|enumDescriptions|contents|label)$/.test(key) && !value.startsWith('%') && value !== 'Quotient') plain.push(value);
    };
    // What models read is English, as are the answers that they get.
    visit({ ...(contributes as object), languageModelTools: [] }, '');
    expect(plain).toEqual([]);
  });
});

/** Where VS Code and the page take texts for people. */
const shown = /^(title|label|detail|message|placeHolder|prompt|tooltip|openLabel|placeholder|aria-label)$/;
const showing = /^(showInformationMessage|showWarningMessage|showErrorMessage|setStatusBarMessage|button|copyButton)$/;

it('nothing is shown that no translator sees', () => {
  const bare: string[] = [];
  for (const file of globSync(['src/extension/**/*.ts', 'webview/**/*.ts'], { cwd: root })) {
    const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.ES2023, true);
    const check = (text: ts.Node | undefined): void => {
      if (text === undefined) return;
      if (ts.isConditionalExpression(text)) {
        check(text.whenTrue);
        check(text.whenFalse);
        return;
      }
      const written = ts.isStringLiteralLike(text) ? text.text : ts.isTemplateExpression(text) ? [text.head.text, ...text.templateSpans.map(({ literal }) => literal.text)].join(' ') : '';
      // Names of icons and formats are the same in every language.
      if (/[a-z]{2}/.test(written.replace(/\$\([\w~-]+\)/g, '').replace(/https?:\S+/g, ''))) bare.push(`${file}: ${text.getText()}`);
    };
    const visit = (node: ts.Node): void => {
      if (ts.isPropertyAssignment(node) && shown.test(ts.isIdentifier(node.name) || ts.isStringLiteralLike(node.name) ? node.name.text : '')) check(node.initializer);
      if (ts.isCallExpression(node) && showing.test(ts.isIdentifier(node.expression) ? node.expression.text : ts.isPropertyAccessExpression(node.expression) ? node.expression.name.text : '')) check(node.arguments[0]);
      if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.EqualsToken && ts.isPropertyAccessExpression(node.left) && /^(textContent|placeholder|title|tooltip)$/.test(node.left.name.text)) check(node.right);
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  expect(bare).toEqual([]);
});

describe('another language', () => {
  it('fills places in its own order, and lets values alone that look like places', () => {
    speak({ language: 'de', bundle: { 'Compare “{0}” with': '„{0}“ vergleichen mit', '{0} of {1} rows': 'von {1} Zeilen {0}' } });
    expect(language()).toBe('de');
    expect(t('Compare “{0}” with', 'a {1} $& b')).toBe('„a {1} $& b“ vergleichen mit');
    expect(t('{0} of {1} rows', '3', '1,000')).toBe('von 1,000 Zeilen 3');
    // Not translated yet, and names that every object has.
    expect(t('Close')).toBe('Close');
    expect(t('constructor')).toBe('constructor');
  });

  it('is spoken by hovers, tooltips and the page, whose numbers stay as they are', () => {
    const english = summaryMarkdown(summary, 'net.pt');
    speak({ language: 'qps-ploc', bundle: Object.fromEntries(Object.keys(bundle).map((text) => [text, pseudo(text)])) });
    const spoken = summaryMarkdown(summary, 'net.pt');
    expect(spoken).not.toBe(english);
    expect(spoken).toContain(pseudo('{0} parameters in 1 tensor').replace('{0}', '32,000'));
    expect(spoken).toContain(pseudo('Symmetry: {0}').replace('{0}', '5 scalings'));
    expect(summaryTooltip(summary)).toContain('pàràmétérs');
    expect(tensorsOf(1234)).toBe(pseudo('{0} tensors').replace('{0}', '1,234'));
    expect(partLabels({ rank: 27, rankBracket: [27, 27], dimension: 32 })).toEqual({ image: pseudo('image: rank {0}').replace('{0}', '27'), kernel: pseudo('kernel: {0}').replace('{0}', '5') });
  });
});
