// A file of a hundred thousand tensors: it opens from its header, scrolls to its end, is searched, and only what is in sight is in the document.
import { truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { safetensors, type Tensor } from '../checkpoints.ts';
import { windowWith } from '../window.ts';

const COUNT = 100_000;
const many: Record<string, Tensor> = {};
for (let i = 0; i < COUNT; i++) many[`model.layers.${Math.floor(i / 100)}.block.${i % 100}.weight`] = { shape: [1], values: [i] };

const window = windowWith({ 'many.safetensors': safetensors(many), 'few.safetensors': safetensors({ weight: { shape: [1], values: [1] } }) });

test('a file of 100,000 tensors opens and can be walked through by keyboard', async () => {
  const w = window();
  await w.decoration('many.safetensors', 'W');
  const opened = async (name: string): Promise<number> => {
    const started = performance.now();
    await w.openFile(name);
    await w.shown();
    return performance.now() - started;
  };
  // The first one starts the host.
  await opened('few.safetensors');
  await w.closeEditors();
  const few = await opened('few.safetensors');
  await w.closeEditors();
  const all = await opened('many.safetensors');
  console.log(`from the double click to the picture: one tensor ${Math.round(few)} ms, ${COUNT} tensors ${Math.round(all)} ms`);
  const view = await w.shown();
  await view.locator('.outline', { hasText: '100,000 tensors' }).waitFor();
  await w.shot('many');
  await view.getByRole('button', { name: 'Open all' }).click();
  await view.locator('.outline [role=row].tensor').first().click();
  await view.locator('.pane [data-id=tensor-statistics]').waitFor();
  await w.page.keyboard.press('End');
  await view.locator('.outline [role=row]:focus', { hasText: 'weight' }).waitFor();
  await view.locator('.pane .tensor-name', { hasText: 'model.layers.999.block.99.weight' }).waitFor();
  // The rows in sight and a few around them.
  expect(await view.locator('.outline [role=row]').count()).toBeLessThan(100);
  expect(await w.violations()).toBe(0);
});

test('one of them is found by typing', async () => {
  const w = window();
  const view = await w.shown();
  await w.page.keyboard.type('777.block.42');
  const rows = view.locator('.outline [role=row].tensor');
  await expect.poll(() => rows.count()).toBe(1);
  await w.page.keyboard.press('Enter');
  await view.locator('.pane .tensor-name', { hasText: 'model.layers.777.block.42.weight' }).waitFor();
  await view.locator('.pane [data-id=tensor-statistics]', { hasText: '7.774e4' }).or(view.locator('.pane [data-id=tensor-statistics]', { hasText: '77,742' })).waitFor();
  await w.shot('many-found');
});

test('a sparse file of 10 GB opens from its header', async () => {
  const w = window();
  await w.closeEditors();
  const elements = 2.5e9;
  const header = Buffer.from(JSON.stringify({ 'huge.weight': { dtype: 'F32', shape: [50_000, 50_000], data_offsets: [0, 4 * elements] } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = path.join(w.folder, 'huge.safetensors');
  await writeFile(file, Buffer.concat([length, header]));
  await truncate(file, 8 + header.length + 4 * elements);
  await w.decoration('huge.safetensors', 'W');
  const started = performance.now();
  await w.openFile('huge.safetensors');
  const view = await w.shown();
  console.log(`from the double click to the picture: 10 GB ${Math.round(performance.now() - started)} ms`);
  expect(await view.locator('body').innerText()).toMatch(/2,500,000,000 parameters[^]*50,000 × 50,000/);
  await w.closeEditors();
});
