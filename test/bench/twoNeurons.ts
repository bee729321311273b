/**
 * Training of the two-neuron ensemble and its symmetry removal, beside the same recipe in PyTorch (one thread each).
 * Usage: node test/bench/twoNeurons.ts [PYTHON]; PYTHON needs torch and numpy, default /usr/bin/python3.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { seededRandom } from '../../src/linalg/random.ts';
import { gaussianClasses, trainTwoNeuronEnsemble, twoNeuronNetwork } from '../../src/posterior/twoNeurons.ts';
import { canonicaliseMany } from '../../src/symmetry/canonicalDraws.ts';
import { writeNpz } from '../../src/weights/npzWriter.ts';
import { record } from './record.ts';

const context = { signal: new AbortController().signal, progress: () => undefined };
const networks = 10_000;
const pytorchNetworks = 20;

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
async function seconds(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

const data = gaussianClasses(seededRandom(0));
const training: number[] = [];
const removal: number[] = [];
let kept = 0;
for (let repeat = 0; repeat < 5; repeat++) {
  let draws: Float64Array = new Float64Array();
  training.push(await seconds(async () => {
    const ensemble = await trainTwoNeuronEnsemble(data, networks, seededRandom(repeat), context);
    draws = ensemble.draws;
    kept = ensemble.kept;
  }));
  removal.push(await seconds(() => canonicaliseMany(twoNeuronNetwork, draws, { scaling: 'unit', permutation: 'sorted', sign: 'none', countBiases: false }, context)));
}
const ours = median(training) / networks;
console.log(`quotient: ${networks} networks in ${median(training).toFixed(2)} s (${(1e6 * ours).toFixed(0)} µs a network, ${((100 * kept) / networks).toFixed(1)} % kept), canonical forms in ${(1000 * median(removal)).toFixed(0)} ms`);

const folder = mkdtempSync(path.join(tmpdir(), 'quotient-bench-'));
try {
  const file = path.join(folder, 'data.npz');
  await writeNpz(file, [{ name: 'x', shape: [data.y.length, 2], values: data.x }, { name: 'y', shape: [data.y.length], values: data.y }], { overwrite: false });
  const script = path.join(import.meta.dirname, 'twoNeurons.py');
  const [each = Number.NaN, share = Number.NaN] = execFileSync(process.argv[2] ?? '/usr/bin/python3', [script, file, String(pytorchNetworks)], { encoding: 'utf8' }).trim().split(' ').map(Number);
  console.log(`PyTorch:  ${pytorchNetworks} networks at ${(1e3 * each).toFixed(0)} ms each (${(100 * share).toFixed(1)} % kept), so ${((each * networks) / 60).toFixed(0)} min for ${networks}`);
  console.log(`ratio:    ${(each / ours).toFixed(0)} × faster`);
  record({ what: 'training a 2-2-1 network of the first picture', peer: 'torch', ours, theirs: each });
} catch (error) {
  console.log(`PyTorch:  not run (${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)})`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
