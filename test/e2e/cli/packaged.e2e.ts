// The command line as it is packed into the extension: nothing but the files of the package, run as a user runs it.
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { denseWeights, description, safetensors, workspace } from '../checkpoints.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

let packed = '';
let folder = '';

beforeAll(async () => {
  packed = await mkdtemp(path.join(tmpdir(), 'quotient-package-'));
  const { stdout } = await promisify(execFile)(process.execPath, ['node_modules/@vscode/vsce/vsce', 'ls', '--no-dependencies']);
  for (const file of stdout.split('\n').filter((line) => line !== '')) {
    await mkdir(path.dirname(path.join(packed, file)), { recursive: true });
    await cp(file, path.join(packed, file));
  }
  folder = await workspace();
});

afterAll(async () => {
  for (const made of [packed, folder]) await rm(made, { recursive: true, force: true });
});

function quotient(...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [path.join(packed, 'dist/cli.mjs'), ...args], { cwd: folder, maxBuffer: 1 << 26 }, (error, out, err) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, out, err });
    });
  });
}

async function json(...args: readonly string[]): Promise<Record<string, unknown>> {
  const ran = await quotient(...args, '--json');
  expect(ran, ran.err).toMatchObject({ code: 0 });
  return JSON.parse(ran.out) as Record<string, unknown>;
}

test('usage errors end with 2 and bad input with 1, each with one sentence', async () => {
  expect(await quotient('transmogrify')).toMatchObject({ code: 2, out: '' });
  await writeFile(path.join(folder, 'short.safetensors'), 'abc');
  const ran = await quotient('inspect', 'short.safetensors');
  expect(ran).toMatchObject({ code: 1, out: '' });
  expect(ran.err).toContain('short.safetensors');
  expect(ran.err).not.toMatch(/\n\s+at /);
});

test('HDF5 is read by the worker in the package, and nothing that a file names outside it', async () => {
  const fixtures = path.join(import.meta.dirname, '../../fixtures');
  expect(await quotient('inspect', path.join(fixtures, 'keras/keras3.keras'))).toMatchObject({ code: 0, out: expect.stringContaining('Keras archive, 22 tensors') as string });
  const refused = await quotient('inspect', path.join(fixtures, 'bad/hdf5/externalStorage.h5'));
  expect(refused).toMatchObject({ code: 1, out: '' });
  expect(refused.err).toContain('its elements lie in another file ("/etc/passwd"), which is not opened');
});

test('a model that only TensorFlow.js runs is run by what is in the package', async () => {
  expect(await readdir(path.join(packed, 'dist'))).toEqual(expect.arrayContaining(['tensorflow.js', 'tfjs-backend-wasm-simd.wasm', 'tensorflow.LICENSE.txt']));
  const rows = Array.from({ length: 4 }, (_, n) => [...Array.from({ length: 72 }, (_, k) => Math.cos(1.3 * (72 * n + k + 1))), n % 2]);
  await writeFile(path.join(folder, 'images.csv'), `${Array.from({ length: 72 }, (_, k) => `x${k}`).join(',')},y\n${rows.map((cells) => cells.join(',')).join('\n')}\n`);
  const model = path.join(import.meta.dirname, '../../fixtures/tensorflow/graph/model.json');
  const result = await json('predict', model, '--data', 'images.csv', '--likelihood', 'categorical');
  expect(result).toMatchObject({ backend: { kind: 'wasm', version: '4.22.0' }, precision: 'float32', head: 'softmax' });
});

test('inspect against another file says what changed', async () => {
  const weights = denseWeights([3, 5, 2], 1);
  await writeFile(path.join(folder, 'before.safetensors'), safetensors(weights));
  await writeFile(path.join(folder, 'after.safetensors'), safetensors({ ...weights, '0.bias': { shape: [5], values: weights['0.bias']!.values.map((x) => 3 * x) } }));
  const result = await json('inspect', 'after.safetensors', '--against', 'before.safetensors');
  expect(result).toMatchObject({ before: 'before.safetensors', after: 'after.safetensors', counts: { changed: 1, equal: 3, added: 0, removed: 0 } });
  expect(await quotient('inspect', 'after.safetensors', '--against', 'before.safetensors')).toMatchObject({ out: expect.stringContaining('1 tensor changed, 3 equal; the largest relative change is 2, in 0.bias.') as string });
});

test('a reader that closes the pipe early is no error', async () => {
  // Thousands of lines: more than a pipe holds, so that the writer meets the closed end.
  await writeFile(path.join(folder, 'deep.safetensors'), safetensors(denseWeights(new Array<number>(3000).fill(2), 1)));
  const script = `"${process.execPath}" "${path.join(packed, 'dist/cli.mjs')}" inspect deep.safetensors --no-stats | head -c 1 > /dev/null; exit "\${PIPESTATUS[0]}"`;
  const { stderr } = await promisify(execFile)('bash', ['-c', script], { cwd: folder });
  expect(stderr).toBe('');
});

test('nor is one that closes the errors: the work is done, and its end is what counts', async () => {
  // A file that there are warnings about, and one that is an error.
  for (const [file, code] of [[path.join(import.meta.dirname, '../../fixtures/hdf5/links.h5'), 0], ['missing.safetensors', 1]] as const) {
    // The reader of the errors is gone before the first of them is written.
    const script = `{ sleep 0.2; "${process.execPath}" "${path.join(packed, 'dist/cli.mjs')}" inspect "${file}" --no-stats --json 2>&3 > /dev/null; echo "$?" > code; } 3> >(exec true)`;
    await promisify(execFile)('bash', ['-c', script], { cwd: folder });
    expect(Number(await readFile(path.join(folder, 'code'), 'utf8'))).toBe(code);
  }
});

// The functional dimension of a ReLU network with generic weights is D minus the number of hidden units (Grigsby et al. 2023), of a tanh
// network D. Generic means here: no unit that is off, or on, for (almost) all of the 2,000 inputs, which these seeds give.
describe.each([
  { widths: [3, 5, 2], activation: 'relu', seed: 1, parameters: 32, rank: 27 },
  { widths: [4, 6, 6, 3], activation: 'relu', seed: 1, parameters: 93, rank: 81 },
  { widths: [8, 16, 16, 4], activation: 'relu', seed: 2, parameters: 484, rank: 452 },
  { widths: [8, 16, 16, 4], activation: 'tanh', seed: 2, parameters: 484, rank: 484 },
])('rank of $widths $activation', ({ widths, activation, seed, parameters, rank }) => {
  test(`is ${rank} of ${parameters}, and the kernel is its symmetry`, async () => {
    await writeFile(path.join(folder, 'generic.safetensors'), safetensors(denseWeights(widths, seed)));
    const result = await json('rank', 'generic.safetensors', '--activation', activation, '--inputs', '2000');
    expect(result).toMatchObject({ parameters, rank, kernelDimension: parameters - rank, kernel: { symmetry: parameters - rank, hidden: 0, dataLimited: 0 } });
  });
});

test('canonicalize writes the same names and shapes, keeps the function, and is idempotent', async () => {
  const before = denseWeights([4, 6, 3], 5);
  await writeFile(path.join(folder, 'net.safetensors'), safetensors(before));
  await writeFile(path.join(folder, 'net.network.json'), description([4, 6, 3], 'relu'));
  const first = (await json('canonicalize', 'net.safetensors', '--out', 'once')) as { files: { out: string; functionError: number }[] };
  expect(first.files).toHaveLength(1);
  expect(first.files[0]?.functionError).toBeLessThan(1e-10);
  const inspected = await quotient('inspect', first.files[0]?.out ?? '', '--activation', 'relu');
  for (const [name, { shape }] of Object.entries(before)) expect(inspected.out).toMatch(new RegExp(`${name.replace('.', '\\.')}\\s.*${shape.join('\\D+')}`));
  const again = await quotient('canonicalize', 'net.safetensors', '--out', 'once');
  expect(again, 'an existing result is not overwritten unasked').toMatchObject({ code: 1 });
});

test('the example trains, is analysed, and becomes one self-contained page', async () => {
  const example = await json('example', 'two-neurons', '--out', 'two', '--networks', '400', '--seed', '7');
  expect(example['trained']).toBe(400);
  expect(Number(example['kept'])).toBeGreaterThanOrEqual(380);
  expect((await readdir(path.join(folder, 'two'))).sort()).toEqual(['README.md', 'data.npz', 'draws.network.json', 'draws.npz', 'network.network.json', 'network.safetensors']);
  const ran = await quotient('posterior', 'two/draws.npz', '--html', 'report.html');
  expect(ran, ran.err).toMatchObject({ code: 0 });
  const html = await readFile(path.join(folder, 'report.html'), 'utf8');
  expect(html).toMatch(/Content-Security-Policy/);
  expect(html).not.toMatch(/<(?:script|link|img)[^>]*\s(?:src|href)="https?:/);
  expect((await stat(path.join(folder, 'report.html'))).size).toBeGreaterThan(1e6);
});

test('the same seed gives the same bytes', async () => {
  for (const name of ['a', 'b']) await json('example', 'two-neurons', '--out', name, '--networks', '20', '--seed', '11');
  const [a, b] = await Promise.all(['a', 'b'].map((name) => readFile(path.join(folder, name, 'draws.npz'))));
  expect(a).toEqual(b);
});
