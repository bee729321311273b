/**
 * Weight matching of two dense networks beside the same algorithm in JAX (float32), on the same weights; medians of several seeds.
 * Usage: node test/bench/matching.ts [PYTHON]; PYTHON needs jax and scipy.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sharedEngine } from '../../src/linalg/engine/engine.ts';
import { complete } from '../../src/linalg/interruptible.ts';
import { seededRandom } from '../../src/linalg/random.ts';
import { activationNamed } from '../../src/network/activation.ts';
import { denseNetwork } from '../../src/network/denseNetwork.ts';
import { channelClasses } from '../../src/symmetry/channelClasses.ts';
import { weightMatching } from '../../src/symmetry/weightMatching.ts';

const REPEATS = 5;
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
await sharedEngine();
const folder = mkdtempSync(path.join(tmpdir(), 'quotient-bench-'));
try {
  for (const widths of [[784, 512, 512, 512, 10], [64, 128, 128, 10]]) {
    const network = denseNetwork(widths, activationNamed('relu'));
    const classes = channelClasses(network).map((units) => ({ units, signed: false }));
    // He initialisation, as untrained networks have it: the hardest case, with most sweeps.
    const [a, b] = [1, 2].map((seed) => {
      const random = seededRandom(seed);
      const state = new Float64Array(network.parameters);
      for (const { shape, offset, length } of network.blocks) for (let k = 0; k < length; k++) state[offset + k] = Math.sqrt(2 / (shape[1] ?? 1e4)) * random.normal();
      return state;
    }) as [Float64Array, Float64Array];
    const runs = Array.from({ length: REPEATS }, (_, seed) => {
      const start = performance.now();
      const found = complete(weightMatching(network, classes, a, b, { random: seededRandom(seed) }));
      return { seconds: (performance.now() - start) / 1000, found };
    });
    const ours = median(runs.map(({ seconds }) => seconds));
    const last = runs.at(-1)?.found;
    const files = [a, b].map((state, i) => {
      const file = path.join(folder, `${i}.f64`);
      writeFileSync(file, new Uint8Array(state.buffer));
      return file;
    });
    const output = execFileSync(process.argv[2] ?? '/usr/bin/python3', [path.join(import.meta.dirname, 'matching.py'), ...files, String(REPEATS), ...widths.map(String)], { encoding: 'utf8' });
    const [first = NaN, theirs = NaN, value = NaN, sweeps = NaN] = output.trim().split(' ').map(Number);
    console.log(widths.join('-'));
    console.log(`  quotient ${ours.toFixed(3)} s, ${(last?.objective.length ?? 1) - 1} sweeps, inner product ${last?.objective.at(-1)?.toFixed(3) ?? ''} (float64)`);
    console.log(`  JAX      ${theirs.toFixed(3)} s, ${sweeps} sweeps, inner product ${value.toFixed(3)} (float32); first call ${first.toFixed(2)} s`);
    console.log(`  ratio    ${(theirs / ours).toFixed(2)} × (first call ${(first / ours).toFixed(1)} ×)`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
