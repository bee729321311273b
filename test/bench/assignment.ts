/**
 * The assignment solver on the engine beside SciPy's `linear_sum_assignment` on the same matrices; medians of five runs, one thread each.
 * Usage: node test/bench/assignment.ts [PYTHON]; PYTHON needs scipy, default /usr/bin/python3.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { leastCostAssignment } from '../../src/linalg/assignment.ts';
import { sharedEngine } from '../../src/linalg/engine/engine.ts';
import { complete } from '../../src/linalg/interruptible.ts';
import { seededRandom } from '../../src/linalg/random.ts';
import { record } from './record.ts';

const REPEATS = 5;
await sharedEngine();
const random = seededRandom(0);
const kinds = {
  'uniform': (n: number) => Float64Array.from({ length: n * n }, () => random.uniform()),
  'whole numbers below 1000': (n: number) => Float64Array.from({ length: n * n }, () => random.below(1000)),
  // What weight matching meets: inner products of rows of two matrices.
  'inner products, 64 weights': (n: number) => {
    const [a, b] = [0, 1].map(() => Float64Array.from({ length: n * 64 }, () => random.normal())) as [Float64Array, Float64Array];
    return Float64Array.from({ length: n * n }, (_, k) => {
      let sum = 0;
      for (let t = 0; t < 64; t++) sum -= a[Math.floor(k / n) * 64 + t]! * b[(k % n) * 64 + t]!;
      return sum;
    });
  },
};

const folder = mkdtempSync(path.join(tmpdir(), 'quotient-bench-'));
try {
  console.log('costs'.padEnd(28), 'n'.padStart(6), 'quotient'.padStart(10), 'SciPy'.padStart(10), 'ratio'.padStart(7), 'same cost'.padStart(10));
  for (const [kind, make] of Object.entries(kinds)) {
    for (const n of [512, 2000]) {
      const cost = make(n);
      const file = path.join(folder, 'cost.f64');
      writeFileSync(file, new Uint8Array(cost.buffer));
      const times: number[] = [];
      let total = 0;
      for (let repeat = 0; repeat < REPEATS; repeat++) {
        const start = performance.now();
        total = complete(leastCostAssignment(cost, n)).cost;
        times.push(performance.now() - start);
      }
      const ours = times.toSorted((a, b) => a - b)[REPEATS >> 1]!;
      const [theirs, theirCost] = execFileSync(process.argv[2] ?? '/usr/bin/python3', [path.join(import.meta.dirname, 'assignment.py'), file, String(n), String(REPEATS)], { encoding: 'utf8' }).trim().split(' ').map(Number) as [number, number];
      const same = Math.abs(total - theirCost) <= 1e-12 * Math.max(1, Math.abs(theirCost));
      console.log(kind.padEnd(28), String(n).padStart(6), `${ours.toFixed(1)} ms`.padStart(10), `${theirs.toFixed(1)} ms`.padStart(10), (ours / theirs).toFixed(2).padStart(7), String(same).padStart(10));
      record({ what: `assignment of ${n.toLocaleString('en')} units, ${kind}`, peer: 'scipy', ours: ours / 1000, theirs: theirs / 1000 });
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
