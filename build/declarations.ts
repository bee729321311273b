/** Writes the types of the programmatic interface to `dist/types/`: its own declarations and those of the files that they name, and no others. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import ts from 'typescript';

/** @param root folder of the checkout */
export async function writeDeclarations(root: string): Promise<void> {
  const source = path.join(root, 'src');
  const wanted = [path.join(source, 'api/index.ts')];
  // The list grows while it is gone through.
  for (const file of wanted) {
    const { outputText, diagnostics = [] } = ts.transpileDeclaration(await readFile(file, 'utf8'), { fileName: file, reportDiagnostics: true, compilerOptions: { isolatedDeclarations: true, target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, removeComments: false } });
    if (diagnostics.length > 0) throw new Error(ts.formatDiagnostics(diagnostics, { getCanonicalFileName: (name) => name, getCurrentDirectory: () => root, getNewLine: () => '\n' }));
    const text = outputText.replace(/(from |import\()(['"])(\.[^'"]*)\.ts\2/g, (_, before: string, quote: string, module: string) => {
      const named = path.resolve(path.dirname(file), `${module}.ts`);
      if (!wanted.includes(named)) wanted.push(named);
      return `${before}${quote}${module}.mjs${quote}`;
    });
    const target = path.join(root, 'dist/types', path.relative(source, file).replace(/\.ts$/, '.d.mts'));
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, text);
  }
}
