// The posterior predictive in the real VS Code: the sine example with its bands, the questions of the command, and a cancelled run.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { denseWeights, description, safetensors } from '../checkpoints.ts';
import { drawnDraws, drawnLines } from '../plots.ts';
import { windowWith } from '../window.ts';

const points = Array.from({ length: 30 }, (_, n) => [Math.sin(n), Math.cos(3 * n), Math.sin(2 * n)]);
const window = windowWith({
  'notes.md': '# Notes\n',
  ...Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`runs/draw${i + 1}.safetensors`, safetensors(denseWeights([2, 3, 1], 20 + i))])),
  'runs/draw1.network.json': description([2, 3, 1], 'tanh'),
  'runs/data.csv': `a,b,y\n${points.map((cells) => cells.join(',')).join('\n')}\n`,
});

test('the sine example leads to its predictive bands', async () => {
  const w = window();
  await w.command('Quotient: Open Example');
  await w.pick('Regression with a gap');
  await w.pick('sine');
  await w.tab('Posterior predictive').waitFor({ timeout: 100_000 });
  const view = await w.shown('shown', 110_000);
  expect(await readdir(path.join(w.folder, 'sine'))).toEqual(expect.arrayContaining(['data.npz', 'network.safetensors', 'test.npz']));
  await w.shot('predict');
  const panels = await drawnLines(view, 'bands');
  expect(panels.map(({ title }) => title)).toEqual(['sampled Laplace', 'linearised Laplace', 'projected Laplace', 'Laplace diffusion', 'mode ŵ']);
  for (const { title, curves, bands, width } of panels) {
    expect(width, title).toBeGreaterThan(150);
    expect(curves, title).toBe(1);
    // The mode alone has no spread.
    expect(bands, title).toBe(title === 'mode ŵ' ? 0 : 1);
  }
  // The titles say it already.
  await expect(view.locator('[data-id=bands] .keys').count()).resolves.toBe(0);
  await expect(view.locator('[data-id=sweep] .keys li').count()).resolves.toBe(3);
  // With the noise and the prior that it was trained with the network is at a mode.
  expect(await view.locator('[data-id=overview]').innerText()).toMatch(/noise 0\.15 as set/);
  expect(await view.locator('body').innerText()).not.toContain('is not a mode');
  await view.locator('[data-id=bands]').scrollIntoViewIfNeeded();
  for (const [theme, name] of [['Default Light Modern', 'light'], ['Default Dark Modern', 'dark'], ['Default High Contrast', 'high-contrast']] as const) {
    await w.theme(theme);
    await w.shown();
    await w.shot(`predict-${name}`);
  }
  expect(await w.violations()).toBe(0);
});

test('the plane of the draws, the methods and the symmetries are chosen in the panel, and its panels are zoomed together', async () => {
  const w = window();
  const view = await w.shown();
  const section = view.locator('[data-id=projections]');
  await section.scrollIntoViewIfNeeded();
  const first = await drawnDraws(view);
  // Linearised Laplace has no draws of its own.
  expect(first.map(({ title }) => title)).toEqual(['sampled Laplace', 'projected Laplace', 'Laplace diffusion']);
  for (const { title, draws, contours, width } of first) {
    expect(draws, title).toBeGreaterThan(150);
    expect(contours, title).toBe(true);
    expect(width, title).toBeGreaterThan(150);
  }
  expect(await section.innerText()).toMatch(/[\d.]+ % of the draws’ variance lies in this plane, 9\d(\.\d+)? % in the kernel of the GGN/);
  await w.shot('predict-image-kernel');

  await section.locator('[data-choice=plane]').selectOption('parameters');
  await expect.poll(() => section.innerText()).toContain('Parameters 4.weight[0,0] and 4.weight[0,1]');
  const plot = section.locator('.js-plotly-plot').first();
  await plot.focus();
  const before = (await drawnDraws(view)).map(({ range }) => range);
  await plot.press('+');
  await expect.poll(async () => (await drawnDraws(view))[2]?.range).not.toEqual(before[2]);
  const [a, , c] = await drawnDraws(view);
  expect(c?.range).toEqual(a?.range);

  await section.locator('[data-choice=method-1]').uncheck();
  await expect.poll(async () => (await drawnDraws(view)).map(({ title }) => title)).toEqual(['sampled Laplace', 'Laplace diffusion']);
  await section.locator('[data-choice=stages]').selectOption('both');
  await expect.poll(async () => (await drawnDraws(view)).map(({ title }) => title)).toEqual(['sampled Laplace: as drawn', 'Laplace diffusion: as drawn', 'sampled Laplace: symmetries removed', 'Laplace diffusion: symmetries removed']);
  await w.shot('predict-parameters');
  expect(await w.violations()).toBe(0);
});

test('what was chosen in the panel is there when the window is loaded again', async () => {
  const w = window();
  // In a browser VS Code writes down what its panels remember every five seconds, not as it goes.
  await w.page.waitForTimeout(15_000);
  await w.reload();
  const section = (await w.shown()).locator('[data-id=projections]');
  await expect.poll(() => section.locator('[data-choice=plane]').inputValue()).toBe('parameters');
  expect(await section.locator('[data-choice=stages]').inputValue()).toBe('both');
  expect(await section.locator('[data-choice=method-1]').isChecked()).toBe(false);
  expect((await drawnDraws(await w.shown())).map(({ title }) => title)).toEqual(['sampled Laplace: as drawn', 'Laplace diffusion: as drawn', 'sampled Laplace: symmetries removed', 'Laplace diffusion: symmetries removed']);
});

test('two other parameters are chosen from a list', async () => {
  const w = window();
  const view = await w.shown();
  await view.locator('[data-action=parameters]').click();
  expect(await w.question()).toContain('Parameter across');
  await w.type('0.weight[3,0]');
  await expect.poll(() => w.question()).toContain('Parameter upwards');
  await w.type('2.bias[5]');
  await expect.poll(async () => w.view().locator('[data-id=projections]').innerText(), { timeout: 100_000 }).toContain('Parameters 0.weight[3,0] and 2.bias[5]');
  // The plane that was asked for, with the methods as they come.
  expect((await drawnDraws(await w.shown())).map(({ title }) => title)).toEqual(['sampled Laplace', 'projected Laplace', 'Laplace diffusion']);
});

test('the command has the last answers filled in, refuses what is no number, and can be cancelled', async () => {
  const w = window();
  await (await w.shown()).locator('[data-action=predict]').click();
  expect(await w.question()).toMatch(/data\.npz\s*last time/);
  await w.pick('data.npz');
  expect(await w.question()).toMatch(/test\.npz\s*last time/);
  await w.pick('test.npz');
  await w.pick('Gaussian');
  await w.fill('a little');
  await expect.poll(() => w.question()).toContain('A number above 0');
  await w.fill('0.2');
  await expect.poll(() => w.question()).not.toContain('A number above 0');
  await w.page.keyboard.press('Enter');
  await expect.poll(() => w.question()).toMatch(/Methods, side by side/);
  await w.shot('predict-methods');
  await w.check('Hamiltonian Monte Carlo');
  await expect.poll(() => w.question()).toContain('Prior precision');
  await w.shot('predict-prior');
  await w.type('evidence');
  await w.notification(/Posterior predictive/);
  await w.notificationButton(/Posterior predictive/, 'Cancel');
  await expect.poll(() => w.notifications().count()).toBe(0);
  // Back to the report that was there.
  await w.shown();
  await w.closeEditors();
});

test('a folder of draws predicts as they do, and asks for no prior, which draws have no need of', async () => {
  const w = window();
  await w.explorerCommand(['runs'], 'Quotient', 'Posterior Predictive…');
  expect(await w.question()).toContain('Data that these 4 networks were trained on');
  await w.pick('data.csv');
  await w.pick('No test data');
  await w.pick('Gaussian');
  await w.type('0.5');
  await expect.poll(() => w.question()).toMatch(/Methods, side by side/);
  // The ensemble is ticked; SWAG of the draws in their order beside it.
  await w.check('SWAG');
  await w.tab('Posterior predictive').waitFor();
  const view = await w.shown();
  const said = await view.locator('body').innerText();
  expect(said).toMatch(/4 networks/);
  expect(said).toMatch(/SWAG, ensemble on 30 data points/);
  expect(await view.locator('[data-id=scores]').innerText()).toMatch(/SWAG[^]*ensemble[^]*ŵ, the first network/);
  await w.shot('predict-folder');
  await w.closeEditors();
});
