// A real classification in the real VS Code: the digits example, its calibration and class probabilities, in every theme and in a narrow panel.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { drawnDraws, drawnLines } from '../plots.ts';
import { windowWith } from '../window.ts';

const window = windowWith({ 'notes.md': '# Notes\n' });
const methods = ['sampled Laplace', 'linearised Laplace', 'projected Laplace', 'last-layer Laplace', 'mode ŵ'];

test('the digits example leads from the palette to its class probabilities', async () => {
  const w = window();
  await w.command('Quotient: Open Example');
  await w.pick('Handwritten digits');
  await w.pick('digits');
  await w.tab('Posterior predictive').waitFor({ timeout: 100_000 });
  const view = await w.shown('shown', 110_000);
  expect(await readdir(path.join(w.folder, 'digits'))).toEqual(expect.arrayContaining(['README.md', 'data.npz', 'network.safetensors', 'test.npz']));
  // The two questions are answered at the top.
  expect(await view.locator('.summary').innerText()).toMatch(/^Sampled Laplace underfits.*in the kernel of the GGN.*along the kernel its outputs do not move/s);
  const panels = await drawnLines(view, 'reliability');
  expect(panels.map(({ title }) => title)).toEqual(methods);
  for (const { title, curves } of panels) expect(curves, title).toBe(2);
  await expect(view.locator('[data-id=probabilities] h3').allInnerTexts()).resolves.toEqual(methods);
  // A right class for each of the 20 inputs.
  await expect(view.locator('[data-id=probabilities] .js-plotly-plot').first().locator('.scatterlayer .point').count()).resolves.toBe(20);
  expect(await drawnDraws(view)).toHaveLength(3);
  expect(await view.locator('body').innerText()).not.toContain('is not a mode');
});

test('in every theme, and in a narrow panel', async () => {
  const w = window();
  for (const [theme, name] of [['Default Light Modern', 'light'], ['Default Dark Modern', 'dark'], ['Default High Contrast', 'high-contrast'], ['Default High Contrast Light', 'high-contrast-light']] as const) {
    await w.theme(theme);
    const view = await w.shown();
    for (const section of ['reliability', 'probabilities', 'projections']) {
      await view.locator(`[data-id=${section}]`).scrollIntoViewIfNeeded();
      await view.locator(`#heading-${section}`).evaluate((heading: { scrollIntoView(): void }) => { heading.scrollIntoView(); });
      await w.shot(`digits-${section}-${name}`);
    }
  }
  await w.theme('Default Light Modern');
  await w.page.setViewportSize({ width: 760, height: 900 });
  const view = await w.shown();
  const wide = await view.locator('html').evaluate((page: { readonly scrollWidth: number; readonly clientWidth: number }) => page.scrollWidth - page.clientWidth);
  expect(wide, 'nothing sticks out').toBeLessThanOrEqual(0);
  for (const section of ['reliability', 'probabilities', 'projections', 'scores']) {
    await view.locator(`#heading-${section}`).evaluate((heading: { scrollIntoView(): void }) => { heading.scrollIntoView(); });
    await w.shot(`digits-${section}-narrow`);
  }
  await w.page.setViewportSize({ width: 1400, height: 900 });
  expect(await w.violations()).toBe(0);
});
