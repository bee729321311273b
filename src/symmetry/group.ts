/**
 * The symmetry group of a dense chain as a product of factors: maps θ → g·θ that leave the function (or, for the output shift,
 * the likelihood) as it is. Factors after Hecht-Nielsen (1990) and Kůrková & Kainen (1994) for permutations and signs, Neyshabur
 * et al. (2015) and Laurent et al. (2023) for scaling; the full linear group where σ is linear.
 */
import type { DenseChain } from '../network/denseChain.ts';
import type { Likelihood } from '../protocol/service.ts';
import { type HiddenLayer, hiddenLayers, isLinear } from './hiddenLayer.ts';

interface FactorBase {
  /** For people: the layer's name in the file. */
  readonly layerName: string;
  /** Units (or logits) it acts on. */
  readonly size: number;
  /** log10 of the number of copies of a generic network that a discrete factor makes; 0 for a continuous one. */
  readonly log10Copies: number;
  /** Dimension of a continuous factor's orbit through a generic network; 0 for a discrete one. */
  readonly dimensions: number;
  /** Part of the same layer's general linear factor, so not counted again in totals. */
  readonly contained: boolean;
  /** One sentence for people. */
  readonly sentence: string;
}

export type SymmetryFactor =
  | (FactorBase & { readonly kind: 'permutation'; readonly layer: HiddenLayer })
  | (FactorBase & { readonly kind: 'scaling'; readonly layer: HiddenLayer })
  | (FactorBase & { readonly kind: 'sign'; readonly layer: HiddenLayer })
  /** W_l → A W_l, b_l → A b_l + c, W_{l+1} → W_{l+1} A⁻¹, b_{l+1} → b_{l+1} − W_{l+1} A⁻¹ c; c ≠ 0 needs both biases. */
  | (FactorBase & { readonly kind: 'general-linear'; readonly layer: HiddenLayer; readonly shift: boolean })
  /** b_L → b_L + c 1: softmax does not see a constant added to every logit. */
  | (FactorBase & { readonly kind: 'output-shift'; readonly bias: number })
  /** W_L → W_L + 1 tᵀ: the same, with a constant that depends on the last features. */
  | (FactorBase & { readonly kind: 'output-row-shift'; readonly weight: number; readonly fanIn: number });

export type FactorKind = SymmetryFactor['kind'];

export interface SymmetryGroup {
  readonly factors: readonly SymmetryFactor[];
  /** Of all discrete factors together: log10 of the number of copies. */
  readonly log10Copies: number;
  /** Of all continuous factors together. */
  readonly dimensions: number;
}

export interface GroupOptions {
  /** With `categorical` the output shift belongs to the group, provided that the last layer is linear. */
  readonly likelihood?: Likelihood;
  /** With `categorical`: also the shifts of all rows of the last weight by one vector. Off by default. */
  readonly outputRowShift?: boolean;
}

/** The factors of a chain, input side first. */
export function symmetryGroup(chain: DenseChain, options: GroupOptions = {}): SymmetryGroup {
  const factors = [...hiddenLayers(chain).flatMap(layerFactors), ...outputFactors(chain, options)];
  const counted = factors.filter((factor) => !factor.contained);
  return {
    factors,
    log10Copies: counted.reduce((sum, factor) => sum + factor.log10Copies, 0),
    dimensions: counted.reduce((sum, factor) => sum + factor.dimensions, 0),
  };
}

function layerFactors(layer: HiddenLayer): SymmetryFactor[] {
  const { units: n, name } = layer;
  const contained = isLinear(layer);
  const base = { layer, layerName: name, size: n, contained };
  const factors: SymmetryFactor[] = [
    { kind: 'permutation', ...base, log10Copies: log10Factorial(n), dimensions: 0, sentence: `The ${n} units of layer "${name}" can be put in any order.` },
  ];
  if (layer.homogeneous) {
    factors.push({ kind: 'scaling', ...base, log10Copies: 0, dimensions: n, sentence: `Each of the ${n} units of layer "${name}" can be scaled by α > 0 when its outgoing weights are divided by α.` });
  }
  if (layer.odd) {
    factors.push({ kind: 'sign', ...base, log10Copies: n * Math.log10(2), dimensions: 0, sentence: `The incoming and outgoing weights of each of the ${n} units of layer "${name}" can change sign together.` });
  }
  if (contained) {
    const shift = layer.bias !== undefined && layer.outgoingBias !== undefined;
    factors.push({
      kind: 'general-linear', layer, layerName: name, size: n, contained: false, shift, log10Copies: 0, dimensions: n * n + (shift ? n : 0),
      sentence: `No nonlinearity follows layer "${name}": its ${n} units can be mixed by any invertible matrix${shift ? ' and shifted by any vector' : ''}, undone in the next layer.`,
    });
  }
  return factors;
}

function outputFactors(chain: DenseChain, { likelihood, outputRowShift = false }: GroupOptions): SymmetryFactor[] {
  const last = chain.layers.at(-1);
  if (last === undefined || likelihood !== 'categorical' || last.activation.name !== 'linear') return [];
  const base = { layerName: last.name, size: last.outputs, log10Copies: 0, contained: false };
  const factors: SymmetryFactor[] = [];
  if (last.bias !== undefined) {
    factors.push({ kind: 'output-shift', ...base, bias: last.bias.offset, dimensions: 1, sentence: `Softmax does not see a constant added to all ${last.outputs} biases of layer "${last.name}".` });
  }
  if (outputRowShift) {
    factors.push({ kind: 'output-row-shift', ...base, weight: last.weight.offset, fanIn: last.inputs, dimensions: last.inputs, sentence: `Softmax does not see one vector added to all ${last.outputs} rows of the weight of layer "${last.name}".` });
  }
  return factors;
}

function log10Factorial(n: number): number {
  let sum = 0;
  for (let k = 2; k <= n; k++) sum += Math.log10(k);
  return sum;
}
