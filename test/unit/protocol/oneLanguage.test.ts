/** Words and numbers are written the same way everywhere: every text of the source, and of the pages of the documentation, is read for the other ways. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';

const root = path.join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

interface Text {
  readonly where: string;
  readonly text: string;
}

/** Strings and templates of the source, a value standing as `⟨⟩`. */
const texts: readonly Text[] = globSync(['src/**/*.ts', 'webview/**/*.ts'], { cwd: root, exclude: ['src/*/kernels/**'] }).flatMap((file) => {
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.ES2023, true);
  const found: Text[] = [];
  const visit = (node: ts.Node): void => {
    const where = `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
    if (ts.isStringLiteralLike(node) && !ts.isImportDeclaration(node.parent)) found.push({ where, text: node.text });
    if (ts.isTemplateExpression(node)) found.push({ where, text: [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join('⟨⟩') });
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
});
const prose: readonly Text[] = [
  ...globSync(['docs/*.md', 'media/walkthrough/*.md', 'README.md'], { cwd: root }).map((file) => ({ where: file, text: read(file).replace(/```[^]*?```/g, '').replace(/\$[^$\n]*\$/g, '') })),
  ...Object.entries(JSON.parse(read('package.nls.json')) as Readonly<Record<string, string>>).map(([where, text]) => ({ where, text })),
];

const otherWays = (pattern: RegExp, among: readonly Text[] = [...texts, ...prose]): readonly string[] => among.flatMap(({ where, text }) => [...text.matchAll(pattern)].map(([found]) => `${where}: ${found}`));

it('bytes are in KiB, MiB and GiB', () => {
  // What others publish may be in other units.
  expect(otherWays(/(?<=[\d⟩,.] ?|in )\b[kKMG]B\b.{0,20}/g).filter((found) => !found.includes('README.md: GB of float32'))).toEqual([]);
});

it('per cent stand after a space', () => {
  expect(otherWays(/(?<=[\d⟩])%(?! ?\{|2\d).{0,10}/g, [...texts.filter(({ text }) => /[a-z] /.test(text) && !/linear-gradient|command:/.test(text)), ...prose.map(({ where, text }) => ({ where, text: text.replace(/command:\S+/g, '') }))])).toEqual([]);
});

it('numbers that can be pasted have a hyphen for a minus; formulas have the sign', () => {
  expect(otherWays(/−[\d⟨].{0,10}/g, texts)).toEqual([]);
});

it('errors of finitely many draws are Monte-Carlo errors', () => {
  expect(otherWays(/Monte Carlo (?:standard )?errors?/g)).toEqual([]);
});

it('the same spelling: British, but for names of options, which others coined', () => {
  // `linearized`, `canonicalize` are names.
  expect(otherWays(/\b(?:neighbor|behavior|favor|center(?!ed)|(?:normal|organ|recogn|parameter|summar|general|minim|maxim)iz|initialize\b)[a-z]*/gi, [...texts.filter(({ text }) => /[a-z] [a-z]/.test(text)), ...prose])).toEqual([]);
});

it('apostrophes are typographic', () => {
  const rooms = /^(?:src\/(?:analyses|curvature|posterior|symmetry|cli|extension)|webview)\//;
  expect(otherWays(/[a-z]'s? [a-z].{0,20}/g, texts.filter(({ where, text }) => rooms.test(where.replaceAll('\\', '/')) && /[a-z] [a-z]/.test(text)))).toEqual([]);
});

it('numbers are written by one formatter, dates by another', () => {
  const own = ['src/protocol/format.ts', 'src/extension/clock.ts'];
  const calls = globSync(['src/**/*.ts', 'webview/**/*.ts'], { cwd: root, exclude: ['src/*/kernels/**'] }).map((file) => file.replaceAll('\\', '/')).filter((file) => !own.includes(file)).flatMap((file) => {
    const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.ES2023, true);
    const found: string[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) && /^(?:toFixed|toPrecision|toExponential|toLocale\w*String)$/.test(node.expression.name.text)) {
        // Rounded, and not yet written.
        const rounded = ts.isCallExpression(node.parent) && node.parent.expression.getText() === 'Number';
        if (!rounded) found.push(`${file}: ${node.getText()}`);
      }
      if (ts.isNewExpression(node) && /Intl\.(?:NumberFormat|DateTimeFormat)/.test(node.expression.getText())) found.push(`${file}: ${node.getText()}`);
      ts.forEachChild(node, visit);
    };
    visit(source);
    return found;
  });
  expect(calls).toEqual([]);
});
