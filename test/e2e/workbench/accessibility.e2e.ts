// Screen readers and the keyboard: axe-core finds nothing serious on any kind of page in any theme, Tab comes to every control, and every plot says in words what it shows.
import { expect, test } from 'vitest';
import { beyondTab, seriousViolations } from '../accessibility.ts';
import { denseWeights, description, safetensors } from '../checkpoints.ts';
import { windowWith } from '../window.ts';
import type { Theme, Workbench } from '../workbench.ts';

const points = Array.from({ length: 30 }, (_, n) => [Math.sin(n), Math.cos(3 * n), Math.sin(2 * n)]);
const names = ['draw1', 'draw2', 'draw3'];
const window = windowWith({
  ...Object.fromEntries(names.map((name, i) => [`${name}.safetensors`, safetensors(denseWeights([2, 3, 1], 20 + i))])),
  ...Object.fromEntries(names.map((name) => [`${name}.network.json`, description([2, 3, 1], 'tanh')])),
  'data.csv': `a,b,y\n${points.map((cells) => cells.join(',')).join('\n')}\n`,
});
const themes: readonly Theme[] = ['Default Light Modern', 'Default Dark Modern', 'Default High Contrast', 'Default High Contrast Light'];

async function isAccessible(w: Workbench, what: string): Promise<void> {
  for (const theme of themes) {
    await w.theme(theme);
    expect.soft(await seriousViolations(await w.shown()), `${what}, ${theme}`).toEqual([]);
  }
  const view = await w.shown();
  expect.soft(await beyondTab(view), `${what}: not reached by Tab`).toEqual([]);
  for (const label of await view.locator('.js-plotly-plot').evaluateAll((plots: { getAttribute(name: string): string | null }[]) => plots.map((plot) => plot.getAttribute('aria-label')))) {
    expect.soft(label, `${what}: a plot in words`).toMatch(/\w+ \w+/);
  }
}

test('the viewer of a weight file', async () => {
  const w = window();
  await w.decoration('draw1.safetensors', 'W');
  await w.openFile('draw1.safetensors');
  await w.shown();
  await isAccessible(w, 'viewer');
});

test('rank and kernel', async () => {
  const w = window();
  await w.explorerCommand(['draw1.safetensors'], 'Quotient', 'Rank and Kernel');
  await w.pick('Generic inputs');
  await w.tab('Rank and kernel').waitFor();
  await w.shown();
  await isAccessible(w, 'rank');
});

test('posterior over weights', async () => {
  const w = window();
  await w.explorerCommand(['draw1.safetensors', 'draw2.safetensors', 'draw3.safetensors'], 'Quotient', 'Posterior over Weights');
  await w.tab('Posterior over').waitFor();
  await w.shown();
  await isAccessible(w, 'posterior');
});

test('posterior predictive', async () => {
  const w = window();
  await w.command('Quotient: Open Example');
  await w.pick('Regression with a gap');
  await w.pick('sine');
  await w.tab('Posterior predictive').waitFor({ timeout: 100_000 });
  await w.shown('shown', 110_000);
  await isAccessible(w, 'predict');
});
