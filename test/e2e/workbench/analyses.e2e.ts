// The analyses as a user starts them, from the palette and from the Explorer, with the questions they ask.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { denseWeights, description, safetensors } from '../checkpoints.ts';
import { figures } from '../plots.ts';
import { windowWith } from '../window.ts';

const weights = denseWeights([3, 5, 2], 3);
/** A state dict that is no chain, and its module as ONNX. */
const besides = (name: string): Buffer => readFileSync(path.join(import.meta.dirname, '../../fixtures/graphBeside', name));
const draw = (seed: number): Buffer => safetensors(denseWeights([3, 5, 2], seed));

const window = windowWith({
  'net.safetensors': safetensors(weights),
  'net.network.json': description([3, 5, 2], 'relu'),
  'bare.safetensors': safetensors(weights),
  'odd.pt': besides('net.pt'),
  'exported.onnx': besides('net.onnx'),
  'folded.onnx': besides('folded.onnx'),
  ...Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`draw${i + 1}.safetensors`, draw(100 + i)])),
});

test('inspect, from the palette, of the file in front', async () => {
  const w = window();
  await w.decoration('net.safetensors', 'W');
  await w.openFile('net.safetensors');
  await w.shown();
  await w.command('Quotient: Inspect Weights');
  await w.tab('Weights').waitFor();
  const view = await w.shown();
  expect(await view.locator('body').innerText()).toMatch(/0\.weight|weight/);
  await w.shot('inspect');
  await w.closeEditors();
});

test('rank and kernel, from the Explorer, on generic inputs', async () => {
  const w = window();
  await w.explorerCommand(['net.safetensors'], 'Quotient', 'Rank and Kernel of the GGN');
  expect(await w.question()).toContain('Generic inputs');
  await w.pick('Generic inputs');
  await w.tab('Rank and kernel').waitFor();
  const view = await w.shown();
  await w.shot('rank');
  const said = await view.locator('body').innerText();
  // D = 32 parameters, five hidden ReLU units: functional dimension 27.
  expect(said).toMatch(/\b27\b[^]*\b32\b/);
  expect(Object.values(await figures(view)).join(' ')).toMatch(/\b27\b/);
  await expect(view.locator('[data-section=spectrum] .js-plotly-plot .point, [data-section=spectrum] .js-plotly-plot path.point').count()).resolves.toBeGreaterThan(20);
  await view.locator('[data-section=waterfall]').waitFor();
  expect(await w.violations()).toBe(0);
  await w.closeEditors();
});

test('the way from one network to another, from the Explorer, in image and kernel', async () => {
  const w = window();
  await w.explorerCommand(['draw11.safetensors', 'draw12.safetensors'], 'Quotient', 'Direction in Image and Kernel');
  await w.pick('relu');
  await w.pick('Generic inputs');
  await w.tab('From draw11.safetensors to draw12.safetensors').waitFor();
  const view = await w.shown();
  await w.shot('direction');
  const said = await figures(view);
  const share = (label: string): number => Number.parseFloat(said[label] ?? '');
  expect(share('In the image')).toBeGreaterThan(1);
  expect(share('In the kernel')).toBeGreaterThan(1);
  expect(share('In the image') + share('In the kernel')).toBeCloseTo(100, 0);
  expect(await w.violations()).toBe(0);
  await w.closeEditors();
});

test('an activation that nothing tells is asked for once, and remembered', async () => {
  const w = window();
  await w.explorerCommand(['bare.safetensors'], 'Quotient', 'Rank and Kernel of the GGN');
  expect(await w.question()).toMatch(/activation/i);
  await w.shot('ask-activation');
  await w.pick('tanh');
  await w.pick('Generic inputs');
  await w.tab('Rank and kernel').waitFor();
  const view = await w.shown();
  expect(await view.locator('body').innerText()).toMatch(/\b32\b/);
  await w.closeEditors();
  await w.explorerCommand(['bare.safetensors'], 'Quotient', 'Rank and Kernel of the GGN');
  expect(await w.question()).toContain('Generic inputs');
  await w.dismissQuestion();
});

test('a state dict that is no chain asks which file tells its network; one that does not fit is refused, one that does is remembered', async () => {
  const w = window();
  await w.explorerCommand(['odd.pt'], 'Quotient', 'Rank and Kernel of the GGN');
  expect(await w.question()).toMatch(/odd\.pt is not recognised as a network/);
  await w.shot('ask-network-file');
  await w.pick('Choose its export or description');
  await w.type(path.join(w.folder, 'folded.onnx'));
  // From the open folder, so that the one line of a notification has room for what is wrong.
  await w.notification(/(?<![\w/])odd\.pt: .*does not hold the tensors of folded\.onnx/);
  await w.explorerCommand(['odd.pt'], 'Quotient', 'Rank and Kernel of the GGN');
  await w.pick('Choose its export or description');
  await w.type(path.join(w.folder, 'exported.onnx'));
  await w.pick('Generic inputs');
  await w.tab('Rank and kernel').waitFor();
  // 30 + 6 of the first convolution, 81 + 6 of the residual one, 8 of the output.
  expect(await (await w.shown()).locator('body').innerText()).toMatch(/\b131\b/);
  await w.closeEditors();
  await w.explorerCommand(['odd.pt'], 'Quotient', 'Rank and Kernel of the GGN');
  expect(await w.question()).toContain('Generic inputs');
  await w.dismissQuestion();
});

test('posterior, from the Explorer, of a selection of draws', async () => {
  const w = window();
  await w.explorerCommand(Array.from({ length: 12 }, (_, i) => `draw${i + 1}.safetensors`), 'Quotient', 'Posterior over Weights');
  await w.pick('relu');
  await w.tab('Posterior').waitFor();
  const view = await w.shown();
  await w.shot('posterior');
  expect(await view.locator('body').innerText()).toMatch(/\b12\b/);
  await expect(view.locator('[data-id=density] .js-plotly-plot').count()).resolves.toBe(3);
  expect(await w.violations()).toBe(0);
  await w.closeEditors();
});

test('canonicalise and save, from the Explorer; the written file opens again with the same names and shapes', async () => {
  const w = window();
  await w.explorerCommand(['net.safetensors'], 'Quotient', 'Canonicalise and Save');
  const target = path.join(w.folder, 'net.canonical.safetensors');
  expect(await w.question()).toContain('canonical');
  await w.shot('save-dialog');
  await w.type(target);
  await w.tab('Canonical form').waitFor();
  const view = await w.shown();
  await w.shot('canonicalise');
  expect(await view.locator('body').innerText()).toContain('net.canonical.safetensors');
  const bytes = await readFile(target);
  const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString()) as Record<string, { shape: number[]; dtype: string }>;
  for (const [name, { shape }] of Object.entries(weights)) expect(header[name]).toMatchObject({ dtype: 'F64', shape });
  await w.closeEditors();
  await w.openFile('net.canonical.safetensors');
  await w.shown();
  await w.closeEditors();
});
