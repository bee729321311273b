/**
 * The linear-algebra engine beside NumPy with OpenBLAS, in turn, so that both meet the same load: medians and ratios.
 * Usage: node test/bench/linalg.ts [PYTHON [REPEATS [OPERATION]]]; PYTHON needs numpy, default /usr/bin/python3. Each has as many threads as there
 * are cores.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setup } from '../../build/kernels.ts';
import { cholesky } from '../../src/linalg/dense/cholesky.ts';
import { gram } from '../../src/linalg/dense/gram.ts';
import { multiply } from '../../src/linalg/dense/multiply.ts';
import { singularValues } from '../../src/linalg/dense/svd.ts';
import { symmetricEigen, symmetricEigenvalues } from '../../src/linalg/dense/symmetricEigen.ts';
import { thinQr } from '../../src/linalg/dense/thinQr.ts';
import { sharedEngine } from '../../src/linalg/engine/engine.ts';
import { seededRandom } from '../../src/linalg/random.ts';
import { record } from './record.ts';

interface Case {
  readonly name: string;
  readonly n: number;
  /** Operations of the customary algorithm, for the rate of a product. */
  readonly operations?: number;
  readonly run: (a: Float64Array, b: Float64Array, n: number) => Promise<unknown>;
}

const cases: readonly Case[] = [
  { name: 'multiply', n: 2048, operations: 2 * 2048 ** 3, run: (a, b, n) => multiply({ a, b, m: n, k: n, n }) },
  { name: 'gram', n: 2048, operations: 2 * 2048 ** 3, run: (a, _, n) => gram(a, n, n) },
  { name: 'eigenvalues', n: 1000, run: (a, _, n) => symmetricEigenvalues(a, n) },
  { name: 'eigenvectors', n: 1000, run: (a, _, n) => symmetricEigen(a, n) },
  { name: 'eigenvalues', n: 2000, run: (a, _, n) => symmetricEigenvalues(a, n) },
  { name: 'eigenvectors', n: 2000, run: (a, _, n) => symmetricEigen(a, n) },
  { name: 'QR', n: 1000, run: (a, _, n) => thinQr(a, n, n, { pivoting: false, wantQ: true }) },
  { name: 'Cholesky', n: 1000, run: (_, positive, n) => cholesky(positive, n) },
  { name: 'singular values', n: 500, run: (a, _, n) => singularValues(a, n, n) },
];

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const repeats = Number(process.argv[3] ?? 5);
const asked = process.argv[4];
const threads = availableParallelism();

await setup();
const engine = await sharedEngine();
const numpy = spawn(process.argv[2] ?? '/usr/bin/python3', [path.join(import.meta.dirname, 'linalg.py')], {
  env: { ...process.env, OPENBLAS_NUM_THREADS: String(threads) }, stdio: ['pipe', 'pipe', 'inherit'],
});
const answers = createInterface({ input: numpy.stdout })[Symbol.asyncIterator]();
async function theirs(name: string, n: number): Promise<number> {
  numpy.stdin.write(`${name} ${n}\n`);
  const answer = await answers.next();
  return answer.done === true ? Number.NaN : Number(answer.value);
}

await gram(new Float64Array(1e4), 100, 100);
console.log(`${engine.build} SIMD, ${engine.threads} threads; medians of ${repeats}`);
console.log(`${'operation'.padEnd(16)} ${'n'.padStart(5)} ${'ours'.padStart(14)} ${'NumPy'.padStart(14)}   ours/NumPy (best/best)`);
for (const { name, n, operations, run } of cases) {
  if (asked !== undefined && name !== asked) continue;
  const random = seededRandom(n);
  const g = Float64Array.from({ length: n * n }, () => random.normal());
  const a = g.map((entry, at) => entry + g[(at % n) * n + Math.floor(at / n)]!);
  const b = name === 'Cholesky' ? (await gram(a, n, n)).map((entry, at) => entry / n + (at % (n + 1) === 0 ? 1 : 0)) : g;
  const ours: number[] = [];
  const numpys: number[] = [];
  // The first of each only warms up.
  for (let repeat = 0; repeat <= repeats; repeat++) {
    const start = performance.now();
    await run(a, b, n);
    const seconds = (performance.now() - start) / 1000;
    const other = await theirs(name, n);
    if (repeat > 0) {
      ours.push(seconds);
      numpys.push(other);
    }
  }
  const shown = (seconds: number): string => `${seconds.toFixed(3)} s${operations === undefined ? '' : ` ${(operations / seconds / 1e9).toFixed(0).padStart(4)} G`}`.padStart(14);
  console.log(`${name.padEnd(16)} ${String(n).padStart(5)} ${shown(median(ours))} ${shown(median(numpys))}   ${(median(ours) / median(numpys)).toFixed(2)} (${(Math.min(...ours) / Math.min(...numpys)).toFixed(2)})`);
  record({ what: `${{ multiply: 'matrix product', gram: 'A Aᵀ' }[name] ?? name}, ${n.toLocaleString('en')} × ${n.toLocaleString('en')}, float64`, peer: 'numpy', ours: median(ours), theirs: median(numpys) });
}
numpy.stdin.end();
