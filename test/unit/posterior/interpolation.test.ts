import { describe, expect, it } from 'vitest';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { activationNamed, LINEAR } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { forward } from '../../../src/network/forward.ts';
import { interpolate } from '../../../src/posterior/interpolation.ts';

const random = seededRandom(1);
const normal = (length: number): Float64Array => Float64Array.from({ length }, () => random.normal());

describe('the line between two networks', () => {
  it('has no barrier and mixes functions where the network is linear in its weights', () => {
    const network = denseNetwork([3, 2], LINEAR);
    const [a, b, x] = [normal(8), normal(8), normal(60)];
    const { functionDistance, barrier, loss } = complete(interpolate(network, a, b, { x, targets: forward(network, a, x), likelihood: { kind: 'gaussian', noise: 1 } }, 11));
    for (const distance of functionDistance) expect(distance).toBeLessThan(1e-14);
    // A parabola lies below its chord.
    expect(barrier).toBe(0);
    // Half a squared residual and the constant of a standard normal, two outputs.
    const f = forward(network, b, x);
    const square = forward(network, a, x).reduce((sum, value, k) => sum + (value - f[k]!) ** 2, 0);
    expect(loss![10]).toBeCloseTo(square / 20 / 2 + Math.log(2 * Math.PI), 12);
    expect(loss![5]! - Math.log(2 * Math.PI)).toBeCloseTo((loss![10]! - Math.log(2 * Math.PI)) / 4, 12);
  });

  it('is flat between a network and itself, and has the loss of its ends', () => {
    const network = denseNetwork([2, 5, 3], activationNamed('tanh'));
    const [a, x] = [normal(33), normal(40)];
    const targets = Float64Array.from({ length: 20 }, (_, n) => n % 3);
    const { loss, functionDistance, barrier } = complete(interpolate(network, a, a, { x, targets, likelihood: { kind: 'categorical' } }, 5));
    expect([...functionDistance]).toEqual([0, 0, 0, 0, 0]);
    expect(barrier).toBeLessThan(1e-15);
    expect(new Set(loss).size).toBe(1);
  });

  it('shows the barrier between a network and its mirror image', () => {
    // f = tanh(w x) v: with both signs flipped the function is the same, half way it is nothing.
    const network = denseNetwork([1, 1, 1], activationNamed('tanh'), LINEAR, false);
    const x = Float64Array.of(-2, -1, 1, 2);
    const [a, b] = [Float64Array.of(1, 2), Float64Array.of(-1, -2)];
    const targets = forward(network, a, x);
    const { loss, functionDistance, barrier } = complete(interpolate(network, a, b, { x, targets, likelihood: { kind: 'gaussian', noise: 1 } }, 3));
    expect(loss![2]).toBeCloseTo(loss![0]!, 14);
    expect(functionDistance[1]).toBeCloseTo(1, 14);
    expect(barrier).toBeCloseTo(targets.reduce((sum, y) => sum + y * y, 0) / 8, 12);
  });

  it('measures the function alone without targets', () => {
    const network = denseNetwork([2, 4, 1], activationNamed('relu'));
    const { loss, barrier, functionDistance } = complete(interpolate(network, normal(17), normal(17), { x: normal(20), targets: undefined, likelihood: { kind: 'gaussian', noise: 1 } }, 9));
    expect([loss, barrier]).toEqual([undefined, undefined]);
    expect(Math.max(...functionDistance)).toBeGreaterThan(0.01);
  });
});
