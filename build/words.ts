/**
 * Collects the texts that are said through `t` (`src/protocol/words.ts`) into `l10n/bundle.l10n.json`, the file that translators start from:
 * `npm run words`. A translation is the same file under the name `bundle.l10n.LANGUAGE.json`, with the values in that language; titles of
 * commands and settings stand in `package.nls.json` and are translated likewise. A unit test holds the bundle to the source.
 */
import { globSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export interface Word {
  readonly text: string;
  /** Values that the call fills in. */
  readonly values: number;
  /** `src/extension/pathLinks.ts:19` */
  readonly where: string;
}

export const BUNDLE = 'l10n/bundle.l10n.json';

/** Every call of `t`, in the order of files and lines. @throws Error for a text that is not written out, or said while a file is loaded, when no words are known. */
export function saidWords(root: string): readonly Word[] {
  return globSync(['src/extension/**/*.ts', 'src/protocol/**/*.ts', 'webview/**/*.ts'], { cwd: root }).map((file) => file.replaceAll('\\', '/')).sort().flatMap((file) => {
    const source = ts.createSourceFile(file, readFileSync(path.join(root, file), 'utf8'), ts.ScriptTarget.ES2023, true);
    const words: Word[] = [];
    const visit = (node: ts.Node, inFunction: boolean): void => {
      if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 't') {
        const where = `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
        const [text, ...values] = node.arguments;
        if (text === undefined || !ts.isStringLiteralLike(text)) throw new Error(`${where}: the text of t is not written out, so that no translator sees it.`);
        if (!inFunction) throw new Error(`${where}: “${text.text}” is said while the file is loaded, when no words are known; say it in a function.`);
        words.push({ text: text.text, values: values.length, where });
      }
      ts.forEachChild(node, (child) => { visit(child, inFunction || ts.isFunctionLike(node)); });
    };
    visit(source, false);
    return words;
  });
}

/** The bundle as VS Code reads it: each text under itself, in alphabetical order. */
export function bundleOf(words: readonly Word[]): string {
  const texts = [...new Set(words.map(({ text }) => text))].sort();
  return `${JSON.stringify(Object.fromEntries(texts.map((text) => [text, text])), null, 2)}\n`;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  mkdirSync(path.join(root, 'l10n'), { recursive: true });
  writeFileSync(path.join(root, BUNDLE), bundleOf(saidWords(root)));
}
