/** Each status on a unit built to have it, and on no other. */
import { describe, expect, test } from 'vitest';
import { unitReports, type UnitStatus } from '../../../src/curvature/units.ts';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { network, normal } from './problems.ts';

/** Statuses of a 2-n-1 network with the given incoming rows [w₁, w₂, b], on inputs of length at most about 5. */
function statuses(activation: string, rows: readonly (readonly [number, number, number])[]): { status: UnitStatus; duplicateOf?: number }[] {
  const net = network([2, rows.length, 1], activation);
  const theta = Float64Array.from([...rows.flatMap(([a, b]) => [a, b]), ...rows.map(([, , bias]) => bias), ...rows.map(() => 1), 0]);
  return complete(unitReports(net, theta, normal(1, 400), seededRandom(1))).map(({ status, duplicateOf }) => (duplicateOf === undefined ? { status } : { status, duplicateOf }));
}

describe('units on the data', () => {
  test('ReLU: dead, always on, constant, mixed', () => {
    expect(statuses('relu', [[1, 1, -50], [1, 1, 50], [0, 0, 2], [1, -1, 0.1]]).map(({ status }) => status)).toEqual(['dead', 'always-on', 'constant', 'mixed']);
  });

  test('ReLU: on, or off, for fewer inputs than it has incoming parameters', () => {
    // Of the 200 inputs exactly `on` have a first coordinate beyond the threshold; a unit has 3 incoming parameters.
    const first = Array.from(normal(1, 400)).filter((_, k) => k % 2 === 0).sort((a, b) => b - a);
    const beyond = (on: number): readonly [number, number, number] => [1, 0, -(first[on - 1]! + first[on]!) / 2];
    const [a, b, c] = beyond(2);
    expect(statuses('relu', [beyond(1), [a, b, c], beyond(3), [-a, b, -c]]).map(({ status }) => status)).toEqual(['rare', 'rare', 'mixed', 'rare']);
  });

  test('leaky ReLU is linear on either side and never dead', () => {
    expect(statuses('leaky_relu:0.1', [[1, 1, -50], [1, 1, 50], [1, 1, 0]]).map(({ status }) => status)).toEqual(['always-on', 'always-on', 'mixed']);
  });

  test('tanh and sigmoid saturate', () => {
    expect(statuses('tanh', [[1, 1, 50], [1, 0, 0], [0.1, 0, -20]]).map(({ status }) => status)).toEqual(['saturated', 'mixed', 'saturated']);
    expect(statuses('sigmoid', [[1, 1, -50], [1, 0, 0]]).map(({ status }) => status)).toEqual(['saturated', 'mixed']);
  });

  test('duplicates are what the activation makes equal up to a factor', () => {
    const parallel = [[1, 2, 0.3], [2, 4, 0.6], [-1, -2, -0.3], [1, 2, 0.3], [1, 2, 0.4]] as const;
    const mixed = { status: 'mixed' };
    const duplicate = { status: 'duplicate', duplicateOf: 0 };
    expect(statuses('relu', parallel)).toEqual([mixed, duplicate, mixed, duplicate, mixed]);
    expect(statuses('tanh', parallel)).toEqual([mixed, mixed, duplicate, duplicate, mixed]);
    expect(statuses('sigmoid', parallel)).toEqual([mixed, mixed, mixed, duplicate, mixed]);
    expect(statuses('linear', parallel)).toEqual([mixed, duplicate, duplicate, duplicate, mixed]);
  });

  test('every unit of every hidden layer is reported once, in order', () => {
    const net = network([2, 3, 4, 2], 'tanh');
    const reports = complete(unitReports(net, normal(2, net.parameters), normal(3, 20), seededRandom(1)));
    expect(reports.map(({ layer, unit }) => `${layer}:${unit}`)).toEqual(['0:0', '0:1', '0:2', '2:0', '2:1', '2:2', '2:3']);
    expect(reports.every(({ status }) => status === 'mixed')).toBe(true);
  });
});
