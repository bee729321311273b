// Models that only TensorFlow.js runs, in the real VS Code: a prediction from the Explorer, and the native library whose download is refused.
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { windowWith } from '../window.ts';

const graph = path.join(import.meta.dirname, '../../fixtures/tensorflow/graph');
const rows = Array.from({ length: 12 }, (_, n) => [...Array.from({ length: 72 }, (_, k) => Math.cos(1.3 * (72 * n + k + 1))), n % 2]);
const window = windowWith({
  ...Object.fromEntries(['model.json', 'group1-shard1of2.bin', 'group1-shard2of2.bin'].map((name) => [name, readFileSync(path.join(graph, name))])),
  ...Object.fromEntries(['saved_model.pb', 'variables/variables.index', 'variables/variables.data-00000-of-00001'].map((name) => [`saved/${name}`, readFileSync(path.join(graph, '../saved', name))])),
  'images.csv': `${Array.from({ length: 72 }, (_, k) => `x${k}`).join(',')},y\n${rows.map((cells) => cells.join(',')).join('\n')}\n`,
});

test('predict from the Explorer runs the model on TensorFlow.js and asks for no method', async () => {
  const w = window();
  await w.explorerCommand(['model.json'], 'Quotient', 'Posterior Predictive…');
  await w.pick('images.csv');
  await w.pick('No test data');
  await w.pick('Categorical');
  const view = await w.shown('shown', 60_000);
  const text = await view.locator('body').innerText();
  expect(text).toContain('TensorFlow.js graph model');
  expect(text).toContain('TensorFlow.js 4.22.0 on WebAssembly');
  // No methods are promised that need derivatives.
  expect(await view.locator('[data-action=predict]').innerText()).toBe('Other data…');
  await w.shot('tensorflow-predict');
  expect(await w.violations()).toBe(0);
});

test('the folder of a SavedModel is one model, of which no method is asked either; without native TensorFlow a sentence says what to do', async () => {
  const w = window();
  w.complaints.expect(/is a SavedModel, which only native TensorFlow runs/);
  await w.explorerCommand(['saved'], 'Quotient', 'Posterior Predictive…');
  await w.pick('images.csv');
  await w.pick('No test data');
  await w.pick('Categorical');
  const view = await w.shown('error', 60_000);
  expect(await view.locator('body').innerText()).toContain('Quotient: Install Native TensorFlow');
  await w.shot('tensorflow-saved-model');
  await w.closeEditors();
  await w.explorerCommand(['saved'], 'Quotient', 'Posterior over Weights');
  expect(await w.notification(/SavedModel/)).toContain('which Posterior Predictive runs');
});

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
