/** Reverse and forward mode of every operation: against PyTorch's Jacobian, against each other, against differences. */
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { forward, trace } from '../../../src/network/forward.ts';
import { addHessianProduct } from '../../../src/network/hessianProduct.ts';
import { addVectorJacobianProduct, identitySeeds, jacobian, jacobianRows } from '../../../src/network/parameterGradients.ts';
import type { Network } from '../../../src/network/network.ts';
import { pullBack } from '../../../src/network/reverse.ts';
import { pushForward } from '../../../src/network/tangent.ts';
import { distance, gaussian } from '../linalg/matrices.ts';
import { Layers, operationFigures, operations, ruledInputs, ruledState } from './networks.ts';

const trainable = operationFigures.filter(({ pulled }) => pulled !== undefined);
const names = trainable.map(({ name }) => name);

/** Positive variances, everything else normal. */
function randomState(network: Network, seed: number): Float64Array {
  const state = gaussian(seededRandom(seed), network.stateSize, 1);
  for (const node of network.nodes) if (node.op === 'batchnorm') for (let c = node.variance.offset; c < node.variance.offset + node.variance.length; c++) state[c] = 0.2 + state[c]! ** 2;
  return state;
}

function pulled(network: Network, state: Float64Array, x: Float64Array, cotangents: Float64Array): Float64Array {
  const gradient = new Float64Array(network.parameters);
  addVectorJacobianProduct(network, state, trace(network, state, x), cotangents, gradient);
  return gradient;
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, k) => sum + value * b[k]!, 0);

describe('derivatives by the parameters', () => {
  test.each(trainable)('$name as in PyTorch', ({ name, pulled: exactPull = [], pushed: exactPush = [] }) => {
    const network = operations[name]!().build();
    const [state, x] = [ruledState(network), ruledInputs(network)];
    const c = Float64Array.from({ length: 2 * network.outputs }, (_, k) => Math.cos(k + 1));
    const v = Float64Array.from({ length: network.parameters }, (_, k) => Math.sin(2 * (k + 1)));
    expect(distance(pulled(network, state, x, c), Float64Array.from(exactPull))).toBeLessThan(1e-13 * Math.hypot(...exactPull));
    expect(distance(pushForward(network, state, trace(network, state, x), v), Float64Array.from(exactPush))).toBeLessThan(1e-13 * Math.hypot(...exactPush));
  });

  test.each(names)('%s: ⟨c, J v⟩ = ⟨Jᵀc, v⟩, and both are products with the rows of J', (name) => {
    const network = operations[name]!().build();
    for (let seed = 1; seed <= 5; seed++) {
      const state = randomState(network, seed);
      const random = seededRandom(seed + 100);
      const x = gaussian(random, 3, network.inputs);
      const c = gaussian(random, 3, network.outputs);
      const v = gaussian(random, network.parameters, 1);
      const push = pushForward(network, state, trace(network, state, x), v);
      const pull = pulled(network, state, x, c);
      const scale = Math.hypot(...c) * Math.hypot(...push);
      expect(Math.abs(dot(c, push) - dot(pull, v))).toBeLessThan(1e-12 * scale);
      const rows = jacobian(network, state, x);
      const D = network.parameters;
      expect(distance(c.map((_, r) => dot(rows.subarray(r * D, (r + 1) * D), v)), push)).toBeLessThan(1e-12 * Math.hypot(...push));
      expect(distance(v.map((_, i) => c.reduce((sum, weight, r) => sum + weight * rows[r * D + i]!, 0)), pull)).toBeLessThan(1e-12 * Math.hypot(...pull));
    }
  });

  test.each(names)('%s: central differences', (name) => {
    const network = operations[name]!().build();
    const state = randomState(network, 7);
    const x = gaussian(seededRandom(8), 2, network.inputs);
    const v = gaussian(seededRandom(9), network.parameters, 1);
    const h = 1e-6;
    const moved = (by: number): Float64Array => forward(network, state.map((w, k) => w + by * (v[k] ?? 0)), x);
    const [up, down] = [moved(h), moved(-h)];
    const slope = up.map((value, k) => (value - down[k]!) / (2 * h));
    expect(distance(pushForward(network, state, trace(network, state, x), v), slope)).toBeLessThan(1e-7 * Math.hypot(...slope));
  });

  test.each(names)('%s: second derivatives are symmetric, and central differences of the first', (name) => {
    const network = operations[name]!().build();
    const state = randomState(network, 7);
    const random = seededRandom(10);
    const x = gaussian(random, 3, network.inputs);
    const c = gaussian(random, 3, network.outputs);
    const [v, u] = [gaussian(random, network.parameters, 1), gaussian(random, network.parameters, 1)];
    const values = trace(network, state, x);
    // Of ½ ‖f‖² + c · f, whose cotangents are f + c, and their rates J v.
    const cotangents = c.map((value, k) => value + values.values[network.output]![k]!);
    const kept = cotangents.slice();
    const product = (direction: Float64Array): Float64Array => {
      const into = new Float64Array(network.parameters);
      addHessianProduct(network, state, values, direction, cotangents, (tangents) => tangents, into);
      return into;
    };
    const [alongV, alongU] = [product(v), product(u)];
    expect(cotangents).toEqual(kept);
    expect(Math.abs(dot(u, alongV) - dot(v, alongU))).toBeLessThan(1e-12 * Math.hypot(...u) * Math.hypot(...alongV));
    const h = 1e-6;
    const gradientAt = (by: number): Float64Array => {
      const moved = state.map((w, k) => w + by * (v[k] ?? 0));
      return pulled(network, moved, x, c.map((value, k) => value + forward(network, moved, x)[k]!));
    };
    const [up, down] = [gradientAt(h), gradientAt(-h)];
    expect(distance(alongV, up.map((value, k) => (value - down[k]!) / (2 * h)))).toBeLessThan(1e-7 * Math.hypot(...alongV));
  });

  test('several seeds an input are as many single ones; seeds and inputs are not changed', () => {
    const network = operations['residual']!().build();
    const state = randomState(network, 3);
    const x = gaussian(seededRandom(4), 2, network.inputs);
    const seeds = gaussian(seededRandom(5), 2 * 4, network.outputs);
    const kept = seeds.slice();
    const values = trace(network, state, x);
    const rows = new Float64Array(8 * network.parameters);
    jacobianRows(network, state, values, seeds, 4, rows);
    expect(seeds).toEqual(kept);
    for (let r = 0; r < 8; r++) {
      const one = x.subarray(Math.floor(r / 4) * network.inputs, (Math.floor(r / 4) + 1) * network.inputs);
      const alone = pulled(network, state, one, seeds.slice(r * 3, (r + 1) * 3));
      expect(distance(rows.slice(r * network.parameters, (r + 1) * network.parameters), alone)).toBeLessThan(1e-13 * Math.hypot(...alone));
    }
  });

  test('a node reaches the visitor once, outputs first, with all its consumers summed', () => {
    const network = operations['residual']!().build();
    const state = ruledState(network);
    const seen: string[] = [];
    pullBack(network, state, trace(network, state, ruledInputs(network)), identitySeeds(2, 3), 3, ({ name }) => { seen.push(name); });
    expect(seen).toEqual(network.nodes.filter(({ op }) => ['conv', 'dense', 'batchnorm'].includes(op)).map(({ name }) => name).reverse());
  });

  test('a network without parameters has no derivatives', () => {
    const network = new Layers([2, 3]).globalPool('globalavgpool').build();
    expect(jacobian(network, new Float64Array(0), new Float64Array(12))).toHaveLength(0);
    expect([...pushForward(network, new Float64Array(0), trace(network, new Float64Array(0), new Float64Array(12)), new Float64Array(0))]).toEqual([0, 0, 0, 0]);
  });

  test('refuses seeds, a direction or a buffer of another size', () => {
    const network = new Layers([2]).dense(2).build();
    const [state, x] = [ruledState(network), ruledInputs(network)];
    const values = trace(network, state, x);
    expect(() => { pullBack(network, state, values, new Float64Array(5), 1, () => undefined); }).toThrow('5 cotangents are not 1 of 2 for each of 2 inputs');
    expect(() => pushForward(network, state, values, new Float64Array(5))).toThrow('the direction has 5 entries, the network 6 parameters');
    expect(() => { jacobianRows(network, state, values, identitySeeds(2, 2), 2, new Float64Array(23)); }).toThrow('the buffer holds 23 numbers, the Jacobian 24');
  });
});
