/** The straight line between two networks: no barrier where the network is linear in its weights. */
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

  it('is certain where every input tells the same', () => {
    // Half way to the mirror image the function is nothing, whatever the input.
    const network = denseNetwork([1, 1, 1], activationNamed('tanh'), LINEAR, false);
    const x = Float64Array.of(-2, -1, 1, 3);
    const certain = complete(interpolate(network, Float64Array.of(1, 2), Float64Array.of(-1, -2), { x, targets: undefined, likelihood: { kind: 'gaussian', noise: 1 } }, 3));
    expect(certain.standardError[1]).toBeLessThan(1e-15);
    // Products of two weights: the difference half way is in proportion to the input.
    const linear = denseNetwork([1, 1, 2], LINEAR, LINEAR, false);
    const [a, b] = [Float64Array.of(1, 1, 0), Float64Array.of(3, 3, 0)];
    expect(complete(interpolate(linear, a, b, { x, targets: undefined, likelihood: { kind: 'gaussian', noise: 1 } }, 3)).standardError[1]).toBeLessThan(1e-15);
    expect(complete(interpolate(linear, a, b, { x: Float64Array.of(1), targets: undefined, likelihood: { kind: 'gaussian', noise: 1 } }, 3)).standardError[1]).toBeNaN();
  });

  it('leaves out one input at a time', () => {
    const network = denseNetwork([2, 4, 3], activationNamed('relu'));
    const [a, b, x] = [normal(27), normal(27), normal(10)];
    const along = (inputs: Float64Array): number => complete(interpolate(network, a, b, { x: inputs, targets: undefined, likelihood: { kind: 'gaussian', noise: 1 } }, 3)).functionDistance[1]!;
    const without = Array.from({ length: 5 }, (_, n) => along(x.filter((_value, k) => Math.floor(k / 2) !== n)));
    const mean = without.reduce((sum, value) => sum + value, 0) / 5;
    const error = Math.sqrt((4 / 5) * without.reduce((sum, value) => sum + (value - mean) ** 2, 0));
    const found = complete(interpolate(network, a, b, { x, targets: undefined, likelihood: { kind: 'gaussian', noise: 1 } }, 3));
    expect(found.standardError[1]).toBeCloseTo(error, 14);
    expect([found.standardError[0], found.standardError[2]]).toEqual([0, 0]);
  });
});
