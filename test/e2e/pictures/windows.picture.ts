// What a user sees of the extension without a report: the viewer, a hover, the view of analyses. The files are those of the example `digits`.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, test } from 'vitest';
import { palettedPng } from '../../../build/palettedPng.ts';
import { windowWith } from '../window.ts';

const folder = await mkdtemp(path.join(tmpdir(), 'quotient-pictures-'));
await promisify(execFile)(process.execPath, ['dist/cli.mjs', 'example', 'digits', '--out', folder, '--overwrite']);
const of = (name: string): Promise<Buffer> => readFile(path.join(folder, name));

const window = windowWith({
  'digits.safetensors': await of('network.safetensors'),
  'digits.network.json': await of('network.network.json'),
  'digits.data.npz': await of('data.npz'),
  'predict.py': 'from safetensors.numpy import load_file\n\nweights = load_file("digits.safetensors")\nhidden = weights["0.weight"]  # 24 units, 64 pixels\n',
});
await rm(folder, { recursive: true });

beforeAll(async () => {
  // Nobody waits, and everything else on the machine may.
  window().page.setDefaultTimeout(60_000);
  await window().page.setViewportSize({ width: 1280, height: 800 });
  await window().theme('Default Light Modern');
});

async function picture(name: string): Promise<void> {
  const w = window();
  // Nothing under the mouse: no tooltip, no shade.
  if (name !== 'hover') await w.page.mouse.move(700, 785);
  await w.page.waitForTimeout(800);
  await mkdir('docs/pictures', { recursive: true });
  await writeFile(`docs/pictures/${name}.png`, palettedPng(await w.page.screenshot()));
}

test('the viewer with a tensor looked at closely', async () => {
  const w = window();
  await w.decoration('digits.safetensors', 'W');
  await w.openFile('digits.safetensors');
  const view = await w.shown();
  await view.locator('[data-action=statistics]').click();
  await view.locator('[data-action=statistics]').waitFor({ state: 'detached' });
  await view.locator('.outline [role=row].tensor', { hasText: 'weight' }).first().click();
  await view.locator('.pane .heatmaplayer image').waitFor();
  await view.locator('[data-section=tensors]').evaluate((section: { scrollIntoView(): void }) => { section.scrollIntoView(); });
  await picture('viewer');
  await w.closeEditors();
});

test('a hover over a path', async () => {
  const w = window();
  await w.openFile('predict.py');
  await w.hover('digits.safetensors', 'safetensors,');
  await picture('hover');
  await w.closeEditors();
});

test('the view of analyses beside a report, dark', async () => {
  const w = window();
  await w.theme('Default Dark Modern');
  await w.explorerCommand(['digits.safetensors'], 'Quotient', 'Rank and Kernel');
  await w.pick('digits.data.npz');
  await w.pick('categorical');
  await w.shown('shown', 120_000);
  await w.command('View: Show Quotient');
  await picture('analyses');
});
