/**
 * Distances, discrepancy and chain diagnostics of two sets of draws, 10,000 two-neuron networks and 200 networks of 80,000
 * parameters, beside NumPy and ArviZ in the same run. Distances are those of all pairs of up to 1,000 draws, beside SciPy's pdist of the
 * same draws.
 * Usage: node test/bench/posterior.ts [PYTHON]; PYTHON needs numpy, scipy and arviz, default /usr/bin/python3.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sharedEngine } from '../../src/linalg/engine/engine.ts';
import { complete } from '../../src/linalg/interruptible.ts';
import { seededRandom } from '../../src/linalg/random.ts';
import { diagnose } from '../../src/posterior/chainDiagnostics.ts';
import { pairDistances } from '../../src/posterior/distances.ts';
import { drawGram } from '../../src/posterior/drawGram.ts';
import { rowsOf } from '../../src/posterior/drawRows.ts';
import { meanDiscrepancy, medianBandwidth } from '../../src/posterior/meanDiscrepancy.ts';
import { evenly, submatrix, twoSets } from '../../src/posterior/selection.ts';
import { gaussianClasses, trainTwoNeuronEnsemble } from '../../src/posterior/twoNeurons.ts';
import { record } from './record.ts';

await sharedEngine();
const [python = '/usr/bin/python3'] = process.argv.slice(2);
const context = { signal: new AbortController().signal, progress: () => undefined };
const PERMUTATIONS = 999;
const SELECTED = 1000;
const DIAGNOSED = 200;

interface Times {
  readonly distances: number;
  readonly discrepancy: number;
  readonly diagnostics: number;
}

function timed(run: () => void): number {
  const start = performance.now();
  run();
  return (performance.now() - start) / 1000;
}

function ours(draws: Float64Array, width: number, chains: number): { readonly times: Times; readonly mmd2: number } {
  const count = draws.length / width;
  let mmd2 = Number.NaN;
  const selection = evenly(count, SELECTED);
  const distances = timed(() => {
    const { squared } = complete(drawGram(rowsOf(draws, width), selection));
    pairDistances(squared, selection.length, count);
  });
  const discrepancy = timed(() => {
    const { squared } = complete(drawGram(rowsOf(draws, width), selection));
    const { positions, each } = twoSets([count], selection);
    const between = submatrix(squared, selection.length, positions);
    ({ mmd2 } = complete(meanDiscrepancy(between, each, medianBandwidth(between, 2 * each), PERMUTATIONS, seededRandom(1))));
  });
  const diagnostics = timed(() => {
    for (const k of evenly(width, DIAGNOSED)) diagnose(Float64Array.from({ length: count }, (_, m) => draws[m * width + k]!), chains, count / chains);
  });
  return { times: { distances, discrepancy, diagnostics }, mmd2 };
}

/** NumPy's format, version 1.0: float64, C order. */
function writeNpy(file: string, values: Float64Array, rows: number): void {
  const header = `{'descr': '<f8', 'fortran_order': False, 'shape': (${rows}, ${values.length / rows}), }`;
  const padded = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + '\n';
  const prefix = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, padded.length & 255, padded.length >> 8]);
  writeFileSync(file, Buffer.concat([prefix, Buffer.from(padded), Buffer.from(values.buffer, values.byteOffset, values.byteLength)]));
}

const folder = mkdtempSync(path.join(tmpdir(), 'quotient-bench-'));
try {
  const { draws: small } = await trainTwoNeuronEnsemble(gaussianClasses(seededRandom(0)), 10_400, seededRandom(0), context);
  const random = seededRandom(2);
  const cases = [
    { title: '10,000 × 9', draws: small.slice(0, 90_000), width: 9, chains: 4 },
    { title: '200 × 80,000', draws: Float64Array.from({ length: 200 * 80_000 }, () => random.normal()), width: 80_000, chains: 4 },
  ];
  for (const { title, draws, width, chains } of cases) {
    const rounds = Array.from({ length: 3 }, () => ours(draws, width, chains));
    const median = (pick: (times: Times) => number): number => rounds.map(({ times }) => pick(times)).sort((a, b) => a - b)[1] ?? Number.NaN;
    const file = path.join(folder, 'draws.npy');
    writeNpy(file, draws, draws.length / width);
    const printed = execFileSync(python, [path.join(import.meta.dirname, 'posterior.py'), file, String(chains), String(PERMUTATIONS), String(SELECTED), String(DIAGNOSED)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const theirs = JSON.parse(printed.trim().split('\n').at(-1) ?? '') as { readonly times: Times; readonly mmd2: number };
    for (const name of ['distances', 'discrepancy', 'diagnostics'] as const) {
      const mine = median((times) => times[name]);
      console.log(`${title.padEnd(14)} ${name.padEnd(12)} quotient ${mine.toFixed(3)} s, NumPy/ArviZ ${theirs.times[name].toFixed(3)} s, ratio ${(theirs.times[name] / mine).toFixed(2)}`);
      record({ what: `${name} of ${title} draws`, peer: name === 'diagnostics' ? 'arviz' : 'numpy', ours: mine, theirs: theirs.times[name] });
    }
    console.log(`${title.padEnd(14)} MMD² ${rounds[0]!.mmd2.toExponential(6)}, NumPy ${theirs.mmd2.toExponential(6)}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
