/**
 * Native TensorFlow, for real: `npm run native` installs `@tensorflow/tfjs-node` in a temporary folder with headers and library from TensorFlow's
 * Python wheel, builds its binding for the Node that runs this, and holds what it computes beside the WebAssembly backend and beside TensorFlow's own
 * figures. Needs npm, Python's pip, a C++ compiler, make, unzip and nm on Linux; `npm run native -- FOLDER` keeps the installations in FOLDER and takes them from there. It is done with
 * the library that tfjs-node itself installs, and with a newer one that reads SavedModels as TensorFlow writes them today.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { JobContext } from '../../src/protocol/rpc.ts';
import { RunningModel } from '../../src/tensorflow/runningModel.ts';
import { backendName } from '../../src/tensorflow/session.ts';
import { openWeightFile } from '../../src/weights/openWeights.ts';
import { buildTfjsNode, tensorflowVersions, type TensorflowVersion } from './buildTfjsNode.ts';

const fixtures = path.join(import.meta.dirname, '../fixtures/tensorflow');
/** Of float32, of the largest output or of 1. */
const TOLERANCE = 2e-6;

interface Expected {
  readonly input: readonly number[];
  readonly x: readonly number[] | null;
  readonly outputs: readonly number[];
}

const expected = JSON.parse(readFileSync(path.join(fixtures, 'expected.json'), 'utf8')) as Readonly<Record<string, Expected>>;
const context: JobContext = { signal: new AbortController().signal, memoryLimitBytes: 2 ** 32, progress: () => undefined };

interface Computed {
  readonly outputs: readonly number[];
  readonly backend: string;
  readonly msToOpen: number;
  readonly msPerRun: number;
}

async function compute(file: string, name: string, wanted: 'any' | 'wasm'): Promise<Computed> {
  const { input, x } = wantedOf(name);
  const inputs = input.reduce((product, length) => product * length, 1);
  const data = { source: 'x', inputs, x: x === null ? Float64Array.from({ length: 3 * inputs }, (_, k) => Math.cos(1.3 * (k + 1))) : Float64Array.from(x), ...(file.startsWith('saved') ? { shape: input } : {}) };
  const start = performance.now();
  const model = await RunningModel.open(path.join(fixtures, file), context, wanted);
  try {
    const msToOpen = performance.now() - start;
    const outputs: number[] = [];
    if (name === 'graph-draws') {
      const draws = await openWeightFile(path.join(fixtures, 'graph-draws.npz'));
      const found = model.drawsOf(draws);
      for (let draw = 0; draw < found.draws; draw++) {
        await model.assign(draws, found.weights, draw);
        outputs.push(...(await model.forward(data)).values);
      }
      await draws.close();
    } else outputs.push(...(await model.forward(data)).values);
    const times = [];
    for (let run = 0; run < 11; run++) {
      const from = performance.now();
      await model.forward(data);
      times.push(performance.now() - from);
    }
    return { outputs, backend: backendName(model.backend), msToOpen, msPerRun: times.sort((a, b) => a - b)[5] ?? Number.NaN };
  } finally {
    model.close();
  }
}

function wantedOf(name: string): Expected {
  const found = expected[name];
  if (found === undefined) throw new Error(`expected.json has no ${name}`);
  return found;
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length || a.length === 0) return Number.POSITIVE_INFINITY;
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  return a.reduce((most, value, k) => Math.max(most, Math.abs(value - (b[k] ?? Number.NaN))), 0) / largest;
}

async function messageOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function compare(version: TensorflowVersion): Promise<boolean> {
  const rows = [];
  let agrees = true;
  for (const [file, name] of [['sequence.keras', 'sequence'], ['sequence.h5', 'sequence'], ['image.keras', 'image'], ['text/model.json', 'text'], ['graph/model.json', 'graph'], ['graph/model.json', 'graph-draws']] as const) {
    const native = await compute(file, name, 'any');
    const wasm = await compute(file, name, 'wasm');
    const toTensorflow = largestDifference(native.outputs, wantedOf(name).outputs);
    const toWasm = largestDifference(native.outputs, wasm.outputs);
    agrees &&= native.backend.startsWith('native') && toTensorflow < TOLERANCE && toWasm < TOLERANCE;
    rows.push({ model: name === 'graph-draws' ? name : file, 'runs on': native.backend, 'to TensorFlow': toTensorflow.toExponential(1), 'to WebAssembly': toWasm.toExponential(1), 'native ms': native.msPerRun.toFixed(2), 'WebAssembly ms': wasm.msPerRun.toFixed(2), 'opened in ms': `${native.msToOpen.toFixed(0)} / ${wasm.msToOpen.toFixed(0)}` });
  }
  for (const name of version === '2.9.1' ? [] : ['saved', 'saved-keras']) {
    const native = await compute(name, name, 'any');
    const toTensorflow = largestDifference(native.outputs, wantedOf(name).outputs);
    agrees &&= toTensorflow < TOLERANCE;
    rows.push({ model: name, 'runs on': native.backend, 'to TensorFlow': toTensorflow.toExponential(1), 'native ms': native.msPerRun.toFixed(2), 'opened in ms': native.msToOpen.toFixed(0) });
  }
  console.table(rows);
  // Each with words of its refusal.
  const refused = [['saved-writes', 'WriteFile'], ...(version === '2.9.1' ? [['saved', 'DisableCopyOnRead, which TensorFlow 2.9.1'], ['saved-keras', 'DisableCopyOnRead, which TensorFlow 2.9.1']] : [])] as const;
  for (const [file = '', words = ''] of refused) {
    const message = await messageOf(compute(file, 'graph', 'any'));
    console.log(message === '' ? `${file} is NOT REFUSED` : message);
    agrees &&= message.includes(words);
  }
  return agrees;
}

const named = process.argv[2];
const folder = named === undefined ? await mkdtemp(path.join(tmpdir(), 'quotient-native-')) : path.resolve(named);
try {
  for (const version of Object.keys(tensorflowVersions) as TensorflowVersion[]) {
    const own = path.join(folder, version);
    if (!existsSync(path.join(own, 'node_modules/@tensorflow/tfjs-node/lib'))) await buildTfjsNode(own, version);
    process.env['QUOTIENT_TENSORFLOW'] = own;
    const agrees = await compare(version);
    console.log(agrees ? `TensorFlow ${version}: all agree to ${TOLERANCE} of the largest output.\n` : `TensorFlow ${version}: NOT ALL AGREE.\n`);
    if (!agrees) process.exitCode = 1;
  }
} finally {
  if (named === undefined) await rm(folder, { recursive: true, force: true });
}
