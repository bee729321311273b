// Paths of weight files in the cells of a notebook.
import { expect, test } from 'vitest';
import { denseWeights, description, safetensors } from '../checkpoints.ts';
import { windowWith } from '../window.ts';

const cell = { cell_type: 'code', execution_count: null, metadata: {}, outputs: [], source: ['weights = load("net.safetensors")'] };

const window = windowWith({
  'net.safetensors': safetensors(denseWeights([3, 5, 2], 1)),
  'net.network.json': description([3, 5, 2], 'relu'),
  'notes.ipynb': JSON.stringify({ cells: [cell], metadata: { language_info: { name: 'python' } }, nbformat: 4, nbformat_minor: 5 }),
});

test('a hover in a cell tells what the file holds', async () => {
  const w = window();
  // Until a window knows its extensions, a notebook opens as JSON.
  await w.decoration('net.safetensors', 'W');
  await w.openFile('notes.ipynb');
  const token = w.page.locator('.notebook-editor .view-line span', { hasText: 'net.safetensors' }).last();
  await token.waitFor();
  const hover = w.page.locator('.monaco-hover:visible', { hasText: 'parameters' });
  await w.until('a hover in a cell', async () => {
    await w.page.mouse.move(1000, 700);
    await token.hover();
    return hover.first().waitFor({ timeout: 2000 }).then(() => true, () => false);
  });
  expect(await hover.first().innerText()).toContain('3 → 5 relu → 2');
  await w.shot('hover-notebook');
});
