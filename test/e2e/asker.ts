/** The extension of `asker/` as a package, and a window in which it asks. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import type { Answer, Question } from './asker/extension.ts';
import type { Workbench } from './workbench.ts';

/** @returns path of the package, in a temporary folder of its own */
export async function packAsker(): Promise<string> {
  const source = path.join(import.meta.dirname, 'asker');
  const folder = await mkdtemp(path.join(tmpdir(), 'asker-'));
  await cp(path.join(source, 'package.json'), path.join(folder, 'package.json'));
  await build({ entryPoints: [path.join(source, 'extension.ts')], outfile: path.join(folder, 'extension.js'), bundle: true, platform: 'node', format: 'cjs', external: ['vscode'], logLevel: 'warning' });
  const vsix = path.join(folder, 'asker.vsix');
  await promisify(execFile)(process.execPath, [path.resolve('node_modules/@vscode/vsce/vsce'), 'package', '--no-dependencies', '--allow-missing-repository', '--skip-license', '--out', vsix], { cwd: folder });
  return vsix;
}

/** Types the question and returns at once; what it returns waits for the answer. */
export async function begin(w: Workbench, question: Omit<Question, 'out'>): Promise<() => Promise<Answer>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'answer-'));
  const out = path.join(folder, 'answer.json');
  await w.command('Asker: Ask a Tool');
  await w.type(JSON.stringify({ ...question, out }));
  return async () => {
    let answer: Answer | undefined;
    await w.until(`an answer to ${question.tool ?? 'what tools there are'}`, async () => {
      answer = await readFile(out, 'utf8').then((text) => JSON.parse(text) as Answer, () => undefined);
      return answer !== undefined;
    }, 60_000);
    await rm(folder, { recursive: true, force: true });
    if (answer === undefined) throw new Error('no answer');
    return answer;
  };
}

export const ask = async (w: Workbench, question: Omit<Question, 'out'>): Promise<Answer> => (await begin(w, question))();
