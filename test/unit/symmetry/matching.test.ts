/** Matching of units: finds back orders that were shuffled, keeps the function, and is never worse than where it began. */
import { describe, expect, it } from 'vitest';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom, type Random } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { forward } from '../../../src/network/forward.ts';
import type { Network } from '../../../src/network/network.ts';
import { activationMatching } from '../../../src/symmetry/activationMatching.ts';
import { channelClasses } from '../../../src/symmetry/channelClasses.ts';
import type { MatchingClass } from '../../../src/symmetry/matchingClasses.ts';
import { orderlessStart } from '../../../src/symmetry/orderlessStart.ts';
import { composedOrders } from '../../../src/symmetry/orderTracker.ts';
import { RelaxedNetwork, relaxedPlaces } from '../../../src/symmetry/relaxedUnits.ts';
import { unitRows, writeUnitRows } from '../../../src/symmetry/unitRows.ts';
import { universeMatching } from '../../../src/symmetry/universe.ts';
import type { UnitOrder } from '../../../src/symmetry/unitOrder.ts';
import { bestWeightMatching, innerProduct, weightMatching } from '../../../src/symmetry/weightMatching.ts';
import { Layers } from '../network/networks.ts';

const networks: Readonly<Record<string, () => Network>> = {
  'relu 3-8-7-2': () => denseNetwork([3, 8, 7, 2], activationNamed('relu')),
  'lenet': () => new Layers([1, 10, 10]).conv(6, [3, 3]).activation('relu').pool('maxpool', [2, 2], [2, 2]).conv(8, [3, 3]).activation('relu').flatten().dense(9).activation('relu').dense(3).build(),
  'residual with batch normalisation': () => new Layers([2, 5, 5]).conv(6, [3, 3], { padding: [1, 1], bias: false }).batchnorm().activation('relu')
    .residual((x) => x.conv(5, [3, 3], { padding: [1, 1], bias: false }).batchnorm().activation('relu').conv(6, [3, 3], { padding: [1, 1], bias: false }).batchnorm()).activation('relu')
    .residual((x) => x.conv(7, [3, 3], { stride: [2, 2], padding: [1, 1], bias: false }).batchnorm(), (x) => x.conv(7, [1, 1], { stride: [2, 2], bias: false }).batchnorm()).activation('relu')
    .globalPool('globalavgpool').dense(3).build(),
  // The inner convolution has the same units on both sides: its gain is quadratic.
  'residual of one convolution': () => new Layers([2, 4, 4]).conv(6, [3, 3], { padding: [1, 1] }).activation('relu').residual((x) => x.conv(6, [3, 3], { padding: [1, 1] })).activation('relu').globalPool('globalavgpool').dense(2).build(),
  'depthwise': () => new Layers([2, 5, 5]).conv(6, [1, 1]).batchnorm().activation('relu').conv(6, [3, 3], { padding: [1, 1], groups: 6 }).batchnorm().activation('relu').conv(5, [1, 1]).activation('relu').globalPool('globalavgpool').dense(2).build(),
  // Channels move within their groups, and whole groups, inputs and outputs together.
  'grouped': () => new Layers([2, 5, 5]).conv(12, [3, 3]).activation('relu').conv(9, [3, 3], { padding: [1, 1], groups: 3 }).activation('relu').conv(5, [1, 1]).activation('relu').globalPool('globalavgpool').dense(2).build(),
  'dense block': () => new Layers([2, 4, 4]).conv(4, [3, 3], { padding: [1, 1] }).activation('relu').concat((x) => x.conv(5, [3, 3], { padding: [1, 1] }).activation('relu')).concat((x) => x.conv(3, [1, 1]).activation('relu')).flatten().dense(3).build(),
};

const classesOf = (network: Network, signed = false): MatchingClass[] => channelClasses(network).map((units) => ({ units, signed }));

/** Weights as trained networks have them: normal, variances positive. */
function randomState(network: Network, random: Random): Float64Array {
  const state = Float64Array.from({ length: network.stateSize }, () => random.normal());
  for (const node of network.nodes) if (node.op === 'batchnorm') for (let c = 0; c < node.variance.length; c++) state[node.variance.offset + c] = 0.5 + random.uniform();
  return state;
}

function moved(classes: readonly MatchingClass[], state: Float64Array, orders: readonly UnitOrder[]): Float64Array {
  const result = state.slice();
  classes.forEach(({ units: { uses } }, c) => { for (const use of uses) writeUnitRows(result, use, unitRows(result, use), orders[c]!.order, use.block.trainable ? orders[c]!.signs : undefined); });
  return result;
}

const randomOrders = (classes: readonly MatchingClass[], random: Random): UnitOrder[] =>
  classes.map(({ units: { units }, signed }) => ({ order: random.permutation(units), signs: Int8Array.from({ length: units }, () => (signed && random.below(2) === 0 ? -1 : 1)) }));

const inputs = (network: Network, rows: number): Float64Array => {
  const random = seededRandom(99);
  return Float64Array.from({ length: rows * network.inputs }, () => random.normal());
};

function expectSameFunction(network: Network, a: Float64Array, b: Float64Array): void {
  const x = inputs(network, 5);
  const [fa, fb] = [forward(network, a, x), forward(network, b, x)];
  const size = fa.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  fa.forEach((value, i) => { expect(Math.abs(value - fb[i]!)).toBeLessThanOrEqual(1e-12 * size); });
}

const ascends = (objective: readonly number[]): boolean => objective.every((value, i) => i === 0 || value >= objective[i - 1]! - 1e-12 * Math.abs(value));

describe.each(Object.entries(networks))('weight matching of %s', (_, make) => {
  const network = make();
  const classes = classesOf(network);

  it('finds back the order of a network whose units were shuffled', () => {
    for (const seed of [1, 2, 3]) {
      const random = seededRandom(seed);
      const reference = randomState(network, random);
      const shuffled = moved(classes, reference, randomOrders(classes, random));
      expectSameFunction(network, reference, shuffled);
      const found = complete(bestWeightMatching(network, classes, reference, shuffled, 3, { random }));
      expect(found.objective.at(-1)).toBeCloseTo(innerProduct(network, reference, reference), 9);
      expect([...found.state]).toEqual([...reference]);
    }
  });

  it('keeps the function, never loses, and stops where no order of one class is better', () => {
    const random = seededRandom(4);
    const [reference, state] = [randomState(network, random), randomState(network, random)];
    const found = complete(weightMatching(network, classes, reference, state, { random }));
    expect(found.converged).toBe(true);
    expect(ascends(found.objective)).toBe(true);
    expect(found.objective.at(-1)).toBeGreaterThan(found.objective[0]!);
    expectSameFunction(network, state, found.state);
    expect([...found.state]).toEqual([...moved(classes, state, found.orders)]);
    expect(found.objective.at(-1)).toBe(innerProduct(network, reference, found.state));
    // Exchanging any two units makes it no better.
    for (const [c, { units: { units, uses } }] of classes.entries()) {
      for (let i = 1; i < units; i++) {
        const order = Int32Array.from({ length: units }, (__, k) => (k === i ? 0 : k === 0 ? i : k));
        const exchanged = found.state.slice();
        for (const use of uses) writeUnitRows(exchanged, use, unitRows(exchanged, use), order);
        expect(innerProduct(network, reference, exchanged), `class ${c}, unit ${i}`).toBeLessThanOrEqual(found.objective.at(-1)! + 1e-9);
      }
    }
  });

  it('begins where copies are equal, without any ascent', () => {
    for (const seed of [11, 12]) {
      const random = seededRandom(seed);
      const reference = randomState(network, random);
      const shuffled = moved(classes, reference, randomOrders(classes, random));
      const start = complete(orderlessStart(classes, reference, shuffled));
      expect([...moved(classes, shuffled, start)]).toEqual([...reference]);
    }
  });

  it('with more starts is no worse', () => {
    const random = seededRandom(5);
    const [reference, state] = [randomState(network, random), randomState(network, random)];
    const once = complete(weightMatching(network, classes, reference, state, { random: seededRandom(6) }));
    const often = complete(bestWeightMatching(network, classes, reference, state, 4, { random: seededRandom(6) }));
    expect(often.reached).toHaveLength(6);
    expect(often.reached[0]).toBe(once.objective.at(-1));
    expect(often.objective.at(-1)).toBe(Math.max(...often.reached));
    expectSameFunction(network, state, often.state);
  });

  it('matches units by their responses as well', () => {
    const random = seededRandom(7);
    const reference = randomState(network, random);
    const shuffled = moved(classes, reference, randomOrders(classes, random));
    const { orders, correlation } = complete(activationMatching(network, classes, reference, shuffled, inputs(network, 60)));
    const back = moved(classes, shuffled, orders);
    expectSameFunction(network, shuffled, back);
    // Units that never respond have no order.
    const silent = correlation.some(({ after }) => after < 1 - 1e-9);
    if (!silent) expect([...back]).toEqual([...reference]);
    for (const { before, after } of correlation) expect(after).toBeGreaterThanOrEqual(before - 1e-12);
  });

  it('brings many shuffled copies into one order', () => {
    const random = seededRandom(8);
    const reference = randomState(network, random);
    const copies = [0, 1, 2].map(() => moved(classes, reference, randomOrders(classes, random)));
    const found = complete(universeMatching(network, classes, copies, { random }));
    expect(found.objective.at(-1)).toBeCloseTo(3 * innerProduct(network, reference, reference), 7);
    for (const [p, state] of found.states.entries()) {
      expect([...state]).toEqual([...found.states[0]!]);
      expect([...state]).toEqual([...moved(classes, copies[p]!, found.orders[p]!)]);
      expectSameFunction(network, copies[p]!, state);
    }
  });

  it('of different networks, many at once: ascends, keeps every function', () => {
    const random = seededRandom(9);
    const states = [0, 1, 2, 3].map(() => randomState(network, random));
    const found = complete(universeMatching(network, classes, states, { random }));
    expect(found.converged).toBe(true);
    expect(ascends(found.objective)).toBe(true);
    expect(found.objective.at(-1)).toBeGreaterThan(found.objective[0]!);
    found.states.forEach((state, p) => { expectSameFunction(network, states[p]!, state); });
  });
});

describe.each(Object.entries(networks))('mixed units of %s', (_, make) => {
  const network = make();
  const classes = classesOf(network);
  const random = seededRandom(10);
  const state = randomState(network, random);

  /** What the class's matrices, multiplied out use by use, make of the weights. */
  function multiplied(matrices: readonly Float64Array[]): Float64Array {
    const result = state.slice();
    classes.forEach(({ units: { units: n, uses } }, c) => {
      for (const use of uses) {
        if (!use.block.trainable) continue;
        const rows = unitRows(result, use);
        const length = rows.length / n;
        const mixed = Float64Array.from(rows, (__, k) => {
          let sum = 0;
          for (let j = 0; j < n; j++) sum += matrices[c]![Math.floor(k / length) * n + j]! * rows[j * length + (k % length)]!;
          return sum;
        });
        writeUnitRows(result, use, mixed, Int32Array.from({ length: n }, (__, i) => i));
      }
    });
    return result;
  }

  it('are what the matrices make of them, after any number of steps', () => {
    const relaxed = new RelaxedNetwork(relaxedPlaces(classes), state);
    expect([...relaxed.mixed]).toEqual([...state]);
    for (const t of [0.3, 0.7, 0.1, 1]) {
      const step = relaxed.towards(classes.map(({ units: { units } }) => random.permutation(units)));
      const [before, seen] = [relaxed.mixed, step.at(t)];
      expect(relaxed.mixed).toBe(before);
      step.take(t);
      expect([...relaxed.mixed]).toEqual([...seen]);
      const expected = multiplied(relaxed.matrices);
      relaxed.mixed.forEach((value, i) => { expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-12); });
      for (const [c, { units: { units: n } }] of classes.entries()) for (let i = 0; i < n; i++) expect(relaxed.matrices[c]!.subarray(i * n, i * n + n).reduce((sum, entry) => sum + entry, 0)).toBeCloseTo(1, 12);
    }
  });

  it('have the gradient of an inner product that finite differences give', () => {
    const relaxed = new RelaxedNetwork(relaxedPlaces(classes), state);
    for (const t of [0.4, 0.5]) relaxed.towards(classes.map(({ units: { units } }) => random.permutation(units))).take(t);
    const others = randomState(network, random);
    for (const [c, { units: { units: n, uses } }] of classes.entries()) {
      const blocks = uses.filter(({ block }) => block.trainable).map(({ block }) => block);
      const gradient = relaxed.gradient(c, others);
      const direction = Float64Array.from({ length: n * n }, () => random.normal());
      const along = (h: number): number => innerProduct(network, others, multiplied(relaxed.matrices.map((matrix, k) => (k === c ? matrix.map((entry, i) => entry + h * direction[i]!) : matrix))));
      const slope = gradient.reduce((sum, entry, k) => sum + entry * direction[k]!, 0);
      // Linear in one class's matrix, at most quadratic where a block has it on both sides: central differences are exact.
      expect(Math.abs((along(0.5) - along(-0.5)) - slope), `class ${c} of ${blocks.length} places`).toBeLessThan(1e-9 * Math.hypot(...gradient) * Math.hypot(...direction));
    }
  });
});

describe('weight matching', () => {
  it('finds the best of all orders of a small network', () => {
    const network = denseNetwork([2, 4, 3, 1], activationNamed('relu'));
    const classes = classesOf(network);
    const orders = (n: number): number[][] => (n === 0 ? [[]] : orders(n - 1).flatMap((rest) => Array.from({ length: n }, (_, at) => [...rest.slice(0, at), n - 1, ...rest.slice(at)])));
    for (const seed of [1, 2, 3, 4]) {
      const random = seededRandom(seed);
      const [reference, state] = [randomState(network, random), randomState(network, random)];
      let best = Number.NEGATIVE_INFINITY;
      for (const first of orders(4)) {
        for (const second of orders(3)) {
          const all = [first, second].map((order) => ({ order: Int32Array.from(order), signs: new Int8Array(order.length).fill(1) }));
          best = Math.max(best, innerProduct(network, reference, moved(classes, state, all)));
        }
      }
      const found = complete(bestWeightMatching(network, classes, reference, state, 20, { random }));
      expect(found.objective.at(-1)).toBeCloseTo(best, 10);
    }
  });

  it('orders one after another are one order, also of groups and of channels within them', () => {
    for (const make of Object.values(networks)) {
      const network = make();
      const classes = classesOf(network);
      const random = seededRandom(3);
      const state = randomState(network, random);
      const [first, then] = [randomOrders(classes, random), randomOrders(classes, random)];
      expect([...moved(classes, state, composedOrders(classes, first, then))]).toEqual([...moved(classes, moved(classes, state, first), then)]);
    }
  });

  it('begins in the order of a copy whose units changed sign', () => {
    const network = denseNetwork([3, 9, 8, 2], activationNamed('tanh'));
    const classes = classesOf(network, true);
    const random = seededRandom(6);
    const reference = randomState(network, random);
    const flipped = moved(classes, reference, randomOrders(classes, random));
    const unsigned = moved(classes, flipped, complete(orderlessStart(classes, reference, flipped)));
    // The order is the reference's; the sign of a unit whose own entries do not tell it is left to the ascent.
    expect([...unsigned].map(Math.abs)).toEqual([...reference].map(Math.abs));
  });

  it('matches units of odd activations up to sign', () => {
    const network = denseNetwork([3, 9, 8, 2], activationNamed('tanh'));
    const classes = classesOf(network, true);
    const random = seededRandom(2);
    const reference = randomState(network, random);
    const flipped = moved(classes, reference, randomOrders(classes, random));
    expectSameFunction(network, reference, flipped);
    const found = complete(bestWeightMatching(network, classes, reference, flipped, 3, { random }));
    expect([...found.state]).toEqual([...reference]);
    const { orders } = complete(activationMatching(network, classes, reference, flipped, inputs(network, 40)));
    expect([...moved(classes, flipped, orders)]).toEqual([...reference]);
  });

  it('matches groups of channels, and the channels within them, by their responses', () => {
    const network = new Layers([2, 5, 5]).conv(12, [3, 3]).activation('tanh').conv(9, [3, 3], { padding: [1, 1], groups: 3 }).activation('tanh').conv(5, [1, 1]).activation('tanh').globalPool('globalavgpool').dense(2).build();
    const classes = classesOf(network);
    for (const seed of [1, 2, 3, 4]) {
      const random = seededRandom(seed);
      const reference = randomState(network, random);
      const shuffled = moved(classes, reference, randomOrders(classes, random));
      const { orders, correlation } = complete(activationMatching(network, classes, reference, shuffled, inputs(network, 60)));
      expect([...moved(classes, shuffled, orders)]).toEqual([...reference]);
      for (const { after } of correlation) expect(after).toBeCloseTo(1, 9);
    }
  });

  it('is the same for the same seed', () => {
    const network = networks['lenet']!();
    const [reference, state] = [randomState(network, seededRandom(1)), randomState(network, seededRandom(2))];
    const run = (): number[] => [...complete(bestWeightMatching(network, classesOf(network), reference, state, 3, { random: seededRandom(3) })).state];
    expect(run()).toEqual(run());
  });
});
