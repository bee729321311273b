/**
 * Canonical forms: ten thousand two-neuron networks, the balanced form of 784-300-300-10, and ResNet-18.
 * Usage: node test/bench/symmetry.ts
 */
import { seededRandom } from '../../src/linalg/random.ts';
import { activationNamed } from '../../src/network/activation.ts';
import { denseNetwork } from '../../src/network/denseNetwork.ts';
import { canonicaliseMany } from '../../src/symmetry/canonicalDraws.ts';
import { canonicaliser } from '../../src/symmetry/canonicalForm.ts';
import { symmetryGroup } from '../../src/symmetry/group.ts';
import { resnet18 } from '../unit/symmetry/architectures.ts';

const context = { signal: new AbortController().signal, progress: () => undefined };
const relu = activationNamed('relu');
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function milliseconds(repeats: number, prepare: () => Float64Array, run: (state: Float64Array) => unknown): Promise<number> {
  const times: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const state = prepare();
    const start = performance.now();
    await run(state);
    times.push(performance.now() - start);
  }
  return median(times);
}

const random = seededRandom(0);
const normal = (length: number): Float64Array => Float64Array.from({ length }, () => random.normal());

const pair = denseNetwork([2, 2, 1], relu);
const draws = normal(10_000 * pair.stateSize);
for (const scaling of ['unit', 'balanced'] as const) {
  const time = await milliseconds(7, () => draws.slice(), (state) => canonicaliseMany(pair, state, { scaling, permutation: 'sorted', sign: 'none', countBiases: false }, context));
  console.log(`10,000 two-neuron networks, ${scaling} and sorted: ${time.toFixed(0)} ms (at most 200)`);
}

const wide = denseNetwork([784, 300, 300, 10], relu);
const weights = normal(wide.stateSize);
const balanced = canonicaliser(wide, { scaling: 'balanced', permutation: 'none', sign: 'none', countBiases: false });
console.log(`784-300-300-10, balanced: ${(await milliseconds(15, () => weights.slice(), (state) => balanced.apply(state))).toFixed(1)} ms (at most 12)`);
const sorted = canonicaliser(wide, { scaling: 'unit', permutation: 'sorted', sign: 'none', countBiases: false });
console.log(`784-300-300-10, unit and sorted: ${(await milliseconds(15, () => weights.slice(), (state) => sorted.apply(state))).toFixed(1)} ms`);

const resnet = resnet18();
const state = Float64Array.from({ length: resnet.stateSize }, (_, i) => (i < resnet.parameters ? random.normal() : 0.5 + random.uniform()));
const start = performance.now();
const group = symmetryGroup(resnet);
console.log(`ResNet-18: ${group.factors.length} factors found in ${(performance.now() - start).toFixed(0)} ms, 10^${group.log10Copies.toFixed(0)} copies, ${group.dimensions} dimensions`);
for (const scaling of ['unit', 'balanced'] as const) {
  const form = canonicaliser(resnet, { scaling, permutation: 'sorted', sign: 'fixed', countBiases: false });
  console.log(`ResNet-18, ${scaling} and sorted: ${(await milliseconds(3, () => state.slice(), (copy) => form.apply(copy))).toFixed(0)} ms`);
}
