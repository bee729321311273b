// Alignment and comparison in the real VS Code: two copies of a network whose units stand in different orders.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { denseWeights, description, safetensors, type Tensor } from '../checkpoints.ts';
import { drawnLines, figures } from '../plots.ts';
import { windowWith } from '../window.ts';

const hidden = 6;
const weights = denseWeights([3, hidden, 2], 3);

/** The same function with its hidden units in the reverse order. */
function reversed({ '0.weight': into, '0.bias': bias, '2.weight': out, ...others }: Record<string, Tensor>): Record<string, Tensor> {
  if (into === undefined || bias === undefined || out === undefined) throw new Error('not the network that is meant');
  const rows = (values: readonly number[], width: number): number[][] => Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width));
  return {
    '0.weight': { ...into, values: rows(into.values, 3).toReversed().flat() },
    '0.bias': { ...bias, values: bias.values.toReversed() },
    '2.weight': { ...out, values: rows(out.values, hidden).flatMap((row) => row.toReversed()) },
    ...others,
  };
}

const window = windowWith({
  'a.safetensors': safetensors(weights),
  'a.network.json': description([3, hidden, 2], 'tanh'),
  'b.safetensors': safetensors(reversed(weights)),
  'b.network.json': description([3, hidden, 2], 'tanh'),
  'c.safetensors': safetensors(weights),
  'c.network.json': description([3, hidden, 2], 'tanh'),
  'd.safetensors': safetensors(weights),
  'd.network.json': description([3, hidden, 2], 'tanh'),
});

test('two networks are aligned, from the Explorer; the file written has the units of the reference', async () => {
  const w = window();
  await w.decoration('a.safetensors', 'W');
  // The click that selects opens it as well; two first pages of a window at once are more than it sometimes loads.
  await w.openFile('a.safetensors');
  await w.shown();
  await w.explorerCommand(['a.safetensors', 'b.safetensors'], 'Quotient', 'Align Units and Save');
  await w.pick('Without data');
  // Without data there are no responses to match by.
  expect(await w.question()).not.toMatch(/responses/);
  await w.shot('align-method');
  await w.pick('By their weights');
  await expect.poll(() => w.question()).toMatch(/Reference[^]*a\.safetensors/);
  // The first is offered first.
  await w.page.keyboard.press('Enter');
  await expect.poll(() => w.question()).toContain('Save b.safetensors with its units aligned');
  const target = path.join(w.folder, 'b.aligned.safetensors');
  await w.type(target);
  await w.tab('Alignment of b.safetensors').waitFor();
  const view = await w.shown();
  await w.shot('align');
  // Bytes of the reference after the header, whose order of tensors is that of the file read.
  const elements = (bytes: Buffer): Buffer => bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)));
  expect(elements(await readFile(target))).toEqual(elements(safetensors(weights)));
  // A number with an exponent is not broken at its sign.
  await expect(view.locator('.summary .unbroken').allInnerTexts()).resolves.toEqual([expect.stringMatching(/^\d[.\d]*e-\d+$/)]);
  const [panel] = await drawnLines(view, 'function');
  expect(panel?.curves).toBe(2);
  await expect(view.locator('[data-id=function] .keys li').allInnerTexts()).resolves.toEqual(['as stored', 'aligned']);
  for (const [theme, name] of [['Default Light Modern', 'light'], ['Default Dark Modern', 'dark'], ['Default High Contrast', 'high-contrast']] as const) {
    await w.theme(theme);
    await w.shown();
    await w.shot(`align-${name}`);
  }
  expect(await w.violations()).toBe(0);
  await w.closeEditors();
});

test('two networks are compared: one function, up to symmetry', async () => {
  const w = window();
  await w.explorerCommand(['a.safetensors', 'b.safetensors'], 'Quotient', 'Compare Networks');
  await w.pick('Generic inputs');
  await w.tab('Functions of a.safetensors').waitFor();
  const view = await w.shown();
  await w.shot('compare');
  const said = await figures(view);
  expect(said['Same function']).toBe('up to symmetry');
  expect(Number(said['Distance'])).toBeGreaterThan(1);
  expect(Number(said['Units aligned'])).toBe(0);
  expect(await w.violations()).toBe(0);
  await w.closeEditors();
});

test('several are aligned at once, into a folder; what is there is replaced after a question', async () => {
  const w = window();
  await w.explorerCommand(['a.safetensors', 'b.safetensors', 'c.safetensors'], 'Quotient', 'Align Units and Save');
  await w.pick('Without data');
  await w.pick('All at once');
  await expect.poll(() => w.question()).toMatch(/Folder for 3 files in .* with their units aligned/);
  await w.type(`${w.folder}/`);
  // One of the three was written by an earlier test.
  expect(await w.dialog('Replace')).toMatch(/Replace b\.aligned\.safetensors[^]*\?/);
  await w.tab('Alignment of 3 files').waitFor();
  await w.shown();
  const written = await Promise.all(['a', 'b', 'c'].map((name) => readFile(path.join(w.folder, `${name}.aligned.safetensors`))));
  // Three copies of one network in one order.
  expect(new Set(written.map((bytes) => bytes.subarray(8 + Number(bytes.readBigUInt64LE(0))).toString('hex'))).size).toBe(1);
  await w.closeEditors();
});

test('a file that is there is not replaced without asking', async () => {
  const w = window();
  const target = path.join(w.folder, 'd.canonical.safetensors');
  await writeFile(target, 'not to be lost');
  await w.explorerCommand(['d.safetensors'], 'Quotient', 'Canonicalise and Save');
  await w.type(target);
  await expect.poll(() => w.question()).toMatch(/already exists|overwrite/i);
  await w.shot('save-over');
  // No leads back to the dialog.
  await w.page.keyboard.press('Escape');
  await expect.poll(() => w.question()).toContain('Save the canonical form');
  await w.dismissQuestion();
  expect(await readFile(target, 'utf8')).toBe('not to be lost');
});
