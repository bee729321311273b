// The view "Analyses": what was run is listed there, opens again after its panel was closed, and becomes a file that opens as the panel did.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { denseWeights, description, safetensors } from '../checkpoints.ts';
import type { Theme } from '../workbench.ts';
import { windowWith } from '../window.ts';

const window = windowWith({
  'net.safetensors': safetensors(denseWeights([3, 6, 2], 3)),
  'net.network.json': description([3, 6, 2], 'relu'),
  'other.safetensors': safetensors(denseWeights([3, 6, 2], 4)),
  'other.network.json': description([3, 6, 2], 'relu'),
  'broken.safetensors': Buffer.from('not tensors'),
});

const rows = () => window().page.locator('.pane-body .monaco-list-row', { has: window().page.locator('.monaco-icon-label') });
const row = (title: string) => rows().filter({ hasText: title }).first();
/** An entry of an analysis's context menu. */
const choose = (title: string, entry: string): Promise<void> => window().contextCommand(row(title), entry);
const showView = async (): Promise<void> => {
  await window().command('View: Show Quotient');
  await window().page.locator('.composite.title', { hasText: 'Quotient' }).first().waitFor();
};

test('empty, it says what to do', async () => {
  const w = window();
  await w.decoration('net.safetensors', 'W');
  await showView();
  await w.page.locator('.welcome-view-content').getByText('Open Example').waitFor();
  await w.page.locator('.welcome-view-content').getByText('Choose a Weight File').waitFor();
  await w.shot('analyses-empty');
});

test('an analysis is listed, and opens again from there after its panel was closed', async () => {
  const w = window();
  await w.command('View: Show Explorer');
  await w.explorerCommand(['net.safetensors'], 'Quotient', 'Rank and Kernel');
  await w.pick('Generic inputs');
  const summary = await (await w.shown()).locator('.summary').first().innerText();
  await w.closeEditors();
  await showView();
  await expect.poll(() => row('Rank and kernel of net.safetensors').getAttribute('aria-label')).toContain('done');
  await row('Rank and kernel of net.safetensors').click();
  await w.tab('Rank and kernel of net.safetensors').waitFor();
  expect(await (await w.shown()).locator('.summary').first().innerText()).toBe(summary);
});

test('one that failed says why, without running again', async () => {
  const w = window();
  await w.closeEditors();
  await w.command('View: Show Explorer');
  await w.explorerCommand(['broken.safetensors'], 'Quotient', 'Inspect Weights');
  // Once: on the page, which is in sight.
  await expect((await w.shown('error')).locator('[role=alert]').innerText()).resolves.toMatch(/broken\.safetensors/);
  expect(await w.notifications().count()).toBe(0);
  await w.closeEditors();
  await showView();
  await expect.poll(() => row('Weights of broken.safetensors').innerText()).toContain('failed');
  await row('Weights of broken.safetensors').click();
  await expect((await w.shown('error')).locator('body').innerText()).resolves.toMatch(/broken\.safetensors/);
});

test('a result becomes a file, which opens from the Explorer as the panel did, and names no folder of this machine', async () => {
  const w = window();
  await showView();
  await row('Rank and kernel of net.safetensors').hover();
  await row('Rank and kernel of net.safetensors').getByRole('button', { name: 'Save Result as File' }).click();
  await expect.poll(() => w.question()).toContain('Save Result');
  const target = path.join(w.folder, 'net.rank.quotient.json');
  await w.type(target);
  await w.command('View: Show Explorer');
  await w.file('net.rank.quotient.json').waitFor();
  expect(await readFile(target, 'utf8')).not.toContain(w.folder);
  await w.closeEditors();
  await w.openFile('net.rank.quotient.json');
  await expect((await w.shown()).locator('.summary').first().innerText()).resolves.toMatch(/rank/i);
  await w.shot('result-file');
});

test('two results are compared line by line', async () => {
  const w = window();
  await w.closeEditors();
  await w.explorerCommand(['other.safetensors'], 'Quotient', 'Rank and Kernel');
  await w.pick('Generic inputs');
  await w.shown();
  await showView();
  await choose('Rank and kernel of net.safetensors', 'Compare Results');
  await w.pick('Rank and kernel of other.safetensors');
  await w.page.locator('.monaco-diff-editor .view-line', { hasText: '"parameters"' }).first().waitFor();
  await w.shot('analyses-compare');
});

test('it outlives a reload, and what is removed is gone', async () => {
  const w = window();
  await w.closeEditors();
  await w.command('View: Show Explorer');
  await w.file('net.safetensors').waitFor();
  await w.reload();
  await showView();
  await row('Rank and kernel of net.safetensors').waitFor();
  for (const theme of ['Default Light Modern', 'Default Dark Modern', 'Default High Contrast', 'Default High Contrast Light'] satisfies Theme[]) {
    await w.theme(theme);
    await w.shot(`analyses-view ${theme}`);
  }
  await choose('Weights of broken.safetensors', 'Remove from List');
  await row('Weights of broken.safetensors').waitFor({ state: 'detached' });
  await row('Rank and kernel of net.safetensors').waitFor();
});
