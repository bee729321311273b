// What a user meets without running a command: the viewer for weight files, marks in the Explorer, hovers.
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { denseWeights, description, safetensors } from '../checkpoints.ts';
import { weakTexts } from '../contrast.ts';
import { windowWith } from '../window.ts';
import type { Theme } from '../workbench.ts';

const weights = denseWeights([3, 5, 2], 1);
const index = {
  metadata: { total_size: 8 * 32 },
  weight_map: { '0.weight': 'model-00001-of-00002.safetensors', '0.bias': 'model-00001-of-00002.safetensors', '2.weight': 'model-00002-of-00002.safetensors', '2.bias': 'model-00002-of-00002.safetensors' },
};
const half = (prefix: string): Buffer => safetensors(Object.fromEntries(Object.entries(weights).filter(([name]) => name.startsWith(prefix))));

/** One step of training: a layer moved, one is gone, one is new. */
const later = { '0.weight': { ...weights['0.weight']!, values: weights['0.weight']!.values.map((x) => 1.5 * x) }, '0.bias': weights['0.bias']!, '2.weight': weights['2.weight']!, 'head.bias': weights['2.bias']! };

const window = windowWith({
  'net.safetensors': safetensors(weights),
  'net.network.json': description([3, 5, 2], 'relu'),
  'model-00001-of-00002.safetensors': half('0.'),
  'model-00002-of-00002.safetensors': half('2.'),
  'model.safetensors.index.json': JSON.stringify(index, null, 2),
  'train.py': 'import torch\n\nweights = "net.safetensors"\nmissing = "gone.safetensors"\npart = "model-00001-of-00002.safetensors"\n',
  'config.yaml': 'model:\n  weights: later.safetensors\n',
  'run.toml': '[model]\nweights = "later.safetensors"\n',
  'notes.md': '# Notes\n\nThe weights are in `later.safetensors`.\n',
  'later.safetensors': safetensors(later),
  'model.json': JSON.stringify({ format: 'layers-model', weightsManifest: [{ paths: ['group1-shard1of1.bin'], weights: [{ name: 'dense/kernel', shape: [2, 3], dtype: 'float32' }] }] }, null, 2),
  'group1-shard1of1.bin': Buffer.alloc(24),
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

test('a tensor is looked at closely: its numbers, histogram and heat map, by mouse and by keyboard', async () => {
  const w = window();
  const view = await w.shown();
  await view.locator('.outline [role=row].tensor', { hasText: '3' }).first().click();
  const pane = view.locator('.pane');
  await pane.locator('.heatmaplayer image').waitFor();
  await pane.locator('.barlayer path').first().waitFor({ state: 'attached' });
  const values = weights['0.weight']!.values;
  const shown = await pane.locator('[data-id=tensor-statistics] tbody tr').allInnerTexts();
  expect(shown[0]).toMatch(new RegExp(`^Min\\s+${Math.min(...values).toPrecision(4).replace(/0+$/, '')}`));
  expect(shown.at(-1)).toMatch(/^Infinite\s+0$/);
  await w.shot('viewer-detail');
  await w.page.keyboard.press('ArrowDown');
  await pane.locator('.tensor-name', { hasText: '0.bias' }).waitFor();
  expect(await w.violations()).toBe(0);
});

test('the viewer follows the file on disk, and keeps the filter, the selection and the keyboard', async () => {
  const w = window();
  const view = await w.shown();
  // Letters typed on a row go into the filter.
  await w.page.keyboard.type('bias');
  const rows = view.locator('.outline [role=row].tensor');
  await expect.poll(() => rows.allInnerTexts().then((texts) => texts.length)).toBe(2);
  await w.page.keyboard.press('ArrowDown');
  await writeFile(path.join(w.folder, 'net.safetensors'), safetensors({ ...weights, 'extra.bias': { shape: [7, 9], values: Array.from({ length: 63 }, () => 1) } }));
  await view.locator('[data-section=tensors]', { hasText: 'extra' }).waitFor();
  await view.locator('#note', { hasText: 'net.safetensors changed on disk' }).waitFor();
  expect(await view.locator('.outline .filter').inputValue()).toBe('bias');
  await expect.poll(() => view.locator('.outline [role=row]:focus').innerText()).toContain('bias');
  await writeFile(path.join(w.folder, 'net.safetensors'), safetensors(weights));
  await view.locator('[data-section=tensors]').filter({ hasNotText: 'extra' }).waitFor();
});

test('a file that is deleted stays on show, and says so', async () => {
  const w = window();
  const view = await w.shown();
  await rm(path.join(w.folder, 'net.safetensors'));
  await view.locator('#note', { hasText: 'deleted or moved' }).waitFor();
  await w.shot('viewer-deleted');
  expect(await view.locator('.outline [role=row].tensor').count()).toBeGreaterThan(0);
  await writeFile(path.join(w.folder, 'net.safetensors'), safetensors(weights));
  await view.locator('#note', { hasText: 'read again' }).waitFor();
  await w.closeEditors();
});

test('two files, chosen in the Explorer, are compared tensor by tensor', async () => {
  const w = window();
  await w.explorerCommand(['net.safetensors', 'later.safetensors'], 'Quotient', 'Compare Tensors');
  await w.tab('compared with').waitFor();
  const view = await w.shown();
  const rows = await view.locator('[data-section=differences] [role=row].tensor').allInnerTexts();
  const row = (change: string): string | undefined => rows.find((text) => text.includes(change));
  expect(rows).toHaveLength(5);
  // In natural order: from later to net. ‖w − 1.5 w‖ / ‖1.5 w‖ = 1/3.
  expect(row('changed')).toMatch(/5 × 3[^]*0\.333/);
  expect([row('added'), row('removed')]).toEqual([expect.stringContaining('bias'), expect.stringContaining('head.bias')]);
  await w.shot('diff');
  await view.locator('.facet').selectOption('equal');
  await expect.poll(() => view.locator('[data-section=differences] [role=row].tensor').count()).toBe(2);
  expect(await w.violations()).toBe(0);
  await w.closeEditors();
});

test('the viewer leads to a comparison with another file', async () => {
  const w = window();
  await w.openFile('net.safetensors');
  await (await w.shown()).locator('[data-action=diff]').click();
  expect(await w.question()).toContain('later.safetensors');
  await w.pick('later.safetensors');
  await w.tab('later.safetensors compared with net.safetensors').waitFor();
  const view = await w.shown();
  // The other way round: ‖1.5 w − w‖ / ‖w‖.
  expect(await view.locator('[data-section=differences]').innerText()).toMatch(/changed[^]*\b0\.5\b/);
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
  // The viewer has read the weights since they last changed.
  expect(text).toMatch(/norm [\d.]+, 0 zeros, no NaN or ∞/);
  await w.shot('hover-path');
});

test('the tooltip of a file in the Explorer tells its format, and what it holds once that is known', async () => {
  const w = window();
  await w.openFile('train.py');
  await w.hover('net.safetensors', 'parameters');
  // A file that a hover asked about, one that is none, and one that nobody asked about.
  expect(await w.tooltip('net.safetensors', 'parameters')).toMatch(/net\.safetensors[^]*32 parameters/);
  expect(await w.tooltip('group1-shard1of1.bin', 'group1')).not.toMatch(/parameters|Quotient/);
  expect(await w.tooltip('later.safetensors', 'safetensors')).toMatch(/later\.safetensors[^]*safetensors/);
  await w.shot('tooltip');
});

test('a lens above the path leads to the viewer', async () => {
  const w = window();
  // Anew: a hover may have scrolled the lines out of sight, and lenses are above those in sight only.
  await w.closeEditors();
  await w.openFile('train.py');
  const lens = w.page.locator('.codelens-decoration a', { hasText: '32 parameters in 4 tensors' });
  await lens.first().waitFor();
  await expect(w.page.locator('.codelens-decoration').count()).resolves.toBe(2);
  await w.shot('lens');
  await lens.first().click();
  await w.tab('net.safetensors').waitFor();
  await w.shown();
  await w.closeEditors();
});

test('a path is a link that leads to the viewer', async () => {
  const w = window();
  await w.closeEditors();
  await w.openFile('train.py');
  const link = w.page.locator('.monaco-editor .detected-link', { hasText: 'net.safetensors' });
  await link.first().waitFor({ timeout: 60_000 });
  await w.until('the link to be followed', async () => {
    const box = await link.first().boundingBox();
    if (box === null) return false;
    // A link is followed when the key is held while the mouse comes to it.
    await w.page.mouse.move(box.x + box.width / 2, box.y + 80, { steps: 3 });
    await w.page.keyboard.down('Control');
    await w.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 5 });
    await w.page.mouse.down();
    await w.page.mouse.up();
    await w.page.keyboard.up('Control');
    return w.tab('net.safetensors').waitFor({ timeout: 2000 }).then(() => true, () => false);
  }, 60_000);
  await w.shown();
  await w.closeEditors();
});

test.each(['config.yaml', 'run.toml', 'notes.md'])('a hover on a path in %s tells what the file holds', async (name) => {
  const w = window();
  await w.closeEditors();
  await w.openFile(name);
  expect(await w.hover('later.safetensors', 'parameters')).toContain('32 parameters in 4 tensors');
  // In prose nothing stands between the lines.
  if (name !== 'notes.md') await w.page.locator('.codelens-decoration a', { hasText: '32 parameters in 4 tensors' }).first().waitFor();
  await w.closeEditors();
});

test('a hover on one shard says which part of a model it is', async () => {
  const w = window();
  await w.openFile('train.py');
  const shard = await w.hover('model-00001-of-00002.safetensors', 'Shard');
  expect(shard).toContain('Shard 1 of 2 of model.safetensors.index.json');
  expect(shard).not.toContain('Network');
  await w.closeEditors();
});

test('a hover in an index of shards tells type and shape of a tensor, and what a shard holds', async () => {
  const w = window();
  await w.openAsText('model.safetensors.index.json');
  const tensor = await w.hover('2.weight', 'F64');
  expect(tensor).toMatch(/^2\.weight — F64, 2 × 5, 10 elements\s+in model-00002-of-00002\.safetensors/);
  await w.shot('hover-index');
  const shard = await w.hover('model-00001-of-00002.safetensors', 'parameters');
  expect(shard).toContain('20 parameters in 2 tensors');
  await w.closeEditors();
});

test('a hover in a TensorFlow.js model tells a weight and a shard', async () => {
  const w = window();
  await w.openFile('model.json');
  const weight = await w.hover('dense/kernel', 'elements');
  expect(weight).toMatch(/^dense\/kernel — F32, 2 × 3, 6 elements\s+in model\.json/);
  const shard = await w.hover('group1-shard1of1.bin', 'Shard');
  expect(shard).toContain('Shard 1 of 1 of the weights of model.json');
  await w.closeEditors();
});

test('a hover in a network description tells which tensors a layer has', async () => {
  const w = window();
  await w.openFile('net.network.json');
  const layer = await w.hover('2', 'elements');
  expect(layer).toMatch(/2\.weight — F64, 2 × 5, 10 elements[^]*2\.bias — F64, 2, 2 elements/);
  await w.shot('hover-description');
  await w.closeEditors();
});

// WCAG 2.1, 1.4.3: 4.5 to 1 for text; 1.4.6: 7 to 1 where contrast is asked for.
describe.each<[Theme, number]>([
  ['Default Light Modern', 4.5],
  ['Default Dark Modern', 4.5],
  ['Default High Contrast', 7],
  ['Default High Contrast Light', 7],
])('in the theme %s', (theme, least) => {
  test(`all text of the viewer has a contrast of ${least} at least`, async () => {
    const w = window();
    await w.theme(theme);
    await w.openFile('net.safetensors');
    const view = await w.shown();
    await view.locator('[data-action=statistics]').click();
    await view.locator('.outline [role=row].tensor', { hasText: '3' }).first().click();
    await view.locator('.pane .heatmaplayer image').waitFor();
    await w.shot(`viewer ${theme}`);
    await view.locator('.pane .heatmaplayer').first().scrollIntoViewIfNeeded();
    await w.shot(`viewer detail ${theme}`);
    expect(await weakTexts(view, least)).toEqual([]);
    await w.closeEditors();
    await w.explorerCommand(['net.safetensors', 'later.safetensors'], 'Quotient', 'Compare Tensors');
    await w.tab('compared with').waitFor();
    const differences = await w.shown();
    await differences.locator('[data-section=differences] [role=row].tensor').first().waitFor();
    await differences.locator('[data-section=differences] [role=row].tensor').first().click();
    await w.shot(`diff ${theme}`);
    expect(await weakTexts(differences, least)).toEqual([]);
    await w.closeEditors();
    await w.openFile('torn.safetensors');
    const torn = await w.shown('error');
    await w.shot(`torn ${theme}`);
    expect(await weakTexts(torn, least)).toEqual([]);
    await w.closeEditors();
  });
});
