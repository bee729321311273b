/** Group factors: their sizes, that they leave the function alone, and that the tangents are their derivatives. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { LINEAR, activationNamed } from '../../../src/network/activation.ts';
import { type DenseChain, sequentialChain } from '../../../src/network/denseChain.ts';
import { forward } from '../../../src/network/chainForward.ts';
import { functionDistance, genericInputs } from '../../../src/symmetry/functionDistance.ts';
import { type FactorKind, type GroupOptions, symmetryGroup } from '../../../src/symmetry/group.ts';
import { type FactorElement, applyElement, randomElement } from '../../../src/symmetry/groupAction.ts';
import { symmetryTangents } from '../../../src/symmetry/tangents.ts';
import { samples } from './chains.ts';

const chainOf = (activation: string, widths: readonly number[], bias = true): DenseChain => sequentialChain(widths, activationNamed(activation), LINEAR, bias);
const kinds = (chain: DenseChain, options?: GroupOptions): FactorKind[] => symmetryGroup(chain, options).factors.map((factor) => factor.kind);

describe('factors', () => {
  it('follow the activation: ReLU is scaled, tanh is flipped, GELU only reordered', () => {
    expect(kinds(chainOf('relu', [2, 3, 1]))).toEqual(['permutation', 'scaling']);
    expect(kinds(chainOf('tanh', [2, 3, 1]))).toEqual(['permutation', 'sign']);
    expect(kinds(chainOf('gelu', [2, 3, 1]))).toEqual(['permutation']);
    expect(kinds(chainOf('linear', [2, 3, 1]))).toEqual(['permutation', 'scaling', 'sign', 'general-linear']);
    expect(kinds(chainOf('relu', [2, 3]))).toEqual([]);
  });

  it('count copies as n! 2ⁿ and dimensions as one a scaled unit', () => {
    // 5! = 120, 4! = 24.
    expect(symmetryGroup(chainOf('relu', [3, 5, 4, 2])).log10Copies).toBeCloseTo(Math.log10(120 * 24), 12);
    expect(symmetryGroup(chainOf('relu', [3, 5, 4, 2])).dimensions).toBe(9);
    expect(symmetryGroup(chainOf('tanh', [3, 5, 4, 2])).log10Copies).toBeCloseTo(Math.log10(120 * 24 * 2 ** 9), 12);
    expect(symmetryGroup(chainOf('tanh', [3, 5, 4, 2])).dimensions).toBe(0);
  });

  it('of a linear layer are n² dimensions, and n more where both layers have biases; nothing is counted twice', () => {
    expect(symmetryGroup(chainOf('linear', [2, 3, 1])).dimensions).toBe(12);
    expect(symmetryGroup(chainOf('linear', [2, 3, 1], false)).dimensions).toBe(9);
    expect(symmetryGroup(chainOf('linear', [2, 3, 1])).log10Copies).toBe(0);
  });

  it('include output shifts only under a categorical likelihood', () => {
    const chain = chainOf('gelu', [2, 3, 4]);
    expect(kinds(chain, { likelihood: 'gaussian' })).toEqual(['permutation']);
    expect(kinds(chain, { likelihood: 'categorical' })).toEqual(['permutation', 'output-shift']);
    expect(symmetryGroup(chain, { likelihood: 'categorical', outputRowShift: true }).dimensions).toBe(1 + 3);
    expect(kinds(sequentialChain([2, 3, 4], activationNamed('gelu'), activationNamed('sigmoid')), { likelihood: 'categorical' })).toEqual(['permutation']);
    expect(kinds(chainOf('gelu', [2, 3, 4], false), { likelihood: 'categorical' })).toEqual(['permutation']);
  });
});

/** Log-probabilities, N × O: what a categorical likelihood sees of the logits. */
function logSoftmax(logits: Float64Array, outputs: number): Float64Array {
  return logits.map((value, i) => {
    const row = logits.subarray(i - (i % outputs), i - (i % outputs) + outputs);
    return value - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
  });
}

describe('elements', () => {
  const every = ['relu', 'leaky_relu:0.3', 'tanh', 'sin', 'erf', 'softsign', 'linear', 'gelu'];

  it('leave the function as it is', () => {
    fc.assert(
      fc.property(samples({ activations: every, kinds: ['normal', 'whole'] }), ({ chain, theta, random }) => {
        const moved = theta.slice();
        applyElement(chain, moved, randomElement(symmetryGroup(chain), random));
        const distance = functionDistance(chain, theta, moved);
        // General linear mixing adds and cancels terms, which the rounding bound knows.
        expect(distance.relative).toBeLessThanOrEqual(Math.max(1e-10, 100 * distance.rounding));
      }),
      { numRuns: 2000, seed: 4 },
    );
  });

  it('of every kind move the weights', () => {
    const options = { likelihood: 'categorical', outputRowShift: true } as const;
    const random = seededRandom(9);
    for (const activation of ['linear', 'tanh', 'relu']) {
      const chain = chainOf(activation, [3, 6, 4]);
      const theta = Float64Array.from({ length: chain.parameters }, () => random.normal());
      for (const part of randomElement(symmetryGroup(chain, options), random)) {
        const moved = theta.slice();
        applyElement(chain, moved, [part]);
        expect(moved).not.toEqual(theta);
      }
    }
  });

  it('that shift logits change them, but not their softmax', () => {
    const chain = chainOf('tanh', [2, 3, 4]);
    const random = seededRandom(3);
    const theta = Float64Array.from({ length: chain.parameters }, () => random.normal());
    const x = genericInputs(2, 20, 1);
    const shifts = randomElement(symmetryGroup(chain, { likelihood: 'categorical', outputRowShift: true }), random).filter((part) => part.kind.startsWith('output'));
    const moved = theta.slice();
    applyElement(chain, moved, shifts);
    const [before, after] = [forward(chain, theta, x), forward(chain, moved, x)];
    expect(Math.max(...before.map((value, i) => Math.abs(value - after[i]!)))).toBeGreaterThan(0.1);
    const [p, q] = [logSoftmax(before, 4), logSoftmax(after, 4)];
    expect(Math.max(...p.map((value, i) => Math.abs(value - q[i]!)))).toBeLessThan(1e-13);
  });
});

describe('tangents', () => {
  const random = seededRandom(17);
  const options = { likelihood: 'categorical', outputRowShift: true } as const;

  /** One-parameter subgroups in the order of `symmetryTangents`. */
  function subgroups(chain: DenseChain, epsilon: number): FactorElement[] {
    return symmetryGroup(chain, options).factors.flatMap((factor): FactorElement[] => {
      if (factor.contained || factor.kind === 'permutation' || factor.kind === 'sign') return [];
      const n = factor.size;
      if (factor.kind === 'output-shift') return [{ kind: 'output-shift', bias: factor.bias, size: n, constant: epsilon }];
      if (factor.kind === 'output-row-shift') {
        return Array.from({ length: factor.fanIn }, (_, i) => ({ kind: 'output-row-shift', weight: factor.weight, size: n, vector: new Float64Array(factor.fanIn).fill(epsilon, i, i + 1) }));
      }
      if (factor.kind === 'scaling') {
        return Array.from({ length: n }, (_, j) => ({ kind: 'scaling', layer: factor.layer, alpha: new Float64Array(n).fill(1).fill(Math.exp(epsilon), j, j + 1) }));
      }
      const identity = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
      const mixings = Array.from({ length: n * n }, (_, i): FactorElement => {
        const diagonal = i % (n + 1) === 0;
        return { kind: 'general-linear', layer: factor.layer, shift: new Float64Array(n), matrix: identity.with(i, diagonal ? Math.exp(epsilon) : epsilon), inverse: identity.with(i, diagonal ? Math.exp(-epsilon) : -epsilon) };
      });
      const shifts = Array.from({ length: factor.shift ? n : 0 }, (_, a): FactorElement => ({ kind: 'general-linear', layer: factor.layer, matrix: identity, inverse: identity, shift: new Float64Array(n).fill(epsilon, a, a + 1) }));
      return [...mixings, ...shifts];
    });
  }

  it.each(['relu', 'leaky_relu:0.1', 'linear', 'tanh'])('are the derivatives of the group action (%s)', (activation) => {
    for (const bias of [true, false]) {
      const chain = chainOf(activation, [2, 4, 3, 3], bias);
      const theta = Float64Array.from({ length: chain.parameters }, () => random.normal());
      const tangents = symmetryTangents(chain, theta, options);
      expect(tangents.length).toBe(symmetryGroup(chain, options).dimensions);
      const h = 1e-5;
      const plus = subgroups(chain, h);
      const minus = subgroups(chain, -h);
      expect(plus.length).toBe(tangents.length);
      tangents.forEach((tangent, t) => {
        const [ahead, behind] = [theta.slice(), theta.slice()];
        applyElement(chain, ahead, [plus[t]!]);
        applyElement(chain, behind, [minus[t]!]);
        tangent.forEach((value, i) => { expect((ahead[i]! - behind[i]!) / (2 * h)).toBeCloseTo(value, 8); });
      });
    }
  });

  it.each(['relu', 'linear'])('lie in the kernel of the Jacobian: f does not change along them (%s)', (activation) => {
    const chain = chainOf(activation, [3, 5, 4, 2]);
    const theta = Float64Array.from({ length: chain.parameters }, () => random.normal());
    const x = genericInputs(3, 30, 2);
    const derivative = (direction: Float64Array): number => {
      const h = 1e-6;
      const ahead = forward(chain, theta.map((value, i) => value + h * direction[i]!), x);
      const behind = forward(chain, theta.map((value, i) => value - h * direction[i]!), x);
      return Math.hypot(...ahead.map((value, i) => (value - behind[i]!) / (2 * h)));
    };
    const arbitrary = derivative(Float64Array.from(theta, () => random.normal()));
    for (const tangent of symmetryTangents(chain, theta)) expect(derivative(tangent)).toBeLessThan(1e-7 * arbitrary);
  });
});
