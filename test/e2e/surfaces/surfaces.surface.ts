// Every surface of the extension on the files of the examples and on networks that PyTorch trained: what the Explorer, viewer, palette, questions, progress and every kind of report look like.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, test } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { writeNpz } from '../../../src/weights/npzWriter.ts';
import { description } from '../checkpoints.ts';
import { windowWith } from '../window.ts';
import { everyPage, everyStandalone, everyTheme, sizes } from './gallery.ts';

const made = await mkdtemp(path.join(tmpdir(), 'quotient-surfaces-'));
for (const seed of ['0', '1']) await promisify(execFile)(process.execPath, ['dist/cli.mjs', 'example', 'digits', '--seed', seed, '--out', path.join(made, seed)]);
/** Four chains that follow themselves slowly, one of them apart from the others: what diagnostics are for. */
const random = seededRandom(3);
const [chains, draws] = [4, 150];
await writeNpz(path.join(made, 'chains.npz'), [['0.weight', [5, 3]], ['0.bias', [5]], ['2.weight', [2, 5]], ['2.bias', [2]]].map(([name, shape]) => {
  const size = (shape as number[]).reduce((product, axis) => product * axis, 1);
  const values = new Float64Array(chains * draws * size);
  for (let c = 0; c < chains; c++) {
    for (let k = 0; k < size; k++) {
      let at = random.normal();
      for (let m = 0; m < draws; m++) values[(c * draws + m) * size + k] = (c === 3 ? 1 : 0) + (at = 0.9 * at + 0.4 * random.normal());
    }
  }
  return { name: name as string, shape: [chains, draws, ...(shape as number[])], values };
}), { overwrite: false });
const of = (name: string): Promise<Buffer> => readFile(path.join(made, name));
/** A state dict whose names do not tell its network, its export, and the export of another. */
const besides = (name: string): Promise<Buffer> => readFile(path.join(import.meta.dirname, '../../fixtures/graphBeside', name));
const trained = path.join(import.meta.dirname, '../../fixtures/trained');
const seeds = (await readdir(trained)).filter((name) => name.endsWith('.pt'));

const window = windowWith({
  'digits.safetensors': await of('0/network.safetensors'),
  'digits.network.json': await of('0/network.network.json'),
  'again.safetensors': await of('1/network.safetensors'),
  'again.network.json': await of('1/network.network.json'),
  'data.npz': await of('0/data.npz'),
  'test.npz': await of('0/test.npz'),
  'chains.npz': await of('chains.npz'),
  'chains.network.json': description([3, 5, 2], 'tanh'),
  'torn.safetensors': (await of('0/network.safetensors')).subarray(0, 900),
  ...Object.fromEntries(await Promise.all([...seeds, 'sine.npz'].map(async (name) => [name, await readFile(path.join(trained, name))] as const))),
  'odd.pt': await besides('net.pt'),
  'exported.onnx': await besides('net.onnx'),
  'folded.onnx': await besides('folded.onnx'),
  'predict.py': 'import torch\n\nstate = torch.load("sine-seed0.pt")\nother = "digits.safetensors"\n',
});
await rm(made, { recursive: true });

beforeAll(async () => {
  // Nobody waits, and everything else on the machine may.
  window().page.setDefaultTimeout(90_000);
  await window().page.setViewportSize(sizes.usual);
});

/** The report alone, without the Explorer beside it. */
async function report(name: string): Promise<void> {
  const w = window();
  await w.command('View: Close Primary Side Bar').catch(() => undefined);
  await everyPage(w, name);
  await w.closeEditors();
  await w.command('View: Show Explorer');
}

test('explorer', async () => {
  const w = window();
  for (const name of ['digits.safetensors', ...seeds]) await w.decoration(name, 'W');
  await everyTheme(w, 'explorer', () => w.tooltip('sine-seed0.pt', 'PyTorch'));
});

test('hover', async () => {
  const w = window();
  await w.openFile('predict.py');
  await everyTheme(w, 'hover', () => w.hover('digits.safetensors', 'parameters'));
  await w.closeEditors();
});

test('palette', async () => {
  const w = window();
  await w.page.keyboard.press('F1');
  await w.fill('>Quotient');
  await everyTheme(w, 'palette');
  await w.dismissQuestion();
});

test('viewer', async () => {
  const w = window();
  await w.openFile('digits.safetensors');
  const view = await w.shown();
  await everyTheme(w, 'viewer-header');
  await view.locator('[data-action=statistics]').click();
  await view.locator('[data-action=statistics]').waitFor({ state: 'detached' });
  await view.locator('.outline [role=row].tensor', { hasText: 'weight' }).first().click();
  await view.locator('.pane .heatmaplayer image').waitFor();
  await report('viewer');
});

test('failure', async () => {
  const w = window();
  await w.file('torn.safetensors').dblclick();
  await w.shown('error');
  await everyTheme(w, 'failure');
  await w.closeEditors();
});

test('network-file', async () => {
  const w = window();
  await w.openFile('odd.pt');
  await w.shown();
  await everyTheme(w, 'viewer-unrecognised');
  await w.explorerCommand(['odd.pt'], 'Quotient', 'Rank and Kernel of the GGN');
  await w.question();
  await everyTheme(w, 'ask-network-file');
  await w.pick('Choose its export or description');
  await w.question();
  await everyTheme(w, 'ask-network-file-dialog');
  await w.type(path.join(w.folder, 'folded.onnx'));
  await w.notification('does not hold the tensors of folded.onnx');
  await everyTheme(w, 'network-file-refused');
  await w.command('Notifications: Clear All Notifications');
  await w.explorerCommand(['odd.pt'], 'Quotient', 'Rank and Kernel of the GGN');
  await w.pick('Choose its export or description');
  await w.type(path.join(w.folder, 'exported.onnx'));
  await w.pick('Generic inputs');
  await w.tab('Rank and kernel').waitFor();
  await w.shown();
  await report('network-file-rank');
});

test('tensors', async () => {
  const w = window();
  await w.explorerCommand(['digits.safetensors', 'again.safetensors'], 'Quotient', 'Compare Tensors');
  await w.tab('compared with').waitFor();
  await w.shown();
  await report('tensors');
});

test('compare', async () => {
  const w = window();
  await w.explorerCommand(['digits.safetensors', 'again.safetensors'], 'Quotient', 'Compare Networks');
  await everyTheme(w, 'ask-compare-data');
  await w.pick('test.npz');
  await w.pick('Categorical');
  await w.tab('unctions of').waitFor();
  await w.shown();
  await report('compare');
});

test('canonical', async () => {
  const w = window();
  await w.explorerCommand(['digits.safetensors'], 'Quotient', 'Canonicalise and Save');
  await w.question();
  await everyTheme(w, 'ask-save');
  await w.type(path.join(w.folder, 'digits.canonical.safetensors'));
  await w.tab('Canonical form').waitFor();
  await w.shown();
  await report('canonical');
});

test('align', async () => {
  const w = window();
  await w.explorerCommand(['digits.safetensors', 'again.safetensors'], 'Quotient', 'Align Units and Save');
  await w.pick('data.npz');
  await w.pick('Categorical');
  await everyTheme(w, 'ask-align-method');
  await w.pick('By their weights');
  await w.page.keyboard.press('Enter');
  await w.question();
  await w.type(path.join(w.folder, 'again.aligned.safetensors'));
  await w.tab('Alignment of').waitFor();
  await w.shown();
  await report('align');
});

test('rank', async () => {
  const w = window();
  await w.explorerCommand(['sine-seed0.pt'], 'Quotient', 'Rank and Kernel of the GGN');
  await everyTheme(w, 'ask-activation');
  await w.pick('tanh');
  await w.pick('sine.npz');
  await everyTheme(w, 'ask-likelihood');
  await w.pick('Gaussian');
  await w.tab('Rank and kernel').waitFor();
  await w.shown('shown', 120_000);
  await report('rank');
});

test('rank-digits', async () => {
  const w = window();
  await w.explorerCommand(['digits.safetensors'], 'Quotient', 'Rank and Kernel of the GGN');
  await w.pick('data.npz');
  await w.pick('Categorical');
  await w.shown('shown', 200_000);
  await report('rank-digits');
});

test('direction', async () => {
  const w = window();
  await w.explorerCommand(['sine-seed0.pt', 'sine-seed1.pt'], 'Quotient', 'Direction in Image and Kernel');
  await w.pick('sine.npz');
  await w.pick('Gaussian');
  await w.tab('From ').waitFor();
  await w.shown();
  await report('direction');
});

test('posterior-seeds', async () => {
  const w = window();
  await w.explorerCommand(seeds, 'Quotient', 'Posterior over Weights');
  await w.tab('Posterior').waitFor();
  await w.shown();
  await report('posterior-seeds');
});

test('chains', async () => {
  const w = window();
  await w.explorerCommand(['chains.npz'], 'Quotient', 'Posterior over Weights');
  await w.tab('Posterior').waitFor();
  await w.shown();
  await report('chains');
});

test('walkthrough', async () => {
  const w = window();
  await w.command('Quotient: Getting Started');
  const page = w.page.locator('.gettingStartedContainer');
  // A narrower one shows no picture beside the steps.
  await w.page.setViewportSize({ width: 1500, height: 900 });
  for (const [step, name] of [['See the first picture', 'example'], ['See why methods differ', 'predict'], ['Look into a weight file', 'look'], ['Ask for the rank', 'rank'], ['Save the canonical form', 'save'], ['Know what it runs on', 'host']] as const) {
    await page.getByText(step).first().click();
    await everyTheme(w, `walkthrough-${name}`);
  }
  await w.page.setViewportSize(sizes.usual);
  await w.closeEditors();
});

test('two-neurons', async () => {
  const w = window();
  await w.command('Quotient: Open Example');
  await everyTheme(w, 'ask-example');
  await w.pick('Two neurons');
  await w.question();
  await everyTheme(w, 'ask-example-folder');
  await w.pick('two-neurons');
  await w.tab('Posterior').waitFor({ timeout: 100_000 });
  await w.shown('shown', 120_000);
  await report('two-neurons');
});

test('example-digits', async () => {
  const w = window();
  await w.command('Quotient: Open Example');
  await w.pick('Handwritten digits');
  await w.question();
  await w.page.keyboard.press('Enter');
  await w.tab('Posterior predictive').waitFor({ timeout: 200_000 });
  await w.shown('progress');
  await everyTheme(w, 'progress');
  await w.shown('shown', 300_000);
  await report('example-digits');
});

test('sine', async () => {
  const w = window();
  await w.command('Quotient: Open Example');
  await w.pick('Regression with a gap');
  await w.pick('sine');
  await w.tab('Posterior predictive').waitFor({ timeout: 200_000 });
  await w.shown('shown', 300_000);
  await report('sine');
});

test('ensemble', async () => {
  const w = window();
  await w.explorerCommand(seeds, 'Quotient', 'Posterior Predictive…');
  await w.pick('sine.npz');
  await everyTheme(w, 'ask-test-data');
  await w.pick('No test data');
  await w.pick('Gaussian');
  await everyTheme(w, 'ask-noise');
  await w.type('0.1');
  await everyTheme(w, 'ask-methods');
  await w.page.keyboard.press('Enter');
  await w.tab('Posterior predictive').waitFor();
  await w.shown('shown', 120_000);
  await report('ensemble');
});

test('html', async () => {
  const w = window();
  const out = await mkdtemp(path.join(tmpdir(), 'quotient-surfaces-'));
  await promisify(execFile)(process.execPath, [path.resolve('dist/cli.mjs'), 'compare', 'digits.safetensors', 'again.safetensors', '--html', path.join(out, 'compare.html')], { cwd: w.folder });
  await promisify(execFile)(process.execPath, [path.resolve('dist/cli.mjs'), 'rank', 'sine-seed0.pt', '--activation', 'tanh', '--data', 'sine.npz', '--html', path.join(out, 'rank.html')], { cwd: w.folder });
  await everyStandalone(w, out, ['compare', 'rank']);
  await rm(out, { recursive: true });
});

test('analyses', async () => {
  const w = window();
  await w.command('View: Show Quotient');
  await everyTheme(w, 'analyses');
});
