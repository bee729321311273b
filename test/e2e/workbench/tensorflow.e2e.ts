// Native TensorFlow in the real VS Code: the question, and what is said when the download is refused.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { windowWith } from '../window.ts';

const window = windowWith({ 'notes.md': '# Notes\n' });

test('native TensorFlow is asked for by name, size and source; where the download is refused, a sentence says so and nothing is left', async () => {
  const w = window();
  await w.command('Quotient: Install Native TensorFlow…');
  const box = w.page.locator('.monaco-dialog-box');
  await box.waitFor();
  await w.shot('tensorflow-question');
  const said = await w.dialog('Install');
  expect(said).toContain('@tensorflow/tfjs-node 4.22.0');
  expect(said).toContain('libtensorflow 2.9.1');
  expect(said).toContain('mirror.invalid');
  const refused = await w.notification(/Nothing was installed/, 120_000);
  expect(refused).toMatch(/The download from .* was refused: .*(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED)/);
  await w.shot('tensorflow-refused');
  const storage = /They go into (\S+) and/.exec(said)?.[1] ?? '';
  expect(path.basename(storage)).toBe('tensorflow');
  expect((await readdir(path.dirname(storage)).catch(() => [])).filter((name) => name.startsWith('tensorflow'))).toEqual([]);
});
