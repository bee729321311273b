/**
 * The three laws of a canonical form, over random networks and random group elements, in float64: (a) the function is kept,
 * (b) the form is constant on the orbit, (c) it is idempotent.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { activationNamed, LINEAR } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { NetworkBuilder } from '../../../src/network/networkBuilder.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { canonicaliseMany } from '../../../src/symmetry/canonicalDraws.ts';
import { type CanonicalForm, type CanonicalOptions, canonicalForm } from '../../../src/symmetry/canonicalForm.ts';
import { functionDistance } from '../../../src/symmetry/functionDistance.ts';
import { symmetryGroup } from '../../../src/symmetry/group.ts';
import { type FactorElement, type GroupElement, applyElement, randomElement } from '../../../src/symmetry/groupAction.ts';
import type { LeftUnit } from '../../../src/symmetry/scaling.ts';
import { dense } from './architectures.ts';
import { type Sample, entryDistance, graphs, samples } from './networks.ts';

const LAW = 1e-10;
const forms = fc.record({
  scaling: fc.constantFrom('unit' as const, 'balanced' as const),
  countBiases: fc.boolean(),
  permutation: fc.constant('sorted' as const),
  sign: fc.constant('fixed' as const),
});
const all = ['relu', 'leaky_relu:0.1', 'leaky_relu:2', 'tanh', 'sin', 'erf', 'softsign', 'linear', 'gelu', 'sigmoid', 'silu', 'softplus', 'elu'];

/** Whether there is a least mass: units that feed only one another have none, and the residual says so. */
const settled = ({ factors }: CanonicalForm): boolean => factors.every((factor) => factor.kind !== 'scaling' || factor.form !== 'balanced' || factor.residual < 1e-12);

/** An element of the part of the group that the form divides out: no general linear mixing, no scaling of units left alone. */
function divisibleElement({ network: chain, state, random, kind }: Sample, left: readonly LeftUnit[]): GroupElement {
  const group = symmetryGroup(chain);
  const element = randomElement({ ...group, factors: group.factors.filter((factor) => factor.kind !== 'general-linear') }, random);
  // Scale and flip before reordering, so that positions are those of θ.
  const scalings = element.filter((part): part is Extract<FactorElement, { alpha: unknown }> => 'alpha' in part);
  for (const { layer, unit } of left) for (const part of scalings) if (part.units.name === layer) part.alpha[unit] = 1;
  // Beside a constant of size 1 a bias of 1e-50 is rounded away, and the orbit left.
  if (kind === 'wide') for (const part of element) if (part.kind === 'shift') part.delta.forEach((delta, c) => { part.delta[c] = delta * state[part.shift.bias.offset + c]!; });
  return [...element.filter((part) => part.kind !== 'permutation'), ...element.filter((part) => part.kind === 'permutation')];
}

function expectSameFunction(sample: Sample, theta: Float64Array): void {
  const distance = functionDistance(sample.network, sample.state, theta);
  expect(distance.relative).toBeLessThanOrEqual(sample.kind === 'normal' ? LAW : Math.max(LAW, distance.rounding));
}

describe.each([
  ['every activation', samples({ activations: all }), 0, 2000],
  ['ReLU with nasty weights', samples({ activations: ['relu', 'leaky_relu:0.1'], kinds: ['whole', 'wide'] }), 0, 1500],
  ['odd activations with tied weights', samples({ activations: ['tanh', 'linear'], kinds: ['whole'] }), 0, 2000],
  ['graphs of all operations', graphs({ activations: ['relu', 'tanh', 'leaky_relu:0.1', 'gelu', 'linear'], kinds: ['normal'] }), 1, 300],
  // A map used twice may lead units round in circles that nothing else enters: then there is no least mass.
  ['graphs with equal weights', graphs({ activations: ['relu', 'tanh', 'linear'], kinds: ['whole'], tied: false }), 1, 400],
  ['graphs without normalisation', graphs({ activations: ['relu', 'leaky_relu:0.1'], normalisation: false, kinds: ['normal'] }), 1, 300],
])('canonical form: %s', (_, networks, floor, numRuns) => {
  it('keeps the function', () => {
    fc.assert(
      fc.property(networks, forms, (sample, form) => {
        expectSameFunction(sample, canonicalForm(sample.network, sample.state, form).state);
      }),
      { numRuns, seed: 1 },
    );
  });

  it('is constant on the orbit', () => {
    fc.assert(
      fc.property(networks, forms, (sample, form) => {
        const canonical = canonicalForm(sample.network, sample.state, form);
        fc.pre(settled(canonical));
        const { state: theta, leftUnits } = canonical;
        const moved = sample.state.slice();
        applyElement(sample.network, moved, divisibleElement(sample, leftUnits));
        expect(entryDistance(canonicalForm(sample.network, moved, form).state, theta, floor)).toBeLessThanOrEqual(LAW);
      }),
      { numRuns, seed: 2 },
    );
  });

  it('is idempotent', () => {
    fc.assert(
      fc.property(networks, forms, (sample, form) => {
        const canonical = canonicalForm(sample.network, sample.state, form);
        fc.pre(settled(canonical));
        const { state: theta } = canonical;
        expect(entryDistance(canonicalForm(sample.network, theta, form).state, theta, floor)).toBeLessThanOrEqual(LAW);
      }),
      { numRuns, seed: 3 },
    );
  });
});

const relu = activationNamed('relu');
const unit: CanonicalOptions = { scaling: 'unit', permutation: 'sorted', sign: 'fixed', countBiases: false };

describe('outside the law', () => {
  // W = [[0, 0], [3, 4]], b = [0, 0]; V = [[5, 2]], c = 1: unit 0 is constant.
  const chain = denseNetwork([2, 2, 1], relu, LINEAR);
  const theta = Float64Array.of(0, 0, 3, 4, 0, 0, 5, 2, 1);

  it('unit form: a zero row is reported and its column left as it is', () => {
    const { state: result, leftUnits } = canonicalForm(chain, theta, { ...unit, permutation: 'none' });
    expect(leftUnits).toEqual([{ layer: '0', unit: 0, reason: 'zero-incoming' }]);
    expect([...result]).toEqual([0, 0, 3 / 5, 4 / 5, 0, 0, 5, 10, 1]);
    expect(functionDistance(chain, theta, result).relative).toBeLessThan(1e-15);
  });

  it('balanced form: zero rows and zero columns are reported and left; the others are balanced', () => {
    const wide = denseNetwork([1, 3, 1], relu, LINEAR, false);
    const { state: result, leftUnits } = canonicalForm(wide, Float64Array.of(0, 2, 8, 5, 0, 2), { ...unit, scaling: 'balanced', permutation: 'none' });
    expect(leftUnits).toEqual([{ layer: '0', unit: 0, reason: 'zero-incoming' }, { layer: '0', unit: 1, reason: 'zero-outgoing' }]);
    expect(entryDistance(result, Float64Array.of(0, 2, 4, 5, 0, 4))).toBeLessThan(1e-14);
  });

  it('balanced form without biases: a unit with nothing but a bias is constant and left', () => {
    const { leftUnits } = canonicalForm(chain, Float64Array.of(0, 0, 3, 4, 7, 0, 5, 2, 1), { ...unit, scaling: 'balanced' });
    expect(leftUnits).toEqual([{ layer: '0', unit: 0, reason: 'zero-incoming' }]);
    expect(canonicalForm(chain, Float64Array.of(0, 0, 3, 4, 7, 0, 5, 2, 1), { ...unit, scaling: 'balanced', countBiases: true }).leftUnits).toEqual([]);
  });

  it('linear layers are named, because their general linear group stays', () => {
    expect(canonicalForm(denseNetwork([2, 2, 1], LINEAR, LINEAR), theta, unit).linearLayers).toEqual(['0']);
    expect(canonicalForm(chain, theta, unit).linearLayers).toEqual([]);
  });

  it('numbers that are not finite, or do not stay so, are refused by name', () => {
    expect(() => canonicalForm(chain, theta.with(3, Number.NaN), unit)).toThrow('0.weight[1,1] is NaN: weights must be finite');
    expect(() => canonicalForm(chain, Float64Array.of(1e200, 0, 0, 1e200, 0, 0, 1e200, 1e200, 0), unit)).toThrow('2.weight[0,0] leaves the range of float64');
  });
});

describe('what was applied', () => {
  it('tells each factor of each layer', () => {
    const chain = denseNetwork([1, 2, 1], activationNamed('tanh'), LINEAR, false);
    // tanh is odd, not homogeneous: unit 0 flips (−1 → 1), then v = [−1, 3] is put in descending order.
    const { factors, state: theta } = canonicalForm(chain, Float64Array.of(-1, 2, 1, 3), unit);
    expect([...theta]).toEqual([2, 1, 3, -1]);
    expect(factors).toEqual([
      { kind: 'sign', layer: '0', units: 2, flipped: 1 },
      { kind: 'permutation', layer: '0', units: 2, order: [1, 0] },
    ]);
  });

  it('does nothing when nothing is asked for', () => {
    const chain = denseNetwork([2, 3, 1], LINEAR, LINEAR);
    const theta = Float64Array.from({ length: chain.parameters }, (_, i) => Math.cos(i));
    const { state: result, factors } = canonicalForm(chain, theta, { scaling: 'none', permutation: 'none', sign: 'none', countBiases: false });
    expect(result).toEqual(theta);
    expect(factors).toEqual([]);
  });
});

describe('shifts between linear layers', () => {
  it('the bias becomes zero, and the next one b\u2032 + W b, as far as linear layers reach', () => {
    // 2x + 3, then 5y + 7, then max(0, 11z − 13), then 1·a + 0.
    const b = new NetworkBuilder();
    let x = b.input([1]);
    for (const name of ['0', '1', '2']) x = dense(b, name, x, 1);
    const chain = b.finish(dense(b, '4', b.activation('3', x, relu), 1));
    const { state: theta, factors } = canonicalForm(chain, Float64Array.of(2, 3, 5, 7, 11, -13, 1, 0), { ...unit, scaling: 'balanced', permutation: 'none' });
    expect([theta[1], theta[3]]).toEqual([0, 0]);
    // 11 · (5 · 3 + 7) − 13 = 229, in units of the balanced scales: weights 2, 5, 11, 1 of product 110 become 110^¼ each.
    const each = 110 ** 0.25;
    expect(entryDistance(theta, Float64Array.of(each, 0, each, 0, each, (229 * each ** 3) / 110, each, 0))).toBeLessThan(1e-12);
    expect(factors.flatMap((factor) => (factor.kind === 'shift' ? [[factor.layer, factor.form]] : []))).toEqual([['0', 'zero'], ['1', 'zero']]);
  });

  it('a sum that cancels but for rounding is zero, so that ties are seen', () => {
    // 0.1 · 3 − 0.3 · 1 is 5.6e-17 in float64.
    const chain = denseNetwork([1, 2, 1], LINEAR, LINEAR);
    const { state: theta } = canonicalForm(chain, Float64Array.of(1, 1, 0.1, 0.3, 3, -1, 0), { ...unit, scaling: 'balanced', permutation: 'none' });
    expect([...theta.subarray(2, 4), theta[6]]).toEqual([0, 0, 0]);
  });
});

describe('many draws', () => {
  const chain = denseNetwork([2, 2, 1], relu, LINEAR);
  const random = seededRandom(5);
  const draws = Float64Array.from({ length: 50 * chain.parameters }, () => random.normal());
  const job = { signal: new AbortController().signal, progress: () => undefined };

  it.each(['unit', 'balanced', 'none'] as const)('are each brought into the same form as one alone (%s)', async (scaling) => {
    const options = { ...unit, scaling };
    const many = draws.slice();
    expect(await canonicaliseMany(chain, many, options, job)).toEqual({ draws: 50, notFinite: 0, withLeftUnits: 0 });
    for (let m = 0; m < 50; m++) {
      const begin = m * chain.parameters;
      const alone = canonicalForm(chain, draws.slice(begin, begin + chain.parameters), options).state;
      expect(many.slice(begin, begin + chain.parameters)).toEqual(alone);
    }
  });

  it('leave alone and count a draw with a NaN', async () => {
    const many = draws.slice().with(chain.parameters + 2, Number.NaN);
    expect((await canonicaliseMany(chain, many, unit, job)).notFinite).toBe(1);
    expect(many.slice(chain.parameters, 2 * chain.parameters)).toEqual(draws.slice(chain.parameters, 2 * chain.parameters).with(2, Number.NaN));
  });

  it('stop at once when the job is cancelled', async () => {
    const many = draws.slice();
    await expect(canonicaliseMany(chain, many, unit, { ...job, signal: AbortSignal.abort() })).rejects.toThrow();
    expect(many).toEqual(draws);
  });
});
