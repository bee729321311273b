/**
 * Networks that real frameworks exported (PyTorch through ONNX and as state dicts, Keras 2 and 3, TensorFlow.js): the laws of the canonical
 * form, and a permutation of their units that matching undoes.
 */
import { describe, expect, it } from 'vitest';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import type { Network } from '../../../src/network/network.ts';
import { canonicalForm } from '../../../src/symmetry/canonicalForm.ts';
import { genericInputs } from '../../../src/symmetry/comparedInputs.ts';
import { functionChanged, functionDistance } from '../../../src/symmetry/functionDistance.ts';
import { symmetryGroup } from '../../../src/symmetry/group.ts';
import { applyElement, randomElement } from '../../../src/symmetry/groupAction.ts';
import { matchingClasses } from '../../../src/symmetry/matchingClasses.ts';
import { orderUnits } from '../../../src/symmetry/unitRows.ts';
import { bestWeightMatching } from '../../../src/symmetry/weightMatching.ts';
import { exported, loadExported } from './exported.ts';

/** Inputs on which functions are compared: an image takes time. */
const ROWS = 6;

function farthest(a: Float64Array, b: Float64Array): number {
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!) / Math.max(1, Math.abs(a[i]!)));
  return most;
}

function distance({ parameters }: Network, a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < parameters; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum);
}

describe.each(exported)('%s', (name) => {
  it.each(['unit', 'balanced'] as const)('%s: the function stays, once more changes nothing, the whole orbit has one form', async (scaling) => {
    const { network, state } = await loadExported(name);
    const x = genericInputs(network.inputs, ROWS, 0);
    const form = { permutation: 'sorted', sign: 'fixed', countBiases: false, scaling } as const;
    const once = canonicalForm(network, state, form).state;
    expect(functionChanged(functionDistance(network, state, once, x))).toBe(false);
    expect(farthest(once, canonicalForm(network, once, form).state)).toBeLessThan(1e-9);
    const moved = state.slice();
    const group = symmetryGroup(network);
    expect(group.factors.some(({ kind }) => kind === 'general-linear')).toBe(false);
    applyElement(network, moved, randomElement(group, seededRandom(1), 0.3));
    expect(functionChanged(functionDistance(network, state, moved, x))).toBe(false);
    expect(farthest(once, canonicalForm(network, moved, form).state)).toBeLessThan(1e-8);
  });

  it('matching brings back units that were put into another order', async () => {
    const { network, state } = await loadExported(name);
    const classes = matchingClasses(network);
    const random = seededRandom(5);
    const moved = state.slice();
    for (const { units } of classes) orderUnits(moved, units, { order: random.permutation(units.units), signs: new Int8Array(units.units).fill(1) });
    const before = distance(network, state, moved);
    expect(before).toBeGreaterThan(0.01);
    // Coordinate ascent alone has local optima: in the two MobileNets it ends in one, and nine of ten random orders do.
    const { state: found, objective } = complete(bestWeightMatching(network, classes, state, moved, 0, { random }));
    for (let k = 1; k < objective.length; k++) expect(objective[k]!).toBeGreaterThanOrEqual(objective[k - 1]! - 1e-9 * Math.abs(objective[k]!));
    expect([...found]).toEqual([...state]);
    expect(functionChanged(functionDistance(network, moved, found, genericInputs(network.inputs, ROWS, 0)))).toBe(false);
  });
});
