/** Group factors: their sizes, that they leave the function alone, and that the tangents are their derivatives. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { singularValuesOf } from '../../../src/linalg/singularValues.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { LINEAR, activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { forward, trace } from '../../../src/network/forward.ts';
import type { Network } from '../../../src/network/network.ts';
import { NetworkBuilder } from '../../../src/network/networkBuilder.ts';
import { jacobian } from '../../../src/network/parameterGradients.ts';
import { pushForward } from '../../../src/network/tangent.ts';
import { genericInputs } from '../../../src/symmetry/comparedInputs.ts';
import { functionDistance } from '../../../src/symmetry/functionDistance.ts';
import { type FactorKind, type GroupOptions, symmetryGroup } from '../../../src/symmetry/group.ts';
import { type FactorElement, applyElement, randomElement } from '../../../src/symmetry/groupAction.ts';
import { symmetryTangents } from '../../../src/symmetry/tangents.ts';
import { batchnorm, conv, dense } from './architectures.ts';
import { graphs, samples } from './networks.ts';

const chainOf = (activation: string, widths: readonly number[], bias = true): Network => denseNetwork(widths, activationNamed(activation), LINEAR, bias);
const kinds = (chain: Network, options?: GroupOptions): FactorKind[] => symmetryGroup(chain, options).factors.map((factor) => factor.kind);

describe('factors', () => {
  it('follow the activation: ReLU is scaled, tanh is flipped, GELU only reordered', () => {
    expect(kinds(chainOf('relu', [2, 3, 1]))).toEqual(['permutation', 'scaling']);
    expect(kinds(chainOf('tanh', [2, 3, 1]))).toEqual(['permutation', 'sign']);
    expect(kinds(chainOf('gelu', [2, 3, 1]))).toEqual(['permutation']);
    expect(kinds(chainOf('linear', [2, 3, 1]))).toEqual(['permutation', 'scaling', 'sign', 'general-linear', 'shift']);
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
    expect(kinds(denseNetwork([2, 3, 4], activationNamed('gelu'), activationNamed('sigmoid')), { likelihood: 'categorical' })).toEqual(['permutation']);
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

  it.each([
    ['chains', samples({ activations: every, kinds: ['normal', 'whole'] }), 1500],
    ['graphs of all operations', graphs({ activations: every }), 500],
    ['graphs without normalisation', graphs({ activations: ['relu', 'linear', 'tanh'], normalisation: false }), 300],
  ])('leave the function as it is: %s', (_, networks, numRuns) => {
    fc.assert(
      fc.property(networks, ({ network, state, random }) => {
        const moved = state.slice();
        applyElement(network, moved, randomElement(symmetryGroup(network), random, 0.5));
        const distance = functionDistance(network, state, moved);
        // General linear mixing adds and cancels terms, which the rounding bound knows.
        expect(distance.relative).toBeLessThanOrEqual(Math.max(1e-10, 100 * distance.rounding));
      }),
      { numRuns, seed: 4 },
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
  function subgroups(network: Network, epsilon: number): FactorElement[] {
    return symmetryGroup(network, options).factors.flatMap((factor): FactorElement[] => {
      const n = factor.size;
      const each = (length: number): Float64Array[] => Array.from({ length }, (_, i) => new Float64Array(length).fill(epsilon, i, i + 1));
      if (factor.contained) return [];
      switch (factor.kind) {
        case 'permutation':
        case 'sign':
          return [];
        case 'scaling':
        case 'normalisation-scale':
          return each(n).map((logs) => ({ kind: factor.kind, units: factor.units, alpha: logs.map(Math.exp) }));
        case 'general-linear': {
          const identity = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
          return Array.from({ length: n * n }, (_, i): FactorElement => {
            const diagonal = i % (n + 1) === 0;
            return { kind: 'general-linear', units: factor.units, matrix: identity.with(i, diagonal ? Math.exp(epsilon) : epsilon), inverse: identity.with(i, diagonal ? Math.exp(-epsilon) : -epsilon) };
          });
        }
        case 'shift':
        case 'normalisation-shift':
        case 'sum-shift':
          return each(n).map((delta) => ({ kind: factor.kind, shift: factor.shift, delta }));
        case 'output-shift':
          return [{ kind: 'output-shift', shift: factor.shift, vector: undefined, constant: epsilon }];
        case 'centring':
        case 'output-row-shift': {
          const width = factor.shift.weight?.width ?? 0;
          const rows = each(width).map((vector): FactorElement => ({ kind: factor.kind, shift: factor.shift, vector, constant: 0 }));
          return factor.dimensions > width ? [...rows, { kind: factor.kind, shift: factor.shift, vector: undefined, constant: epsilon }] : rows;
        }
      }
    });
  }

  function expectDerivatives(network: Network, state: Float64Array): void {
    const tangents = symmetryTangents(network, state, options);
    expect(tangents.length).toBe(symmetryGroup(network, options).dimensions);
    const h = 1e-5;
    const plus = subgroups(network, h);
    const minus = subgroups(network, -h);
    expect(plus.length).toBe(tangents.length);
    tangents.forEach((tangent, t) => {
      const [ahead, behind] = [state.slice(), state.slice()];
      applyElement(network, ahead, [plus[t]!]);
      applyElement(network, behind, [minus[t]!]);
      const off = tangent.map((value, i) => Math.abs((ahead[i]! - behind[i]!) / (2 * h) - value) / (1 + Math.abs(value)));
      expect(off.reduce((most, value) => Math.max(most, value), 0)).toBeLessThan(1e-8);
    });
  }

  it.each(['relu', 'leaky_relu:0.1', 'linear', 'tanh'])('are the derivatives of the group action (%s)', (activation) => {
    for (const bias of [true, false]) {
      const chain = chainOf(activation, [2, 4, 3, 3], bias);
      expectDerivatives(chain, Float64Array.from({ length: chain.parameters }, () => random.normal()));
    }
  });

  it('are the derivatives of the group action on graphs of all operations', () => {
    fc.assert(fc.property(graphs({ activations: ['relu', 'linear', 'tanh'] }), ({ network, state }) => { expectDerivatives(network, state); }), { numRuns: 150, seed: 6 });
  });

  it('lie in the kernel of the Jacobian on graphs of all operations', () => {
    fc.assert(
      fc.property(graphs({ activations: ['relu', 'linear', 'tanh'], kinds: ['normal'] }), ({ network, state }) => {
        const tangents = symmetryTangents(network, state);
        if (tangents.length === 0) return;
        const x = genericInputs(network.inputs, 6, 2);
        const values = trace(network, state, x);
        const size = Math.max(...jacobian(network, state, x).map(Math.abs));
        for (const tangent of tangents) {
          const along = pushForward(network, state, values, tangent);
          expect(Math.max(...along.map(Math.abs))).toBeLessThanOrEqual(1e-10 * size * Math.hypot(...tangent));
        }
      }),
      { numRuns: 100, seed: 7 },
    );
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

describe('the kernel of convolutional networks', () => {
  /** conv 1→3→3 (3×3), ReLU, global average, dense 2. */
  function network(normalised: boolean, bias: boolean): Network {
    const b = new NetworkBuilder();
    let x = b.input([1, 6, 6]);
    for (const name of ['a', 'b']) {
      x = conv(b, name, x, 3, 3, { bias });
      if (normalised) x = batchnorm(b, `${name}.bn`, x);
      x = b.activation(`${name}.relu`, x, activationNamed('relu'));
    }
    return b.finish(dense(b, 'fc', b.globalPool('pool', x, 'globalavgpool'), 2));
  }

  // Kernel dimensions found by singular values of the Jacobian on many inputs; nothing beyond the symmetries is in them.
  it.each([[false, true, 6], [true, true, 18], [true, false, 12]])('batch normalisation %s, biases %s: %d dimensions, all of them symmetries', (normalised, bias, dimension) => {
    const net = network(normalised, bias);
    const random = seededRandom(21);
    const state = Float64Array.from({ length: net.stateSize }, (_, i) => (i < net.parameters ? random.normal() : 0.5 + random.uniform()));
    expect(symmetryGroup(net).dimensions).toBe(dimension);
    const rank = (rows: Float64Array, count: number): number => {
      const values = singularValuesOf(rows, count, net.parameters);
      return values.filter((value) => value > 1e-10 * values[0]!).length;
    };
    const inputs = 150;
    const x = Float64Array.from({ length: inputs * net.inputs }, () => random.normal());
    expect(net.parameters - rank(jacobian(net, state, x), inputs * 2)).toBe(dimension);
    const tangents = symmetryTangents(net, state);
    expect(rank(Float64Array.from(tangents.flatMap((tangent) => [...tangent])), tangents.length)).toBe(dimension);
  });
});
