/** The two scaling forms against their defining equations and against reference figures. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { LINEAR, activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import type { NodeOf } from '../../../src/network/network.ts';
import { NetworkBuilder } from '../../../src/network/networkBuilder.ts';
import { balancedScaling } from '../../../src/symmetry/balance.ts';
import { canonicalForm, mass } from '../../../src/symmetry/canonicalForm.ts';
import { functionChanged, functionDistance } from '../../../src/symmetry/functionDistance.ts';
import { symmetryGroup } from '../../../src/symmetry/group.ts';
import { applyElement } from '../../../src/symmetry/groupAction.ts';
import { scaledMaps } from '../../../src/symmetry/linearMaps.ts';
import type { Network } from '../../../src/network/network.ts';
import { unitScaling } from '../../../src/symmetry/scaling.ts';
import { batchnorm, conv, dense, resnet18 } from './architectures.ts';
import { entryDistance } from './networks.ts';

const relu = activationNamed('relu');
const sine = (length: number): Float64Array => Float64Array.from({ length }, (_, k) => Math.sin(0.7 * (k + 1)));
const normal = (length: number, seed: number): Float64Array => {
  const random = seededRandom(seed);
  return Float64Array.from({ length }, () => random.normal());
};

/** A hidden layer of a chain with the one after it. */
interface HiddenLayer {
  readonly weight: number;
  readonly bias: number | undefined;
  readonly outgoing: number;
  readonly units: number;
  readonly fanIn: number;
  readonly fanOut: number;
}

function hiddenLayers(network: Network): readonly HiddenLayer[] {
  const layers = network.nodes.filter((node): node is NodeOf<'dense'> => node.op === 'dense');
  return layers.slice(0, -1).map(({ weight, bias }, l) => {
    const next = layers[l + 1]!.weight;
    return { weight: weight.offset, bias: bias?.offset, outgoing: next.offset, units: weight.shape[0]!, fanIn: weight.shape[1]!, fanOut: next.shape[0]! };
  });
}

function columnNorm(theta: Float64Array, { fanOut, units, outgoing }: HiddenLayer, unit: number): number {
  return Math.hypot(...Array.from({ length: fanOut }, (_, k) => theta[outgoing + k * units + unit]!));
}

function weightNorm(theta: Float64Array, { fanIn, weight }: HiddenLayer, unit: number): number {
  return Math.hypot(...theta.subarray(weight + unit * fanIn, weight + (unit + 1) * fanIn));
}

function rowNorm(theta: Float64Array, layer: HiddenLayer, unit: number): number {
  return Math.hypot(weightNorm(theta, layer, unit), layer.bias === undefined ? 0 : theta[layer.bias + unit]!);
}

describe('unit form', () => {
  it('gives every row with its bias norm one, and leaves tanh layers alone', () => {
    const tanh = activationNamed('tanh');
    const b = new NetworkBuilder();
    let x = b.input([3]);
    for (const [name, width, activation] of [['a', 5, relu], ['b', 4, tanh], ['c', 6, relu]] as const) x = b.activation(`${name}.activation`, dense(b, name, x, width), activation);
    const chain = b.finish(dense(b, 'd', x, 2));
    const theta = normal(chain.parameters, 1);
    unitScaling(scaledMaps(chain).classes).apply(theta);
    const layers = hiddenLayers(chain);
    for (let j = 0; j < 5; j++) expect(rowNorm(theta, layers[0]!, j)).toBeCloseTo(1, 14);
    for (let j = 0; j < 6; j++) expect(rowNorm(theta, layers[2]!, j)).toBeCloseTo(1, 14);
    expect(Array.from({ length: 4 }, (_, j) => rowNorm(theta, layers[1]!, j)).every((norm) => Math.abs(norm - 1) > 1e-3)).toBe(true);
  });

  it('neither overflows nor vanishes: rows of 1e-200 and of 1e200', () => {
    const chain = denseNetwork([2, 2, 1], relu, LINEAR, false);
    const theta = Float64Array.of(3e-200, 4e-200, 3e200, 4e200, 1e200, 1e-200);
    unitScaling(scaledMaps(chain).classes).apply(theta);
    expect(entryDistance(theta, Float64Array.of(0.6, 0.8, 0.6, 0.8, 5, 5))).toBeLessThan(1e-15);
  });
});

describe('balanced form', () => {
  // Independent figures for θ_k = sin(0.7 k), k = 1, 2, …, in PyTorch's parameter order; mass of weights without biases.
  it.each([
    [[2, 3, 1], 5.264615413231, 4.98276388377],
    [[2, 4, 4, 1], 13.897695160629, 10.917950014125],
  ])('%j ReLU: mass %d becomes %d', (widths, before, after) => {
    const chain = denseNetwork(widths, relu, LINEAR);
    const theta = sine(chain.parameters);
    expect(mass(chain, theta).weights).toBeCloseTo(before, 12);
    balancedScaling(scaledMaps(chain), { countBiases: false }).apply(theta);
    expect(mass(chain, theta).weights).toBeCloseTo(after, 12);
  });

  it('makes incoming and outgoing norms equal, biases counted or not', () => {
    const chain = denseNetwork([4, 7, 6, 8, 3], relu, LINEAR);
    for (const countBiases of [false, true]) {
      const theta = normal(chain.parameters, 2);
      const step = balancedScaling(scaledMaps(chain), { countBiases });
      expect(step.apply(theta)).toEqual([]);
      expect(step.residual).toBeLessThan(1e-13);
      for (const layer of hiddenLayers(chain)) {
        for (let j = 0; j < layer.units; j++) {
          const incoming = countBiases ? rowNorm(theta, layer, j) : weightNorm(theta, layer, j);
          expect(incoming / columnNorm(theta, layer, j)).toBeCloseTo(1, 12);
        }
      }
    }
  });

  it('is a minimum: scaling any one unit adds mass', () => {
    const chain = denseNetwork([3, 4, 4, 2], activationNamed('leaky_relu:0.2'), LINEAR);
    const theta = normal(chain.parameters, 3);
    balancedScaling(scaledMaps(chain), { countBiases: true }).apply(theta);
    const least = mass(chain, theta).withBiases;
    for (const { units, fanIn, fanOut, weight, bias, outgoing } of hiddenLayers(chain)) {
      for (let j = 0; j < units; j++) {
        for (const alpha of [0.99, 1.01]) {
          const other = theta.slice();
          for (let i = 0; i < fanIn; i++) other[weight + j * fanIn + i]! *= alpha;
          if (bias !== undefined) other[bias + j]! *= alpha;
          for (let k = 0; k < fanOut; k++) other[outgoing + k * units + j]! /= alpha;
          expect(mass(chain, other).withBiases).toBeGreaterThan(least);
        }
      }
    }
  });

  it('a single chain of weights: all become the geometric mean in size', () => {
    const chain = denseNetwork([1, 1, 1, 1], relu, LINEAR, false);
    const theta = Float64Array.of(1e-60, -1e90, 8e-30);
    balancedScaling(scaledMaps(chain), { countBiases: false }).apply(theta);
    expect(entryDistance(theta, Float64Array.of(2, -2, 2))).toBeLessThan(1e-12);
  });

  it('does not depend on a common factor, however large: log space and plain arithmetic agree', () => {
    const chain = denseNetwork([3, 5, 4, 2], relu, LINEAR, false);
    const plain = normal(chain.parameters, 4);
    const extreme = plain.map((value) => value * 1e-180);
    balancedScaling(scaledMaps(chain), { countBiases: false }).apply(plain);
    balancedScaling(scaledMaps(chain), { countBiases: false }).apply(extreme);
    expect(entryDistance(extreme.map((value) => value * 1e180), plain)).toBeLessThan(1e-12);
  });

  it('converges at the rate that over-relaxation promises: fifty layers in some hundred sweeps', () => {
    const chain = denseNetwork([5, ...Array.from({ length: 49 }, () => 6), 3], relu, LINEAR);
    const theta = normal(chain.parameters, 5);
    const step = balancedScaling(scaledMaps(chain), { countBiases: false });
    step.apply(theta);
    expect(step.residual).toBeLessThan(1e-12);
    expect(step.iterations).toBeLessThan(500);
  });
});

describe('forms of networks with normalisation', () => {
  const b = new NetworkBuilder();
  let x = b.input([2, 5, 5]);
  for (const name of ['a', 'b']) x = b.activation(`${name}.relu`, batchnorm(b, `${name}.bn`, conv(b, name, x, 4, 3, { bias: true })), relu);
  const network = b.finish(dense(b, 'fc', b.globalPool('pool', x, 'globalavgpool'), 3));
  const random = seededRandom(8);
  const state = Float64Array.from({ length: network.stateSize }, (_, i) => (i < network.parameters ? random.normal() : 0.5 + random.uniform()));
  const block = (values: Float64Array, tensor: string): Float64Array => {
    const { offset, length } = network.blocks.find((found) => found.tensor === tensor)!;
    return values.slice(offset, offset + length);
  };
  const options = { permutation: 'none', sign: 'none', countBiases: false } as const;

  it('unit: rows before a batch normalisation have norm one and no bias, and so has [γ; β̃] after it', () => {
    const { state: result, leftUnits } = canonicalForm(network, state, { ...options, scaling: 'unit' });
    expect(leftUnits).toEqual([]);
    for (const name of ['a', 'b']) {
      const weight = block(result, `${name}.weight`);
      for (let c = 0; c < 4; c++) {
        expect(Math.hypot(...weight.subarray((c * weight.length) / 4, ((c + 1) * weight.length) / 4))).toBeCloseTo(1, 13);
        const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((part) => block(result, `${name}.bn.${part}`)[c]!) as [number, number, number, number];
        expect(Math.hypot(gamma, beta - (gamma * mean) / Math.sqrt(variance + 1e-5))).toBeCloseTo(1, 13);
      }
      expect([...block(result, `${name}.bias`)]).toEqual([0, 0, 0, 0]);
    }
    expect(result.subarray(network.parameters)).toEqual(state.subarray(network.parameters));
  });

  it('balanced: no scaling of a convolution row, or after a normalisation, takes mass away', () => {
    const { state: result, factors } = canonicalForm(network, state, { ...options, scaling: 'balanced' });
    for (const factor of factors) if (factor.kind === 'scaling' && factor.form === 'balanced') expect(factor.residual).toBeLessThan(1e-12);
    const least = mass(network, result).weights;
    expect(least).toBeLessThan(mass(network, state).weights);
    for (const factor of symmetryGroup(network).factors) {
      if (factor.kind !== 'scaling' && factor.kind !== 'normalisation-scale') continue;
      for (const alpha of [0.99, 1.01]) {
        const other = result.slice();
        applyElement(network, other, [{ kind: factor.kind, units: factor.units, alpha: new Float64Array(factor.size).fill(1).fill(alpha, 1, 2) }]);
        expect(mass(network, other).weights).toBeGreaterThan(least);
      }
    }
  });

  it('a zero γ and a negative γ are no obstacle', () => {
    const { offset } = network.blocks.find(({ tensor }) => tensor === 'a.bn.weight')!;
    const odd = state.slice();
    odd[offset] = 0;
    odd[offset + 1] = -0.7;
    for (const scaling of ['unit', 'balanced'] as const) {
      const form = canonicalForm(network, odd, { ...options, scaling, sign: 'fixed', permutation: 'sorted' });
      expect(functionChanged(functionDistance(network, odd, form.state))).toBe(false);
      // Without γ the balanced form has nothing that it could weigh the next layer's columns against.
      expect(form.leftUnits.map(({ layer, reason }) => [layer, reason])).toEqual(scaling === 'unit' ? [] : [['a', 'zero-outgoing'], ['a.bn', 'zero-incoming']]);
    }
  });

  it('balanced converges on ResNet-18 with its residual streams', () => {
    const net = resnet18(8, 16);
    const weights = Float64Array.from({ length: net.stateSize }, (_, i) => (i < net.parameters ? random.normal() : 0.5 + random.uniform()));
    const step = balancedScaling(scaledMaps(net), { countBiases: false });
    step.apply(weights);
    expect(step.residual).toBeLessThan(1e-12);
    expect(step.iterations).toBeLessThan(2000);
  });
});
