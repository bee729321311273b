/**
 * Curvature beside what a user would write with NumPy, PyTorch, laplace-torch and curvlinops, in turn, so that both meet the same load: medians, ratios and
 * the memory of this process.
 * Usage: node test/bench/curvature.ts [PYTHON [REPEATS [large]]] (packages of one's own by PYTHONPATH); `large` adds the top 50 eigenvalues and the trace of a convolutional network
 * of 10 million parameters, which takes minutes. Each side has as many threads as there are cores.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setup } from '../../build/kernels.ts';
import { matrixFreeSpectrum } from '../../src/curvature/matrixFree.ts';
import { GgnOperators } from '../../src/curvature/operators.ts';
import type { CurvatureProblem } from '../../src/curvature/problem.ts';
import { gramSpectrum } from '../../src/curvature/spectrum.ts';
import { sharedEngine } from '../../src/linalg/engine/engine.ts';
import { interruptibly } from '../../src/linalg/interruptible.ts';
import { leadingEigenpairs } from '../../src/linalg/lanczos.ts';
import { seededRandom } from '../../src/linalg/random.ts';
import { activationNamed } from '../../src/network/activation.ts';
import { denseNetwork } from '../../src/network/denseNetwork.ts';
import type { Network } from '../../src/network/network.ts';
import { NetworkBuilder } from '../../src/network/networkBuilder.ts';
import { formatBytes } from '../../src/protocol/format.ts';
import { record } from './record.ts';

function convolutional(): Network {
  const builder = new NetworkBuilder();
  const relu = activationNamed('relu');
  const plain = { stride: [1, 1], padding: [[1, 1], [1, 1]] as const, dilation: [1, 1], groups: 1 };
  const halved = { kernel: [2, 2], stride: [2, 2], padding: [[0, 0], [0, 0]] as const, countPadding: false };
  let at = builder.input([3, 16, 16]);
  let channels = 3;
  for (const [k, outputs] of [64, 128, 256, 512, 512, 512, 512].entries()) {
    at = builder.activation(`relu${k}`, builder.conv(`conv${k}`, at, { tensor: `${k}.weight`, shape: [outputs, channels, 3, 3] }, { tensor: `${k}.bias`, shape: [outputs] }, plain), relu);
    if (k < 3) at = builder.pool(`pool${k}`, at, 'maxpool', halved);
    channels = outputs;
  }
  at = builder.dense('hidden', builder.globalPool('pool', at, 'globalavgpool'), { tensor: 'hidden.weight', shape: [2700, 512] }, { tensor: 'hidden.bias', shape: [2700] });
  return builder.finish(builder.dense('last', builder.activation('relu', at, relu), { tensor: 'last.weight', shape: [10, 2700] }, { tensor: 'last.bias', shape: [10] }));
}

function problemOf(network: Network, inputs: number, likelihood: CurvatureProblem['likelihood']): CurvatureProblem {
  const random = seededRandom(1);
  const state = new Float64Array(network.stateSize);
  for (const { shape, offset, length } of network.blocks) {
    const deviation = shape.length > 1 ? Math.sqrt((2 * shape[0]!) / length) : 0.1;
    for (let k = offset; k < offset + length; k++) state[k] = deviation * random.normal();
  }
  return { network, state, x: Float64Array.from({ length: inputs * network.inputs }, () => random.normal()), likelihood, weighting: 'likelihood' };
}

const context = { signal: new AbortController().signal, memoryLimitBytes: 2e9, progress: () => undefined };
const tanh = activationNamed('tanh');
const dense = problemOf(denseNetwork([64, 128, 128, 10], tanh), 200, { kind: 'gaussian', noise: 1 });
const small = problemOf(denseNetwork([20, 40, 40, 5], tanh), 400, { kind: 'categorical' });
const large = problemOf(convolutional(), 32, { kind: 'categorical' });
const operator = new GgnOperators(large, 1e9).operator;
const direction = Float64Array.from({ length: operator.size }, (_, k) => Math.sin(k + 1));

const cases: readonly { readonly name: string; readonly what: string; readonly peer: string; readonly run: () => Promise<unknown> }[] = [
  { name: 'spectrum', what: '64-128-128-10 tanh, 200 inputs: rank and spectrum against NumPy', peer: 'numpy', run: () => gramSpectrum(dense, context) },
  { name: 'laplace', what: '20-40-40-5 tanh, 400 inputs: full GGN spectrum against laplace-torch', peer: 'laplace-torch', run: () => gramSpectrum(small, context, { method: 'gram' }) },
  { name: 'curvlinops', what: '20-40-40-5 tanh, 400 inputs: 20 largest eigenvalues without a matrix, against curvlinops (float32) and ARPACK', peer: 'curvlinops-for-pytorch', run: () => interruptibly(leadingEigenpairs(new GgnOperators(small, 1e9).operator, 20, 1e-6, { steps: 200, random: seededRandom(1) }), context.signal) },
  { name: 'product', what: '10 M convolutional, 32 inputs: one product against PyTorch', peer: 'torch', run: () => interruptibly(operator.apply(direction), context.signal) },
];

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const memory = (): string => formatBytes(1024 * process.resourceUsage().maxRSS);
const repeats = Number(process.argv[3] ?? 3);
const threads = String(availableParallelism());

await setup();
await sharedEngine();
const python = spawn(process.argv[2] ?? '/usr/bin/python3', [path.join(import.meta.dirname, 'curvature.py')], {
  env: { ...process.env, OPENBLAS_NUM_THREADS: threads, OMP_NUM_THREADS: threads }, stdio: ['pipe', 'pipe', 'inherit'],
});
const answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
async function theirs(name: string): Promise<number> {
  python.stdin.write(`${name}\n`);
  const answer = await answers.next();
  return answer.done === true ? Number.NaN : Number(answer.value);
}

for (const { name, what, peer, run } of cases) {
  const ours: number[] = [];
  const others: number[] = [];
  // The first of each only warms up.
  for (let repeat = 0; repeat <= repeats; repeat++) {
    const start = performance.now();
    await run();
    const seconds = (performance.now() - start) / 1000;
    const other = await theirs(name);
    if (repeat === 0) continue;
    ours.push(seconds);
    others.push(other);
  }
  const beside = Number.isNaN(median(others)) ? 'not installed' : `${median(others).toFixed(2)} s, ${(median(others) / median(ours)).toFixed(2)} times ours (best ${(Math.min(...others) / Math.min(...ours)).toFixed(2)})`;
  console.log(`${what}: ours ${median(ours).toFixed(2)} s, ${memory()} at most so far; theirs ${beside}`);
  if (name === 'spectrum') record({ what: '64-128-128-10 tanh, 200 inputs: memory of the whole process at its peak', value: memory() });
  if (!Number.isNaN(median(others))) record({ what: what.replace(/,? (?:against|to) .*$/, ''), peer, ours: median(ours), theirs: median(others) });
}
python.stdin.end();

if (process.argv[4] === 'large') {
  const start = performance.now();
  const { leading, trace, rankBracket: [low, high], products, plan } = await matrixFreeSpectrum(large, { eigenvalues: 50, probes: 4, steps: 16, random: seededRandom(1) }, context);
  const seconds = (performance.now() - start) / 1000;
  const { values, errors } = leading;
  console.log(`10 M convolutional, top ${values.length} eigenvalues ${values[0]?.toPrecision(4) ?? ''} … ${values.at(-1)?.toPrecision(4) ?? ''} within ${Math.max(...errors).toPrecision(1)}, trace ${trace.value.toPrecision(5)} ± ${trace.standardError.toPrecision(1)}, rank between ${low} and ${high}: ${seconds.toFixed(0)} s, ${products} products, ${memory()} (planned ${formatBytes(plan.bytes)})`);
  record({ what: `10 M convolutional, 32 inputs: ${values.length} largest eigenvalues, each within ${(Math.max(...errors) / values[0]!).toExponential(0)} of the largest, and the trace`, value: `${seconds.toFixed(0)} s, ${memory()}` });
}
