/** The three laws of the canonical form where linear layers may mix their units, over elements of the whole group, and what is left out of it. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { LINEAR } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import type { Network } from '../../../src/network/network.ts';
import { parameterDistance } from '../../../src/network/network.ts';
import { canonicalForm, type CanonicalOptions, mass } from '../../../src/symmetry/canonicalForm.ts';
import { functionDistance } from '../../../src/symmetry/functionDistance.ts';
import { symmetryGroup } from '../../../src/symmetry/group.ts';
import { applyElement, randomElement } from '../../../src/symmetry/groupAction.ts';
import { dividedForm } from '../../../src/symmetry/leastMass.ts';
import { Layers } from '../network/networks.ts';

const { signal } = new AbortController();
const forms: readonly CanonicalOptions[] = (['unit', 'balanced'] as const).flatMap((scaling) => [false, true].map((countBiases): CanonicalOptions => ({ scaling, countBiases, permutation: 'sorted', sign: 'fixed' })));

/** No more units between two linear maps than either has directions. */
const networks: [string, Network][] = [
  ['a narrow layer', denseNetwork([7, 4, 6], LINEAR)],
  ['two of them', denseNetwork([7, 4, 4, 6], LINEAR)],
  ['between ReLU', new Layers([5]).dense(9).activation('relu').dense(4).dense(8).activation('relu').dense(3).build()],
  ['between tanh', new Layers([5]).dense(9).activation('tanh').dense(4).dense(8).activation('tanh').dense(3).build()],
  ['convolutions', new Layers([3, 9, 9]).conv(6, [3, 3]).activation('relu').conv(5, [3, 3], { padding: [1, 1] }).conv(7, [1, 1]).activation('relu').globalPool('globalavgpool').dense(3).build()],
];

describe.each(networks)('the canonical form with mixed units: %s', (_, network) => {
  it.each(forms)('$scaling, biases counted: $countBiases', async (options) => {
    for (let seed = 1; seed <= 10; seed++) {
      const random = seededRandom(seed);
      const state = Float64Array.from({ length: network.stateSize }, () => random.normal());
      const form = await dividedForm(network, state, options, signal);
      expect(form.linearLayers).toEqual([]);
      expect(functionDistance(network, state, form.state).relative).toBeLessThan(1e-9);
      const norm = parameterDistance(network, form.state);
      // The form of a copy, mixed by any matrix, is the form; and so is the form's own.
      const copy = state.slice();
      applyElement(network, copy, randomElement(symmetryGroup(network), random, 0.3));
      expect(parameterDistance(network, copy, state)).toBeGreaterThan(0.1);
      expect(parameterDistance(network, form.state, (await dividedForm(network, copy, options, signal)).state)).toBeLessThan(1e-7 * norm);
      expect(parameterDistance(network, form.state, (await dividedForm(network, form.state, options, signal)).state)).toBeLessThan(1e-7 * norm);
    }
  });
});

describe('what is left of the linear group', () => {
  it('is nothing of the mass: no copy has less, biases counted', async () => {
    for (const [, network] of networks) {
      const random = seededRandom(3);
      const state = Float64Array.from({ length: network.stateSize }, () => random.normal());
      const options: CanonicalOptions = { scaling: 'balanced', countBiases: true, permutation: 'sorted', sign: 'fixed' };
      const form = await dividedForm(network, state, options, signal);
      const least = form.massAfter.withBiases;
      // Scaling alone leaves more.
      expect(least).toBeLessThan(0.99 * canonicalForm(network, state, options).massAfter.withBiases);
      for (let k = 0; k < 20; k++) {
        const copy = form.state.slice();
        // Shifts are no part of what has a least mass.
        const group = symmetryGroup(network);
        applyElement(network, copy, randomElement({ ...group, factors: group.factors.filter(({ kind }) => kind === 'general-linear') }, random, 0.05));
        expect(mass(network, copy).withBiases).toBeGreaterThan(least * (1 - 1e-12));
      }
    }
  });

  it('is all of it where layers have fewer directions than units, and where a part of the form is left out', async () => {
    const options: CanonicalOptions = { scaling: 'balanced', countBiases: true, permutation: 'sorted', sign: 'fixed' };
    const random = seededRandom(1);
    const wide = denseNetwork([2, 6, 3], LINEAR);
    const state = Float64Array.from({ length: wide.stateSize }, () => random.normal());
    expect((await dividedForm(wide, state, options, signal)).linearLayers).toEqual(['0']);
    const narrow = networks[0]![1];
    const other = Float64Array.from({ length: narrow.stateSize }, () => random.normal());
    for (const part of [{ scaling: 'none' }, { sign: 'none' }, { permutation: 'none' }] as const) expect((await dividedForm(narrow, other, { ...options, ...part }, signal)).linearLayers).toEqual(['0']);
  });
});
