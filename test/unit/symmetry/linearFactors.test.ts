/** The factorisation of least mass: Y X stays, its mass is twice the sum of the singular values of Y X, and copies meet there. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { singularValues } from '../../../src/linalg/singularValues.ts';
import { complete } from '../../../src/linalg/interruptible.ts';
import { LINEAR } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { forward } from '../../../src/network/forward.ts';
import { blockValues, type Network, type NodeOf } from '../../../src/network/network.ts';
import { applyElement, randomElement } from '../../../src/symmetry/groupAction.ts';
import { symmetryGroup } from '../../../src/symmetry/group.ts';
import { factorise, turnTowards } from '../../../src/symmetry/linearFactors.ts';
import { mixedClasses } from '../../../src/symmetry/linearMaps.ts';
import { distance } from '../linalg/matrices.ts';

const never = new AbortController().signal;
const random = seededRandom(5);
const normal = (length: number): Float64Array => Float64Array.from({ length }, () => random.normal());

/** W₂ W₁ of a network of two layers without biases. */
function product(network: Network, state: Float64Array): Float64Array {
  const [first, second] = network.nodes.filter((node): node is NodeOf<'dense'> => node.op === 'dense').map(({ weight }) => weight);
  const [n, p, q] = [first!.shape[0]!, first!.shape[1]!, second!.shape[0]!];
  const [x, y] = [blockValues(state, first!), blockValues(state, second!)];
  return Float64Array.from({ length: q * p }, (_, k) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += y[Math.floor(k / p) * n + i]! * x[i * p + (k % p)]!;
    return sum;
  });
}

describe.each([[7, 4, 5], [3, 6, 4], [6, 6, 6], [40, 30, 35]])('%i inputs, %i linear units, %i outputs', (p, n, q) => {
  const network = denseNetwork([p, n, q], LINEAR, LINEAR, false);
  const [units] = mixedClasses(network);
  const state = normal(network.stateSize);

  it('keeps the product and has the mass 2 Σ σ, less than any other', async () => {
    const least = state.slice();
    await factorise(least, units!, never);
    const before = product(network, state);
    expect(distance(product(network, least), before)).toBeLessThan(1e-13 * Math.hypot(...before));
    const mass = least.reduce((sum, weight) => sum + weight ** 2, 0);
    const nuclear = complete(singularValues(before, q, p)).reduce((sum, value) => sum + value, 0);
    expect(Math.abs(mass - 2 * nuclear)).toBeLessThan(1e-12 * mass);
    expect(mass).toBeLessThan(state.reduce((sum, weight) => sum + weight ** 2, 0));
  });

  it('is where copies meet, up to signs', async () => {
    const copy = state.slice();
    applyElement(network, copy, randomElement(symmetryGroup(network), random, 0.5));
    expect(distance(copy, state)).toBeGreaterThan(1);
    const [a, b] = [state.slice(), copy];
    for (const each of [a, b]) await factorise(each, units!, never);
    const x = normal(3 * p);
    expect(distance(forward(network, b, x), forward(network, a, x))).toBeLessThan(1e-12 * Math.hypot(...forward(network, a, x)));
    expect(distance(a.map(Math.abs), b.map(Math.abs))).toBeLessThan(1e-10 * Math.hypot(...a));
    await turnTowards(a, b, units!, never);
    expect(distance(a, b)).toBeLessThan(1e-11 * Math.hypot(...a));
  });
});

it('turns units whose singular values are equal, which nothing tells apart', async () => {
  const network = denseNetwork([3, 3, 3], LINEAR, LINEAR, false);
  const [units] = mixedClasses(network);
  // W₁ = W₂ = 1, and both turned by 30° in the plane of the first two units.
  const [c, s] = [Math.cos(Math.PI / 6), Math.sin(Math.PI / 6)];
  const a = Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1);
  const b = Float64Array.of(c, -s, 0, s, c, 0, 0, 0, 1, c, s, 0, -s, c, 0, 0, 0, 1);
  expect(distance(a, b)).toBeGreaterThan(0.4);
  await turnTowards(a, b, units!, never);
  expect(distance(a, b)).toBeLessThan(1e-14);
});
