/** Every operation, and whole networks, against PyTorch in float64; batches against single inputs; layouts of values. */
import { describe, expect, test } from 'vitest';
import { forward, trace } from '../../../src/network/forward.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { distance, gaussian } from '../linalg/matrices.ts';
import { Layers, operationFigures, operations, ruledInputs, ruledState } from './networks.ts';

describe('forward', () => {
  test('every figure has its network and every network its figures', () => {
    expect(operationFigures.map(({ name }) => name)).toEqual(Object.keys(operations));
  });

  test.each(operationFigures)('$name as in PyTorch', ({ name, outputs }) => {
    const network = operations[name]!().build();
    expect(distance(forward(network, ruledState(network), ruledInputs(network)), Float64Array.from(outputs))).toBeLessThan(1e-13 * Math.hypot(...outputs));
  });

  test.each(Object.keys(operations))('%s: a batch is its inputs one by one, and the trace ends in the outputs', (name) => {
    const network = operations[name]!().build();
    const state = ruledState(network);
    const x = gaussian(seededRandom(2), 5, network.inputs);
    const all = forward(network, state, x);
    const one = Array.from({ length: 5 }, (_, n) => [...forward(network, state, x.subarray(n * network.inputs, (n + 1) * network.inputs))]).flat();
    expect(distance(all, Float64Array.from(one))).toBeLessThan(1e-14 * Math.hypot(...one));
    const { rows, values } = trace(network, state, x);
    expect(rows).toBe(5);
    expect(values[network.output]).toEqual(all);
    expect(x).toEqual(gaussian(seededRandom(2), 5, network.inputs));
  });

  test('large batches go in chunks without a seam', () => {
    const network = new Layers([1, 60, 60]).conv(1, [3, 3], { padding: [1, 1] }).activation('relu').globalPool('globalmaxpool').build();
    const x = gaussian(seededRandom(3), 700, network.inputs);
    const state = ruledState(network);
    expect(forward(network, state, x)[699]).toBe(forward(network, state, x.subarray(699 * network.inputs))[0]);
  });

  test('a maximum over NaN is NaN, over padding alone −∞', () => {
    const network = new Layers([1, 2]).pool('maxpool', [1], [1], [1]).build();
    expect([...forward(network, new Float64Array(0), Float64Array.of(Number.NaN, 3))]).toEqual([Number.NEGATIVE_INFINITY, Number.NaN, 3, Number.NEGATIVE_INFINITY]);
    const all = new Layers([1, 3]).globalPool('globalmaxpool').build();
    expect([...forward(all, new Float64Array(0), Float64Array.of(1, Number.NaN, 2))]).toEqual([Number.NaN]);
  });

  test('refuses a state or inputs of another size', () => {
    const network = new Layers([3]).dense(2).build();
    expect(() => forward(network, new Float64Array(9), new Float64Array(3))).toThrow('the state has 9 entries, the network 8');
    expect(() => forward(network, new Float64Array(8), new Float64Array(4))).toThrow('4 input values do not divide into rows of 3');
  });
});
