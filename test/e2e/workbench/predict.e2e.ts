// The posterior predictive in the real VS Code: the sine example with its bands, the questions of the command, and a cancelled run.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { drawnLines } from '../plots.ts';
import { windowWith } from '../window.ts';

const window = windowWith({ 'notes.md': '# Notes\n' });

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
  expect(await view.locator('[data-id=overview]').innerText()).toMatch(/noise 0\.15 as given/);
  expect(await view.locator('body').innerText()).not.toContain('is not a mode');
  await view.locator('[data-id=bands]').scrollIntoViewIfNeeded();
  for (const [theme, name] of [['Default Light Modern', 'light'], ['Default Dark Modern', 'dark'], ['Default High Contrast', 'high-contrast']] as const) {
    await w.theme(theme);
    await w.shown();
    await w.shot(`predict-${name}`);
  }
  expect(await w.violations()).toBe(0);
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
  await expect.poll(() => w.question()).toContain('Prior precision');
  await w.shot('predict-prior');
  await w.type('evidence');
  await expect.poll(() => w.question()).toMatch(/Methods, side by side/);
  await w.shot('predict-methods');
  await w.check('Hamiltonian Monte Carlo');
  await w.notification(/Posterior predictive/);
  await w.notificationButton(/Posterior predictive/, 'Cancel');
  await expect.poll(() => w.notifications().count()).toBe(0);
  // Back to the report that was there.
  await w.shown();
  await w.closeEditors();
});
