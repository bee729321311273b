// Rank plots: laws.
import { expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { chainRanks } from '../../../src/posterior/chainRanks.ts';

const normals = (seed: number, length: number): Float64Array => {
  const random = seededRandom(seed);
  return Float64Array.from({ length }, () => random.normal());
};

it('average to one over chains in every bin, and over bins in every chain', () => {
  const ranks = chainRanks(normals(1, 400), 4, 10);
  for (let b = 0; b < 10; b++) expect([0, 1, 2, 3].reduce((sum, c) => sum + ranks[c * 10 + b]! / 4, 0)).toBeCloseTo(1, 12);
  for (let c = 0; c < 4; c++) expect(ranks.subarray(c * 10, (c + 1) * 10).reduce((sum, value) => sum + value / 10, 0)).toBeCloseTo(1, 12);
});

it('do not depend on any increasing transformation of the quantity', () => {
  const values = normals(2, 300);
  expect(chainRanks(values.map((value) => Math.exp(3 * value) - 7), 3, 5)).toEqual(chainRanks(values, 3, 5));
});

it('of chains that do not meet lie in bins of their own; of one constant in the middle', () => {
  expect([...chainRanks(Float64Array.of(1, 2, 3, 4, 11, 12, 13, 14), 2, 4)]).toEqual([2, 2, 0, 0, 0, 0, 2, 2]);
  expect([...chainRanks(new Float64Array(8), 2, 4)]).toEqual([0, 0, 4, 0, 0, 0, 4, 0]);
  expect(() => chainRanks(new Float64Array(7), 2, 4)).toThrow('7 numbers are not 2 chains');
});
