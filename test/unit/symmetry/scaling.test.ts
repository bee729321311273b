/** The two scaling forms against their defining equations and against reference figures. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { LINEAR, activationNamed } from '../../../src/network/activation.ts';
import { denseChain, sequentialChain } from '../../../src/network/denseChain.ts';
import { balancedScaling } from '../../../src/symmetry/balance.ts';
import { mass } from '../../../src/symmetry/canonicalForm.ts';
import { type HiddenLayer, hiddenLayers } from '../../../src/symmetry/hiddenLayer.ts';
import { rowNorm, unitScaling } from '../../../src/symmetry/scaling.ts';
import { entryDistance } from './chains.ts';

const relu = activationNamed('relu');
const sine = (length: number): Float64Array => Float64Array.from({ length }, (_, k) => Math.sin(0.7 * (k + 1)));
const normal = (length: number, seed: number): Float64Array => {
  const random = seededRandom(seed);
  return Float64Array.from({ length }, () => random.normal());
};

function columnNorm(theta: Float64Array, { fanOut, units, outgoing }: HiddenLayer, unit: number): number {
  return Math.hypot(...Array.from({ length: fanOut }, (_, k) => theta[outgoing + k * units + unit]!));
}

function weightNorm(theta: Float64Array, { fanIn, weight }: HiddenLayer, unit: number): number {
  return Math.hypot(...theta.subarray(weight + unit * fanIn, weight + (unit + 1) * fanIn));
}

describe('unit form', () => {
  it('gives every row with its bias norm one, and leaves tanh layers alone', () => {
    const tanh = activationNamed('tanh');
    const base = { weight: '', bias: '', transposed: false };
    const chain = denseChain([
      { ...base, name: 'a', inputs: 3, outputs: 5, activation: relu },
      { ...base, name: 'b', inputs: 5, outputs: 4, activation: tanh },
      { ...base, name: 'c', inputs: 4, outputs: 6, activation: relu },
      { ...base, name: 'd', inputs: 6, outputs: 2, activation: LINEAR },
    ]);
    const theta = normal(chain.parameters, 1);
    unitScaling(chain).apply(theta);
    const layers = hiddenLayers(chain);
    for (let j = 0; j < 5; j++) expect(rowNorm(theta, layers[0]!, j)).toBeCloseTo(1, 14);
    for (let j = 0; j < 6; j++) expect(rowNorm(theta, layers[2]!, j)).toBeCloseTo(1, 14);
    expect(Array.from({ length: 4 }, (_, j) => rowNorm(theta, layers[1]!, j)).every((norm) => Math.abs(norm - 1) > 1e-3)).toBe(true);
  });

  it('neither overflows nor vanishes: rows of 1e-200 and of 1e200', () => {
    const chain = sequentialChain([2, 2, 1], relu, LINEAR, false);
    const theta = Float64Array.of(3e-200, 4e-200, 3e200, 4e200, 1e200, 1e-200);
    unitScaling(chain).apply(theta);
    expect(entryDistance(theta, Float64Array.of(0.6, 0.8, 0.6, 0.8, 5, 5))).toBeLessThan(1e-15);
  });
});

describe('balanced form', () => {
  // Independent figures for θ_k = sin(0.7 k), k = 1, 2, …, in PyTorch's parameter order; mass of weights without biases.
  it.each([
    [[2, 3, 1], 5.264615413231, 4.98276388377],
    [[2, 4, 4, 1], 13.897695160629, 10.917950014125],
  ])('%j ReLU: mass %d becomes %d', (widths, before, after) => {
    const chain = sequentialChain(widths, relu, LINEAR);
    const theta = sine(chain.parameters);
    expect(mass(chain, theta).weights).toBeCloseTo(before, 12);
    balancedScaling(chain, { countBiases: false }).apply(theta);
    expect(mass(chain, theta).weights).toBeCloseTo(after, 12);
  });

  it('makes incoming and outgoing norms equal, biases counted or not', () => {
    const chain = sequentialChain([4, 7, 6, 8, 3], relu, LINEAR);
    for (const countBiases of [false, true]) {
      const theta = normal(chain.parameters, 2);
      const step = balancedScaling(chain, { countBiases });
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
    const chain = sequentialChain([3, 4, 4, 2], activationNamed('leaky_relu:0.2'), LINEAR);
    const theta = normal(chain.parameters, 3);
    balancedScaling(chain, { countBiases: true }).apply(theta);
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
    const chain = sequentialChain([1, 1, 1, 1], relu, LINEAR, false);
    const theta = Float64Array.of(1e-60, -1e90, 8e-30);
    balancedScaling(chain, { countBiases: false }).apply(theta);
    expect(entryDistance(theta, Float64Array.of(2, -2, 2))).toBeLessThan(1e-12);
  });

  it('does not depend on a common factor, however large: log space and plain arithmetic agree', () => {
    const chain = sequentialChain([3, 5, 4, 2], relu, LINEAR, false);
    const plain = normal(chain.parameters, 4);
    const extreme = plain.map((value) => value * 1e-180);
    balancedScaling(chain, { countBiases: false }).apply(plain);
    balancedScaling(chain, { countBiases: false }).apply(extreme);
    expect(entryDistance(extreme.map((value) => value * 1e180), plain)).toBeLessThan(1e-12);
  });

  it('converges at the rate that over-relaxation promises: fifty layers in some hundred sweeps', () => {
    const chain = sequentialChain([5, ...Array.from({ length: 49 }, () => 6), 3], relu, LINEAR);
    const theta = normal(chain.parameters, 5);
    const step = balancedScaling(chain, { countBiases: false });
    step.apply(theta);
    expect(step.residual).toBeLessThan(1e-12);
    expect(step.iterations).toBeLessThan(500);
  });
});
