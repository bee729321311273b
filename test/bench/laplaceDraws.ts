/**
 * 1,000 Laplace draws of a network on 500 data points, float64, spectrum included, beside laplace-torch in the same run.
 *   small   2,521 parameters: both draw from the same full Laplace posterior, laplace-torch through its D × D covariance
 *   large   100,041 parameters, which as D × D numbers would be 80 GB: laplace-torch draws from its diagonal approximation instead
 * Usage: node test/bench/laplaceDraws.ts [PYTHON [SITE]]; PYTHON needs torch, laplace-torch 0.1a2 and backpack-for-pytorch (SITE is a folder that holds them).
 */
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { sharedEngine } from '../../src/linalg/engine/engine.ts';
import { seededRandom } from '../../src/linalg/random.ts';
import { activationNamed } from '../../src/network/activation.ts';
import { denseNetwork } from '../../src/network/denseNetwork.ts';
import { forwardDraws } from '../../src/network/forwardDraws.ts';
import { laplaceDraws } from '../../src/posterior/drawMethods.ts';
import { laplace } from '../../src/posterior/laplace.ts';
import { record } from './record.ts';

const ROWS = 500;
const DRAWS = 1000;
const [python = '/usr/bin/python3', site] = process.argv.slice(2);
const context = { signal: new AbortController().signal, progress: () => undefined, memoryLimitBytes: 2 ** 30 };
await sharedEngine();

interface Times {
  readonly fit: number;
  readonly draws: number;
  readonly predictions: number;
}

/** Draws go by in blocks; predictions are of each as it passes. */
async function ours(widths: readonly number[]): Promise<Times> {
  const network = denseNetwork(widths, activationNamed('relu'));
  const random = seededRandom(0);
  const state = random.normals(new Float64Array(network.parameters)).map((w) => w * 0.08);
  const x = random.normals(new Float64Array(ROWS * network.inputs));
  const likelihood = { kind: 'gaussian', noise: 0.3 } as const;
  const start = performance.now();
  const approximation = await laplace({ network, state, x, likelihood, weighting: 'likelihood' }, 1, context);
  const fitted = performance.now();
  const used = process.cpuUsage();
  let [count, predicting] = [0, 0];
  for await (const states of laplaceDraws(approximation, 'whole', { problem: { network, x, targets: x, likelihood, priorPrecision: 1 }, state, draws: DRAWS, random, context })) {
    const begin = performance.now();
    await forwardDraws(network, states, x, context.signal);
    count += states.length / network.stateSize;
    predicting += performance.now() - begin;
  }
  const { user, system } = process.cpuUsage(used);
  console.log(`${network.parameters} parameters: ${((user + system) / 1e6).toFixed(1)} processor seconds of draws and predictions together, on ${os.availableParallelism()} cores`);
  if (count !== DRAWS) throw new Error(`${count} draws`);
  return { fit: (fitted - start) / 1000, draws: (performance.now() - fitted - predicting) / 1000, predictions: predicting / 1000 };
}

for (const { title, widths, structure } of [{ title: 'small', widths: [20, 40, 40, 1], structure: 'full' }, { title: 'large', widths: [20, 305, 305, 1], structure: 'diag' }]) {
  const mine = await ours(widths);
  const printed = execFileSync(python, [path.join(import.meta.dirname, 'laplaceDraws.py'), JSON.stringify(widths), structure, String(ROWS), String(DRAWS)], { encoding: 'utf8', env: { ...process.env, ...(site === undefined ? {} : { PYTHONPATH: site }) }, stdio: ['ignore', 'pipe', 'ignore'] });
  const theirs = JSON.parse(printed.trim().split('\n').at(-1) ?? '') as Times & { readonly parameters: number };
  for (const part of ['fit', 'draws', 'predictions'] as const) {
    console.log(`${title} (${theirs.parameters} parameters)  ${part.padEnd(11)} quotient ${mine[part].toFixed(2)} s, laplace-torch ${structure} ${theirs[part].toFixed(2)} s, ratio ${(theirs[part] / mine[part]).toFixed(2)}`);
    record({ what: `Laplace, ${theirs.parameters.toLocaleString('en')} parameters: ${{ fit: 'fit', draws: '1,000 draws', predictions: 'predictions of these' }[part]}${structure === 'diag' ? ' (there from the diagonal alone)' : ''}`, peer: 'laplace-torch', ours: mine[part], theirs: theirs[part] });
  }
  console.log(`${title}  largest memory so far ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`);
}
