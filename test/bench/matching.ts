/**
 * Weight matching of two dense networks beside the same algorithm in JAX (float32), on the same weights: in the form that the authors' repository
 * has, which is what its users run, and in a tighter one. Every run is another random order of the layers: medians of several, and seconds a
 * sweep, since the runs differ in sweeps. Then whole processes, from their start to the written file.
 * Usage: node test/bench/matching.ts [PYTHON], after a build; PYTHON needs jax, scipy and safetensors.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sharedEngine } from '../../src/linalg/engine/engine.ts';
import { complete } from '../../src/linalg/interruptible.ts';
import { seededRandom } from '../../src/linalg/random.ts';
import { activationNamed } from '../../src/network/activation.ts';
import { denseNetwork } from '../../src/network/denseNetwork.ts';
import { channelClasses } from '../../src/symmetry/channelClasses.ts';
import { weightMatching } from '../../src/symmetry/weightMatching.ts';
import { writeSafetensors } from '../../src/weights/safetensorsWriter.ts';
import { record } from './record.ts';

/** The first is not counted: compilers are at work. */
const RUNS = 14;
const PROCESSES = 3;
const python = process.argv[2] ?? '/usr/bin/python3';
const script = path.join(import.meta.dirname, 'matching.py');
const command = path.join(import.meta.dirname, '../../dist/cli.mjs');
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

interface Run {
  readonly seconds: number;
  /** Of all threads, also while they wait for each other; says more than the clock where a machine has other work. */
  readonly processor: number;
  readonly sweeps: number;
  readonly value: number;
}

interface Summary {
  readonly first: number;
  readonly warm: number;
  readonly sweep: number;
  readonly processor: number;
  readonly line: string;
}

function summary(runs: readonly Run[]): Summary {
  const first = runs[0]?.seconds ?? Number.NaN;
  const later = runs.slice(1);
  const warm = median(later.map(({ seconds }) => seconds));
  const sweep = mean(later.map(({ seconds }) => seconds)) / mean(later.map(({ sweeps }) => sweeps));
  const processor = median(later.map((run) => run.processor));
  const line = `first ${first.toFixed(3)} s, then ${warm.toFixed(3)} s (${processor.toFixed(3)} s of processors); ${(1000 * sweep).toFixed(1)} ms a sweep, ${mean(later.map(({ sweeps }) => sweeps)).toFixed(1)} sweeps; inner product ${mean(runs.map(({ value }) => value)).toFixed(3)}`;
  return { first, warm, sweep, processor, line };
}

function timed(run: () => void): number {
  const times = Array.from({ length: PROCESSES }, () => {
    const start = performance.now();
    run();
    return (performance.now() - start) / 1000;
  });
  return median(times);
}

await sharedEngine();
const folder = mkdtempSync(path.join(tmpdir(), 'quotient-bench-'));
try {
  for (const widths of [[784, 512, 512, 512, 10], [64, 128, 128, 10]]) {
    const network = denseNetwork(widths, activationNamed('relu'));
    const classes = channelClasses(network).map((units) => ({ units, signed: false }));
    // He initialisation, as untrained networks have it: the hardest case, with most sweeps. Float32, as the files of both hold it.
    const [a, b] = [1, 2].map((seed) => {
      const random = seededRandom(seed);
      const state = new Float64Array(network.parameters);
      for (const { shape, offset, length } of network.blocks) for (let k = 0; k < length; k++) state[offset + k] = Math.fround(Math.sqrt(2 / (shape[1] ?? 1e4)) * random.normal());
      return state;
    }) as [Float64Array, Float64Array];
    const files = await Promise.all([a, b].map(async (state, i) => {
      const file = path.join(folder, `${'ab'[i] ?? ''}.safetensors`);
      const tensors = network.blocks.map(({ shape, offset, length }, k) => ({
        name: `${k >> 1}.${shape.length === 2 ? 'weight' : 'bias'}`, dtype: 'F32' as const, shape, bytes: new Uint8Array(Float32Array.from(state.subarray(offset, offset + length)).buffer),
      }));
      await writeSafetensors(file, tensors, {}, { overwrite: true });
      return file;
    }));
    const ours = summary(Array.from({ length: RUNS }, (_, seed): Run => {
      const start = performance.now();
      const used = process.cpuUsage();
      const { objective } = complete(weightMatching(network, classes, a, b, { random: seededRandom(seed) }));
      const { user, system } = process.cpuUsage(used);
      return { seconds: (performance.now() - start) / 1000, processor: (user + system) / 1e6, sweeps: objective.length - 1, value: objective.at(-1) ?? Number.NaN };
    }));
    console.log(widths.join('-'));
    console.log(`  quotient            ${ours.line} (float64)`);
    for (const form of ['published', 'tight']) {
      const theirs = summary(JSON.parse(execFileSync(python, [script, form, ...files, String(RUNS)], { encoding: 'utf8' })) as Run[]);
      console.log(`  JAX ${form.padEnd(15)} ${theirs.line} (float32)`);
      record({ what: `weight matching of two ${widths.join('-')}, warm (${form === 'published' ? 'the authors’ steps' : 'the same steps, tightened'})`, peer: 'jax', ours: ours.warm, theirs: theirs.warm });
      console.log(`      ratio           first ${(theirs.first / ours.first).toFixed(1)} ×, then ${(theirs.warm / ours.warm).toFixed(2)} × (${(theirs.processor / ours.processor).toFixed(2)} × of processors); ${(theirs.sweep / ours.sweep).toFixed(2)} × a sweep`);
    }
    const align = timed(() => { execFileSync('node', [command, 'align', ...files, '--activation', 'relu', '--out', folder, '--overwrite', '--json'], { stdio: 'ignore' }); });
    const theirs = timed(() => { execFileSync(python, [script, 'published', ...files, '1', path.join(folder, 'theirs.safetensors')], { stdio: 'ignore' }); });
    record({ what: 'the same from file to file, a process each', peer: 'jax', ours: align, theirs });
    console.log(`  process to process  quotient align ${align.toFixed(2)} s (with barrier and check of the function), JAX published ${theirs.toFixed(2)} s; ratio ${(theirs / align).toFixed(2)} ×`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
