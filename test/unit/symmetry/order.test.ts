/** Signs and order of hidden units: the stated rules on small networks, and the ties that rounding and duplicates make. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { LINEAR, activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { signedRanks } from '../../../src/symmetry/colourRefinement.ts';
import { channelClasses } from '../../../src/symmetry/channelClasses.ts';
import { divideUnit, signedMaps } from '../../../src/symmetry/linearMaps.ts';
import { permutationScratch, permuteUnits } from '../../../src/symmetry/permuteUnits.ts';
import { sortedUnits } from '../../../src/symmetry/permutation.ts';
import type { Network } from '../../../src/network/network.ts';
import { fixedSigns, type SignStep } from '../../../src/symmetry/signs.ts';
import { CellOrder } from '../../../src/symmetry/tieOrder.ts';

const TOLERANCE = 1e-10;
const tanh = activationNamed('tanh');
const relu = activationNamed('relu');
const signsOf = (network: Network): SignStep => fixedSigns(network, signedMaps(network), TOLERANCE);

describe('signs', () => {
  const signed = (widths: readonly number[], theta: readonly number[], bias: boolean): number[] => {
    const result = Float64Array.from(theta);
    signsOf(denseNetwork(widths, tanh, LINEAR, bias)).apply(result);
    return Array.from(result, (value) => value + 0);
  };

  it('make the largest entry of each row, bias included, positive', () => {
    // Rows [1, −3 | 2] and [−1, 2 | −4]: both flip, with their outgoing weights 5 and −6.
    expect(signed([2, 2, 1], [1, -3, -1, 2, 2, -4, 5, -6, 7], true)).toEqual([-1, 3, 1, -2, -2, 4, -5, 6, 7]);
  });

  it('let the first of tied entries decide in the first layer, also when rounding separates them', () => {
    expect(signed([2, 1, 1], [-1, 1, 3], false)).toEqual([1, -1, -3]);
    expect(signed([2, 1, 1], [-1, 1 + 1e-15, 3], false)).toEqual([1, -1 - 1e-15, -3]);
    expect(signed([2, 1, 1], [-1, 1 - 1e-15, 3], false)).toEqual([1, -1 + 1e-15, -3]);
  });

  it('of constant units are settled by the outgoing weights', () => {
    expect(signed([1, 1, 2], [0, 0, -2], false)).toEqual(signed([1, 1, 2], [0, 0, 2], false));
  });

  it('flip nothing in layers whose activation is not odd', () => {
    const chain = denseNetwork([1, 2, 1], relu, LINEAR, false);
    const theta = Float64Array.of(-1, -2, 3, 4);
    expect(signsOf(chain).apply(theta)).toBe(0);
    expect([...theta]).toEqual([-1, -2, 3, 4]);
  });

  it('of units that cancel each other in pairs still come out one way', () => {
    // p and q are twins that enter j and k with opposite signs, and neither j nor k reaches the output: only a joint choice of
    // signs for j and k is canonical.
    const chain = denseNetwork([1, 2, 2, 1], tanh, LINEAR, false);
    const layer = signedMaps(chain).classes[1]!;
    const canonical = (flips: readonly number[]): number[] => {
      const theta = Float64Array.of(1, 1, 1, -1, 1, -1, 0, 0);
      for (const unit of flips) divideUnit(theta, layer, unit, -1);
      signsOf(chain).apply(theta);
      sortedUnits(chain, TOLERANCE).apply(theta);
      return Array.from(theta, (value) => value + 0);
    };
    expect(canonical([0])).toEqual(canonical([]));
    expect(canonical([1])).toEqual(canonical([]));
    expect(canonical([0, 1])).toEqual(canonical([]));
  });
});

describe('order', () => {
  const sorted = (widths: readonly number[], theta: Float64Array, bias: boolean): Float64Array => {
    const result = theta.slice();
    sortedUnits(denseNetwork(widths, relu, LINEAR, bias), TOLERANCE).apply(result);
    return result;
  };

  it('is that of the outgoing columns, descending and lexicographic', () => {
    // Columns (1, 5), (2, 0), (1, 6) → (2, 0), (1, 6), (1, 5).
    expect([...sorted([1, 3, 2], Float64Array.of(10, 20, 30, 1, 2, 1, 5, 0, 6), false)]).toEqual([20, 30, 10, 2, 1, 1, 0, 6, 5]);
  });

  it('of tied columns is that of the incoming rows, then of the biases', () => {
    // Rows [1, 0], [1, 2], [1, 2], biases 7, 8, 9, one common outgoing weight.
    expect([...sorted([2, 3, 1], Float64Array.of(1, 0, 1, 2, 1, 2, 7, 8, 9, 4, 4, 4, 0), true)]).toEqual([1, 2, 1, 2, 1, 0, 9, 8, 7, 4, 4, 4, 0]);
  });

  it('ignores differences of rounding: the second coordinate decides although the first differs in its last bit', () => {
    const up = sorted([1, 2, 2], Float64Array.of(1, 2, 0.3, 0.1 + 0.2, 1, 2), false);
    const down = sorted([1, 2, 2], Float64Array.of(1, 2, 0.1 + 0.2, 0.3, 1, 2), false);
    expect(0.1 + 0.2).not.toBe(0.3);
    expect([...up.subarray(0, 2)]).toEqual([2, 1]);
    expect([...down.subarray(0, 2)]).toEqual([2, 1]);
  });

  it('descends in every hidden layer of a deep network', () => {
    const chain = denseNetwork([3, 40, 50, 4], relu, LINEAR);
    const random = seededRandom(1);
    const theta = Float64Array.from({ length: chain.parameters }, () => random.below(3));
    sortedUnits(chain, TOLERANCE).apply(theta);
    for (const { units, uses } of channelClasses(chain)) {
      const { block: { offset: outgoing }, outer: fanOut } = uses.find(({ role }) => role === 'consumer')!;
      for (let j = 1; j < units; j++) {
        let k = 0;
        while (k < fanOut && theta[outgoing + k * units + j - 1] === theta[outgoing + k * units + j]) k++;
        if (k < fanOut) expect(theta[outgoing + k * units + j - 1]).toBeGreaterThan(theta[outgoing + k * units + j]!);
      }
    }
  });

  it('of units with one common column does not depend on how the layer before is stored', () => {
    // Second hidden layer: all columns equal; rows are cyclic shifts, so that only the inputs tell its units apart.
    const chain = denseNetwork([1, 3, 3, 1], relu, LINEAR, false);
    const theta = Float64Array.of(1, 2, 3, 0, 1, 2, 2, 0, 1, 1, 2, 0, 1, 1, 1);
    const layers = channelClasses(chain);
    const scratch = permutationScratch(layers);
    const expected = sorted([1, 3, 3, 1], theta, false);
    for (const order of [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]) {
      for (const other of [[0, 1, 2], [1, 2, 0], [2, 1, 0]]) {
        const moved = theta.slice();
        permuteUnits(moved, layers[0]!, Int32Array.from(order), scratch);
        permuteUnits(moved, layers[1]!, Int32Array.from(other), scratch);
        expect([...sorted([1, 3, 3, 1], moved, false)]).toEqual([...expected]);
      }
    }
  });

  it('of units that a rotation exchanges is one rotation, not any order', () => {
    // Four equal first units enter four second units with weights (2, 1, 0, 0) and its rotations: one choice settles the rest.
    const chain = denseNetwork([1, 4, 4, 1], relu, LINEAR, false);
    const theta = Float64Array.of(1, 1, 1, 1, 2, 1, 0, 0, 0, 2, 1, 0, 0, 0, 2, 1, 1, 0, 0, 2, 3, 3, 3, 3);
    const layers = channelClasses(chain);
    const scratch = permutationScratch(layers);
    const random = seededRandom(6);
    const expected = sorted([1, 4, 4, 1], theta, false);
    for (let trial = 0; trial < 50; trial++) {
      const moved = theta.slice();
      for (const layer of layers) permuteUnits(moved, layer, random.permutation(4), scratch);
      expect([...sorted([1, 4, 4, 1], moved, false)]).toEqual([...expected]);
    }
  });

  it('holds for layers wide enough to leave insertion sort', () => {
    const cells = new CellOrder(500);
    const random = seededRandom(2);
    const keys = Float64Array.from({ length: 500 }, () => random.below(100));
    cells.reset();
    cells.split(keys, Int32Array.from(keys, (_, i) => i), 1, 0, 0, TOLERANCE);
    for (let p = 1; p < 500; p++) {
      const [before, here] = [keys[cells.order[p - 1]!]!, keys[cells.order[p]!]!];
      expect(cells.first[p] === 1 ? before > here : before === here).toBe(true);
    }
  });
});

it('signed ranks follow size and sign, and equal what rounding separates', () => {
  expect([...signedRanks(Float64Array.of(0.3, -2, 0, 0.1 + 0.2, 2, -0.3, 1e-300), TOLERANCE)]).toEqual([2, -3, 0, 2, 3, -2, 1]);
});
