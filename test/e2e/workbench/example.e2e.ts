// The main job in the real VS Code: the two-neuron example, from the command palette to the three density plots of the posterior.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { drawnDensities, drawnDraws, type DrawnDensity } from '../plots.ts';
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
  await w.pick('Two neurons');
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

test('the draws are shown over the loss of the example’s data, before and after', async () => {
  const w = window();
  const view = await w.shown();
  const panels = await drawnDraws(view);
  expect(panels.map(({ title }) => title)).toEqual(['As drawn', 'Symmetries removed']);
  for (const { title, draws, contours } of panels) {
    expect(draws, title).toBeGreaterThan(300);
    expect(contours, title).toBe(true);
  }
  await view.locator('#heading-projections').evaluate((heading: { scrollIntoView(): void }) => { heading.scrollIntoView(); });
  await w.shot('example-draws');
});

test('panels with the same axes are zoomed together, from the keyboard', async () => {
  const view = await window().shown();
  const before = await drawnDensities(view);
  const plot = view.locator('[data-id=density] .js-plotly-plot').nth(2);
  await plot.focus();
  await plot.press('+');
  await expect.poll(async () => (await drawnDensities(view))[1]?.range).not.toEqual(before[1]?.range);
  const [original, unscaled, sorted] = await drawnDensities(view);
  expect(unscaled?.range).toEqual(sorted?.range);
  expect(original?.range, 'axes of its own').toEqual(before[0]?.range);
});

test('draws selected in one panel are shown in the others', async () => {
  const view = await window().shown();
  const plot = view.locator('[data-id=density] .js-plotly-plot').nth(2);
  await plot.focus();
  await plot.press('s');
  await expect.poll(async () => (await drawnDensities(view))[1]?.selected.length).toBeGreaterThan(50);
  const [original, unscaled, sorted] = await drawnDensities(view);
  expect(original?.selected).toHaveLength(sorted?.selected.length ?? 0);
  // Sorting leaves a draw where it is, or mirrors it.
  for (const [i, [x, y]] of (sorted?.selected ?? []).entries()) {
    const [a, b] = unscaled?.selected[i] ?? [NaN, NaN];
    expect([[x, y], [y, x]], `draw ${i}`).toContainEqual([a, b]);
  }
  await window().shot('example-selected');
  await plot.press('Escape');
  await plot.press('0');
  await expect.poll(async () => (await drawnDensities(view)).flatMap(({ selected }) => selected)).toEqual([]);
});

describe.each<[Theme, string, 'light' | 'dark']>([
  ['Default Light Modern', 'light', 'light'],
  ['Default Dark Modern', 'dark', 'dark'],
  ['Default High Contrast', 'high-contrast', 'dark'],
  ['Default High Contrast Light', 'high-contrast-light', 'light'],
])('%s', (theme, name, kind) => {
  test('colours the page and its plots', async () => {
    const w = window();
    await w.theme(theme);
    const view = await w.shown();
    const brightness = (selector: string, property: string): Promise<number> =>
      view.locator(selector).first().evaluate((element: Styled, wanted) => {
        const colour = element.ownerDocument.defaultView.getComputedStyle(element).getPropertyValue(wanted);
        return (colour.match(/[\d.]+/g) ?? []).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3;
      }, property);
    // Text of the page and of its plots on the window's background: at least a third of the scale apart.
    const background = kind === 'light' ? 255 : 0;
    for (const [selector, property] of [['body', 'color'], ['.js-plotly-plot .xtick text', 'fill'], ['.js-plotly-plot .xtitle', 'fill']] as const) {
      await expect.poll(async () => Math.abs((await brightness(selector, property)) - background), { message: selector }).toBeGreaterThan(130);
    }
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
