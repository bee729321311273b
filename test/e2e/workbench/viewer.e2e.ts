// What a user meets without running a command: the viewer for weight files, marks in the Explorer, hovers.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { denseWeights, description, safetensors } from '../checkpoints.ts';
import { windowWith } from '../window.ts';

const weights = denseWeights([3, 5, 2], 1);
const index = {
  metadata: { total_size: 8 * 32 },
  weight_map: { '0.weight': 'model-00001-of-00002.safetensors', '0.bias': 'model-00001-of-00002.safetensors', '2.weight': 'model-00002-of-00002.safetensors', '2.bias': 'model-00002-of-00002.safetensors' },
};
const half = (prefix: string): Buffer => safetensors(Object.fromEntries(Object.entries(weights).filter(([name]) => name.startsWith(prefix))));

const window = windowWith({
  'net.safetensors': safetensors(weights),
  'net.network.json': description([3, 5, 2], 'relu'),
  'model-00001-of-00002.safetensors': half('0.'),
  'model-00002-of-00002.safetensors': half('2.'),
  'model.safetensors.index.json': JSON.stringify(index, null, 2),
  'train.py': 'import torch\n\nweights = "net.safetensors"\nmissing = "gone.safetensors"\n',
  'torn.safetensors': safetensors(weights).subarray(0, 300),
});

test('weight files are marked in the Explorer, others are not', async () => {
  const w = window();
  await w.decoration('net.safetensors', 'W');
  await w.decoration('model.safetensors.index.json', 'W');
  await expect(w.decoration('train.py', 'W', 1_000)).rejects.toThrow('badge');
});

test('a .safetensors file opens in the viewer, from its header', async () => {
  const w = window();
  await w.openFile('net.safetensors');
  const view = await w.shown();
  await w.shot('viewer');
  const rows = await view.locator('[data-section=tensors] [role=row]').allInnerTexts();
  for (const [name, { shape }] of Object.entries(weights)) {
    const leaf = name.slice(name.indexOf('.') + 1);
    expect(rows.join('\n'), name).toMatch(new RegExp(`${leaf}[^]*?${shape.join('\\D+')}`));
  }
  await expect(view.locator('body').innerText()).resolves.toMatch(/\b32\b/);
  expect(await w.violations()).toBe(0);
});

test('statistics come on demand and are those of the elements', async () => {
  const w = window();
  const view = await w.shown();
  await view.locator('[data-action=statistics]').click();
  const largest = Math.max(...(weights['0.weight']?.values ?? []));
  await view.locator('[data-section=tensors]', { hasText: largest.toPrecision(3).replace('-', '−') }).waitFor();
  await w.shot('viewer-statistics');
});

test('the viewer follows the file on disk', async () => {
  const w = window();
  const view = await w.shown();
  await writeFile(path.join(w.folder, 'net.safetensors'), safetensors({ ...weights, extra: { shape: [7, 9], values: Array.from({ length: 63 }, () => 1) } }));
  await view.locator('[data-section=tensors]', { hasText: 'extra' }).waitFor();
  await writeFile(path.join(w.folder, 'net.safetensors'), safetensors(weights));
  await view.locator('[data-section=tensors]').filter({ hasNotText: 'extra' }).waitFor();
  await w.closeEditors();
});

test('a torn file is one clear sentence that names it', async () => {
  const w = window();
  await w.openFile('torn.safetensors');
  const view = await w.shown('error');
  const said = await view.locator('[role=alert]').innerText();
  expect(said).toContain('torn.safetensors');
  expect(said).not.toMatch(/\bat \S+:\d+|Error:|internal/i);
  await w.shot('torn');
  await w.closeEditors();
});

test('a hover on a path in a program tells what the file holds', async () => {
  const w = window();
  await w.openFile('train.py');
  const text = await w.hover('net.safetensors', 'parameters');
  expect(text).toContain('32 parameters in 4 tensors');
  expect(text).toMatch(/0\.weight/);
  await w.shot('hover-path');
});

test('a hover in an index of shards tells type and shape of a tensor, and what a shard holds', async () => {
  const w = window();
  await w.openAsText('model.safetensors.index.json');
  const tensor = await w.hover('2.weight', 'F64');
  expect(tensor).toMatch(/^2\.weight — F64, 2 × 5, 10 elements\s+in model-00002-of-00002\.safetensors/);
  await w.shot('hover-index');
  const shard = await w.hover('model-00001-of-00002.safetensors', 'tensors');
  expect(shard).toContain('20 parameters in 2 tensors');
});
