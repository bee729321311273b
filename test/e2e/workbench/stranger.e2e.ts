// Two minutes of a stranger, in a clean profile, on a folder of networks that PyTorch and Keras trained: what shows by itself, what a click shows,
// what the palette offers, where the walkthrough leads, and each analysis once on these files. In four themes, for people to look at.
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { drawnDensities, drawnLines, figures } from '../plots.ts';
import { windowWith } from '../window.ts';
import type { Theme } from '../workbench.ts';

const trained = path.join(import.meta.dirname, '../../fixtures/trained');
const files = (await readdir(trained)).filter((name) => name !== 'figures.json');
const seeds = files.filter((name) => name.endsWith('.pt'));
const window = windowWith({
  ...Object.fromEntries(await Promise.all(files.map(async (name) => [name, await readFile(path.join(trained, name))] as const))),
  'evaluate.py': 'import torch\n\nstate = torch.load("sine-seed0.pt")\nmodel = keras.models.load_model("rings.keras")\n',
});

const themes: readonly (readonly [Theme, string])[] = [
  ['Default Dark Modern', 'dark'], ['Default High Contrast', 'hc-dark'], ['Default High Contrast Light', 'hc-light'], ['Default Light Modern', 'light'],
];

interface Weights {
  readonly name: string;
  readonly values: Float64Array;
}

async function weightsOf(file: string): Promise<readonly Weights[]> {
  const opened = await openWeightFile(file);
  const read = await Promise.all(opened.tensors.map(async ({ name }) => ({ name, values: await opened.read(name) })));
  await opened.close();
  return read;
}

/** One picture a theme, the first screen and where the page is longer the rest of it. */
async function pictures(name: string, sections: readonly string[] = []): Promise<void> {
  const w = window();
  for (const [theme, short] of themes) {
    await w.theme(theme);
    await w.page.waitForTimeout(700);
    await w.shot(`stranger-${name}-${short}`);
    for (const section of sections) {
      await w.view().locator(`[data-id=${section}]`).first().evaluate((element: { scrollIntoView(): void }) => { element.scrollIntoView(); });
      await w.page.waitForTimeout(400);
      await w.shot(`stranger-${name}-${section}-${short}`);
    }
    if (sections.length > 0) await w.view().locator('h1').first().evaluate((element: { scrollIntoView(): void }) => { element.scrollIntoView(); });
  }
}

test('the Explorer marks what holds weights, and says of a file what is in it', async () => {
  const w = window();
  for (const name of ['rings.keras', 'rings.npz', ...seeds]) await w.decoration(name, 'W');
  await w.tooltip('sine-seed0.pt', 'PyTorch');
  await pictures('explorer');
});

test('a click on a file shows what is in it, whatever wrote it', async () => {
  const w = window();
  await w.openFile('sine-seed0.pt');
  const view = await w.shown();
  // 1·10 + 10, 10·10 + 10, 10 + 1.
  expect(await view.locator('body').innerText()).toMatch(/\b141\b/);
  await view.locator('[data-action=statistics]').click();
  await view.locator('.outline [role=row].tensor').first().click();
  await view.locator('.pane .barlayer path').first().waitFor({ state: 'attached' });
  await pictures('viewer');
  await w.openFile('rings.keras');
  const keras = await w.shown();
  // 2·8 + 8, 8·8 + 8, 8·2 + 2.
  expect(await keras.locator('body').innerText()).toMatch(/\b114\b/);
  await w.shot('stranger-viewer-keras');
  await w.openFile('sine.npz');
  await w.shown();
  await w.shot('stranger-viewer-npz');
  await w.closeEditors();
});

test('a path in a program says what it leads to', async () => {
  const w = window();
  await w.openFile('evaluate.py');
  for (const [theme, short] of themes) {
    await w.theme(theme);
    expect(await w.hover('sine-seed0.pt', 'parameters')).toContain('141 parameters');
    await w.shot(`stranger-hover-${short}`);
  }
  expect(await w.hover('rings.keras', 'parameters')).toContain('114 parameters');
  await w.closeEditors();
});

test('the palette offers what can be done', async () => {
  const w = window();
  await w.page.keyboard.press('F1');
  await w.fill('>Quotient');
  await w.shot('stranger-palette');
  const offered = await w.question();
  for (const title of ['Inspect Weights', 'Rank and Kernel', 'Posterior over Weights', 'Posterior Predictive', 'Open Example', 'Getting Started']) expect.soft(offered).toContain(title);
  await w.dismissQuestion();
});

test('the walkthrough leads to the two neurons, and to sampled beside linearised', { timeout: 400_000 }, async () => {
  const w = window();
  await w.command('Quotient: Getting Started');
  const page = w.page.locator('.gettingStartedContainer');
  await page.getByText('See the first picture').first().click();
  await pictures('walkthrough');
  await page.locator('.monaco-button', { hasText: 'Two Neurons' }).click();
  await w.pick('two-neurons');
  await w.tab('Posterior over').waitFor({ timeout: 100_000 });
  expect(await drawnDensities(await w.shown('shown', 100_000))).toHaveLength(3);
  await w.command('Quotient: Getting Started');
  // What was shown is done, and nothing else.
  const done = (step: string) => page.locator(`[data-done-step-id$="#start#${step}"]`).first().getAttribute('aria-checked');
  await expect.poll(() => done('example')).toBe('true');
  expect(await done('predict')).toBe('false');
  await page.getByText('See why methods differ').first().click();
  await page.locator('.monaco-button', { hasText: 'Regression with a Gap' }).click();
  await w.pick('sine');
  await w.tab('Posterior predictive').waitFor({ timeout: 100_000 });
  const panels = await drawnLines(await w.shown('shown', 150_000), 'bands');
  expect(panels.map(({ title }) => title)).toEqual(expect.arrayContaining(['sampled Laplace', 'linearised Laplace']));
  await pictures('bands', ['overview', 'bands', 'scores', 'projections']);
  await w.closeEditors();
  // Out of the way of what follows.
  for (const example of ['two-neurons', 'sine']) await rm(path.join(w.folder, example), { recursive: true });
});

test('rank and kernel of a PyTorch checkpoint on its data', async () => {
  const w = window();
  await w.explorerCommand(['sine-seed0.pt'], 'Quotient', 'Rank and Kernel of the GGN');
  await w.shot('stranger-ask-activation');
  await w.pick('tanh');
  await w.shot('stranger-ask-data');
  await w.pick('sine.npz');
  await w.shot('stranger-ask-likelihood');
  await w.pick('Gaussian');
  await w.tab('Rank and kernel').waitFor();
  const view = await w.shown();
  expect(await view.locator('body').innerText()).toMatch(/\b141\b/);
  // Forty points cannot determine more than forty directions.
  expect(Object.values(await figures(view)).join(' ')).toMatch(/\b(3\d|40)\b/);
  await pictures('rank', ['spectrum', 'kernel']);
  // A setting that a warning names is one click away.
  await view.getByRole('button', { name: 'quotient.rank.priorPrecision' }).first().click();
  await expect.poll(() => w.page.locator('.settings-editor').innerText()).toMatch(/Prior Precision/);
  await w.shot('stranger-setting');
  // The settings may lie over the other editors.
  await w.page.keyboard.press('Escape');
  await w.closeEditors();
});

test('posterior over four seeds', async () => {
  const w = window();
  await w.explorerCommand(seeds, 'Quotient', 'Posterior over Weights');
  // The activation was said for one of them, and they are one architecture.
  await w.tab('Posterior').waitFor();
  const view = await w.shown();
  expect(await view.locator('body').innerText()).toMatch(/\b4\b/);
  await pictures('posterior', ['density', 'distances']);
  await w.closeEditors();
});

test('two seeds are different functions; aligned, one is written in the order of the other', async () => {
  const w = window();
  await w.explorerCommand(seeds.slice(0, 2), 'Quotient', 'Compare Networks');
  await w.pick('Generic inputs');
  await w.tab('unctions of').waitFor();
  expect((await figures(await w.shown()))['Same function']).toBe('no');
  await pictures('compare');
  await w.closeEditors();
  await w.explorerCommand(seeds.slice(0, 2), 'Quotient', 'Align Units and Save');
  await expect.poll(() => w.question()).toMatch(/sine\.npz[^]*inputs x 40 × 1, targets y 40/);
  // Nothing that holds no inputs is offered as data.
  expect(await w.question()).not.toMatch(/\.pt|\.keras/);
  await w.shot('stranger-ask-align');
  await w.pick('sine.npz');
  await w.pick('Gaussian');
  await w.pick('By their weights');
  await expect.poll(() => w.question()).toMatch(/Reference[^]*sine-seed0\.pt/);
  await w.page.keyboard.press('Enter');
  await expect.poll(() => w.question()).toContain('Save sine-seed1.pt with its units aligned');
  const target = path.join(w.folder, 'sine-seed1.aligned.safetensors');
  await w.type(target);
  await w.tab('Alignment of sine-seed1.pt to sine-seed0.pt').waitFor();
  const view = await w.shown();
  expect(await view.locator('.summary').innerText()).toMatch(/distance to the reference falls from [\d.]+ to [\d.]+\. The loss barrier (?:falls|rises) from [\d.]+ to [\d.]+ nats a data point/);
  await pictures('align', ['files', 'loss', 'function']);
  // The same numbers, in another order and with other signs (tanh is odd), nearer to those of the reference.
  const [reference, before, after] = await Promise.all([weightsOf(path.join(trained, 'sine-seed0.pt')), weightsOf(path.join(trained, 'sine-seed1.pt')), weightsOf(target)]);
  expect(after.map(({ name }) => name)).toEqual(before.map(({ name }) => name));
  const sizes = (values: Float64Array): Float64Array => values.map(Math.abs).toSorted();
  after.forEach(({ name, values }, i) => { expect(sizes(values), name).toEqual(sizes(before[i]!.values)); });
  const squared = (from: readonly Weights[]): number => from.reduce((sum, { values }, i) => sum + values.reduce((part, value, k) => part + (value - reference[i]!.values[k]!) ** 2, 0), 0);
  expect(squared(after)).toBeLessThan(0.99 * squared(before));
  await w.closeEditors();
});

test('predictive of four seeds trained by PyTorch', async () => {
  const w = window();
  await w.explorerCommand(seeds, 'Quotient', 'Posterior Predictive…');
  await w.pick('sine.npz');
  await w.pick('No test data');
  await w.pick('Gaussian');
  await w.type('0.1');
  await expect.poll(() => w.question()).toContain('Methods');
  await w.shot('stranger-ask-methods');
  await w.page.keyboard.press('Enter');
  await w.tab('Posterior predictive').waitFor();
  await w.shown();
  await pictures('ensemble', ['bands', 'scores']);
  await w.closeEditors();
});

test('rank and predictive of a Keras classifier, whose file says all', async () => {
  const w = window();
  await w.explorerCommand(['rings.keras'], 'Quotient', 'Rank and Kernel of the GGN');
  await w.pick('rings.npz');
  await w.pick('Categorical');
  await w.tab('Rank and kernel').waitFor();
  expect(await (await w.shown()).locator('body').innerText()).toMatch(/\b114\b/);
  await w.closeEditors();
  await w.explorerCommand(['rings.keras'], 'Quotient', 'Canonicalise and Save');
  await w.type(path.join(w.folder, 'rings.canonical.safetensors'));
  await w.tab('Canonical form').waitFor();
  await w.shown();
  await pictures('canonical');
  await w.closeEditors();
});

test('the view Analyses lists what was run', async () => {
  const w = window();
  await w.command('View: Show Quotient');
  await pictures('analyses');
  const said = await w.page.locator('.pane-body').first().innerText();
  for (const title of ['Rank and kernel', 'Posterior', 'predictive', 'Canonical form']) expect.soft(said).toContain(title);
});

test('in a narrow panel', async () => {
  const w = window();
  await w.page.setViewportSize({ width: 640, height: 900 });
  await w.command('View: Show Explorer');
  await w.openFile('sine-seed0.pt');
  await w.shown();
  await w.shot('stranger-narrow-viewer');
  // Nothing is wider than the page.
  expect(await w.view().locator('html').evaluate((root: { readonly scrollWidth: number; readonly clientWidth: number }) => root.scrollWidth - root.clientWidth)).toBeLessThanOrEqual(0);
});
