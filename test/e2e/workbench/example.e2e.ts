// The main job in the real VS Code: the two-neuron example, from the command palette to the three density plots of the posterior.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { drawnDensities, type DrawnDensity } from '../plots.ts';
import { windowWith } from '../window.ts';
import type { Theme } from '../workbench.ts';

const window = windowWith({ 'notes.md': '# Notes\n' });

const sum = (rows: readonly (readonly number[])[]): number => rows.flat().reduce((a, b) => a + b, 0);

/** Points in bins that lie wholly above the diagonal v1 = v2. */
function aboveDiagonal({ counts, x, y }: DrawnDensity): number {
  const halves = (x[1]! - x[0]!) / 2 + (y[1]! - y[0]!) / 2;
  return sum(counts.map((row, iy) => row.filter((_, ix) => y[iy]! - x[ix]! > halves)));
}

function belowDiagonal({ counts, x, y }: DrawnDensity): number {
  const halves = (x[1]! - x[0]!) / 2 + (y[1]! - y[0]!) / 2;
  return sum(counts.map((row, iy) => row.filter((_, ix) => x[ix]! - y[iy]! > halves)));
}

test('the example is trained, analysed and shown as three linked densities', async () => {
  const w = window();
  await w.command('Quotient: Open Example');
  await w.pick('two-neurons');
  const view = await w.shown('shown', 110_000);
  await w.shot('example');
  expect(await readdir(path.join(w.folder, 'two-neurons'))).toEqual(expect.arrayContaining(['data.npz', 'draws.network.json', 'draws.npz']));

  const [original, unscaled, sorted, ...more] = await drawnDensities(view);
  if (original === undefined || unscaled === undefined || sorted === undefined) throw new Error('fewer than three densities');
  expect(more).toEqual([]);
  for (const density of [original, unscaled, sorted]) {
    expect(density.width, density.title).toBeGreaterThan(150);
    expect(density.height, density.title).toBeGreaterThan(150);
    // At least 95 % of the ten thousand networks are kept, and every one of them is in every panel.
    expect(density.total, density.title).toBeGreaterThanOrEqual(9_500);
    expect(density.total, density.title).toBe(original.total);
    expect(sum(density.counts) + density.outside, density.title).toBe(density.total);
    expect(density.outside, density.title).toBeLessThan(0.1 * density.total);
  }
  // Swapping the two units mirrors the first two pictures, and every network is as likely as its mirror image: the two sides differ
  // by a binomial fluctuation. Sorting v1 ≥ v2 leaves nothing on the upper side.
  for (const density of [original, unscaled]) {
    const [above, below] = [aboveDiagonal(density), belowDiagonal(density)];
    expect(Math.abs(above - below), density.title).toBeLessThan(5 * Math.sqrt(above + below));
    expect(above, density.title).toBeGreaterThan(2_000);
  }
  expect(aboveDiagonal(sorted)).toBe(0);
});

test('zooming one density zooms the others', async () => {
  const view = await window().shown();
  const plot = view.locator('[data-section=density] .js-plotly-plot').first();
  const ranges = (): Promise<string[]> => view.locator('[data-section=density] .js-plotly-plot .xaxislayer-above').allInnerTexts();
  const before = await ranges();
  await plot.focus();
  await plot.press('+');
  await expect.poll(async () => (await ranges())[0]).not.toBe(before[0]);
  const after = await ranges();
  expect(new Set(after.map((text) => text.replaceAll(/\s+/g, ' '))).size).toBe(1);
  await plot.press('0');
});

describe.each<[Theme, string]>([
  ['Default Light Modern', 'light'],
  ['Default Dark Modern', 'dark'],
  ['Default High Contrast', 'high-contrast'],
  ['Default High Contrast Light', 'high-contrast-light'],
])('%s', (theme, name) => {
  test('colours the page and its plots', async () => {
    const w = window();
    await w.theme(theme);
    const view = await w.shown();
    const colour = (selector: string, property: string): Promise<string> =>
      view.locator(selector).first().evaluate((element: Styled, wanted) => element.ownerDocument.defaultView.getComputedStyle(element).getPropertyValue(wanted), property);
    const text = await colour('body', 'color');
    await expect.poll(() => colour('.js-plotly-plot .xtick text', 'fill')).toBe(text);
    await w.shot(`example-${name}`);
    expect(await w.violations()).toBe(0);
  });
});

test('the panel is restored when the window is loaded again', async () => {
  const w = window();
  const before = await drawnDensities(await w.shown());
  await w.reload();
  const after = await drawnDensities(await w.shown());
  expect(after.map(({ title, counts }) => ({ title, counts }))).toEqual(before.map(({ title, counts }) => ({ title, counts })));
  expect(await w.violations()).toBe(0);
  await w.shot('example-restored');
});

/** As much of an element as is read inside the page. */
interface Styled {
  readonly ownerDocument: { readonly defaultView: { getComputedStyle(element: unknown): { getPropertyValue(name: string): string } } };
}
