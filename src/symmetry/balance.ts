/**
 * The `balanced` form of the scaling symmetry: the representative of least mass Σ w² ("min-mass", Laurent et al. 2023;
 * equi-normalisation, Stock et al. 2019). With u_j → e^{s_j} u_j the mass is a sum of exponentials of differences of s, convex,
 * and strictly so on units that connect inputs to outputs; at its minimum ‖u_j‖ = ‖v_j‖ (counted entries only).
 *
 * Minimised one unit after another. In one s_j the mass is a cosh about its minimiser s_j + ½ log(‖v_j‖/‖u_j‖), so over-relaxation
 * by any ω in (0, 2) still decreases it. At the minimum the squared weights are a conserved flow from layer to layer (what
 * enters a unit leaves it), so the Hessian, normalised by each unit's flow, is that of a symmetric walk on the layers absorbed at
 * both ends: whatever the weights, Jacobi's spectral radius is at most cos(π/L) for L − 1 adjacent homogeneous layers, and
 * Young's ω = 2 / (1 + sin(π/L)) gives a linear rate ω − 1 (0 for one hidden layer, 0.17 for three, 0.53 for ten).
 *
 * Norms are sums of w² e^{2(s_to − s_from)} while weights and scales are moderate, and the same sums in log space otherwise, so that
 * weights of 1e±200 neither overflow nor vanish.
 */
import type { DenseChain } from '../network/denseChain.ts';
import { type HiddenLayer, hiddenLayers } from './hiddenLayer.ts';
import { type LeftUnit, NO_UNITS, type ScalingStep } from './scaling.ts';

export interface BalanceStep extends ScalingStep {
  /** Of the last call: sweeps over all units. */
  readonly iterations: number;
  /** Of the last call: max_j |log(‖u_j‖ / ‖v_j‖)| over the balanced units, at the result. */
  readonly residual: number;
}

const MAX_SWEEPS = 20_000;
/** Up to this |log w| and |s| the terms of a norm stay within e^±400: far from float64's ends at e^±708. */
const MODERATE_LOG = 100;
const MODERATE_SCALE = 50;
/** Terms below e^-50 of the largest cannot change a sum of up to 10⁶ of them in float64. */
const NEGLIGIBLE = -25;

export interface BalanceOptions {
  /** Whether biases belong to the mass. They are scaled with their units either way. */
  readonly countBiases: boolean;
}

/**
 * A unit without any counted incoming, or any outgoing, non-zero weight has no least mass (its other side could shrink for ever):
 * it is left at its scale and reported, and the mass is minimised over the other units.
 */
export function balancedScaling(chain: DenseChain, { countBiases }: BalanceOptions): BalanceStep {
  const hidden = hiddenLayers(chain);
  const layers = hidden.filter((layer) => layer.homogeneous);
  const omega = 2 / (1 + Math.sin(Math.PI / (longestRun(layers) + 1)));
  /** log|w|, −∞ for zeros. */
  const logs = new Float64Array(chain.parameters);
  const squares = new Float64Array(chain.parameters);
  /** scales[l] is s of the inputs of chain layer l; network inputs and outputs stay at 0. */
  const scales = [new Float64Array(chain.inputs), ...chain.layers.map((layer) => new Float64Array(layer.outputs))];
  /** e^{2s}. */
  const growth = scales.map((scale) => new Float64Array(scale.length));
  const widest = Math.max(0, ...layers.map((layer) => layer.units));
  const rows = new Float64Array(widest);
  const columns = new Float64Array(widest);
  const largest = new Float64Array(widest);
  /** Largest |log w| of a non-zero weight, and largest |s|. */
  let largestLog = 0;
  let largestScale = 0;
  const step = { iterations: 0, residual: 0, apply };

  function apply(theta: Float64Array): readonly LeftUnit[] {
    step.iterations = 0;
    step.residual = 0;
    if (layers.length === 0) return NO_UNITS;
    start(theta);
    descend();
    step.residual = sweep(0);
    const left = degenerateUnits();
    rescale(theta);
    return left;
  }

  function start(theta: Float64Array): void {
    largestLog = 0;
    largestScale = 0;
    for (let i = 0; i < logs.length; i++) {
      const size = Math.abs(theta[i]!);
      const log = Math.log(size);
      logs[i] = log;
      squares[i] = size * size;
      if (size > 0) largestLog = Math.max(largestLog, Math.abs(log));
    }
    for (let l = 0; l < scales.length; l++) {
      scales[l]!.fill(0);
      growth[l]!.fill(1);
    }
  }

  /**
   * Until the residual is at the level of rounding, which is that of the logarithms: a few eps × (|log w| + |s|). Complex eigenvalues let
   * the residual rise for a few sweeps now and then, so it is given some before it counts as stalled.
   */
  function descend(): void {
    const patience = 4 + layers.length;
    let best = Number.POSITIVE_INFINITY;
    let sinceBest = 0;
    while (step.iterations < MAX_SWEEPS) {
      const residual = sweep(omega);
      step.iterations++;
      sinceBest = residual < best ? 0 : sinceBest + 1;
      best = Math.min(best, residual);
      const floor = 64 * Number.EPSILON * (1 + largestLog + largestScale);
      if (residual <= 1e-14 || (best <= floor && sinceBest >= patience)) return;
    }
  }

  /** One pass over all units; returns the largest imbalance met on the way. */
  function sweep(relaxation: number): number {
    let residual = 0;
    for (const layer of layers) {
      norms(layer);
      const scale = scales[layer.index + 1]!;
      const grown = growth[layer.index + 1]!;
      for (let j = 0; j < layer.units; j++) {
        const imbalance = columns[j]! - rows[j]!;
        if (!Number.isFinite(imbalance)) continue;
        residual = Math.max(residual, Math.abs(imbalance));
        const s = scale[j]! + relaxation * 0.5 * imbalance;
        scale[j] = s;
        grown[j] = Math.exp(2 * s);
        largestScale = Math.max(largestScale, Math.abs(s));
      }
    }
    return residual;
  }

  /** rows[j] = log ‖u_j‖ and columns[j] = log ‖v_j‖ under the present scales; −∞ for a zero side. */
  function norms(layer: HiddenLayer): void {
    if (largestLog <= MODERATE_LOG && largestScale <= MODERATE_SCALE) moderateNorms(layer);
    else logNorms(layer);
  }

  function moderateNorms({ index, units, fanIn, fanOut, weight, bias, outgoing }: HiddenLayer): void {
    const before = growth[index]!;
    const own = scales[index + 1]!;
    const after = growth[index + 2]!;
    for (let j = 0; j < units; j++) {
      const row = weight + j * fanIn;
      let sum = countBiases && bias !== undefined ? squares[bias + j]! : 0;
      for (let i = 0; i < fanIn; i++) sum += squares[row + i]! / before[i]!;
      rows[j] = 0.5 * Math.log(sum) + own[j]!;
      columns[j] = 0;
    }
    for (let k = 0; k < fanOut; k++) {
      const row = outgoing + k * units;
      const grown = after[k]!;
      for (let j = 0; j < units; j++) columns[j]! += squares[row + j]! * grown;
    }
    for (let j = 0; j < units; j++) columns[j] = 0.5 * Math.log(columns[j]!) - own[j]!;
  }

  function logNorms(layer: HiddenLayer): void {
    const { index, units, fanIn, fanOut, weight, bias, outgoing } = layer;
    const before = scales[index]!;
    const own = scales[index + 1]!;
    const after = scales[index + 2]!;
    for (let j = 0; j < units; j++) {
      const row = weight + j * fanIn;
      const biasLog = countBiases && bias !== undefined ? logs[bias + j]! : Number.NEGATIVE_INFINITY;
      let top = biasLog;
      for (let i = 0; i < fanIn; i++) top = Math.max(top, logs[row + i]! - before[i]!);
      let sum = 0;
      if (top > Number.NEGATIVE_INFINITY) {
        sum = biasLog - top > NEGLIGIBLE ? Math.exp(2 * (biasLog - top)) : 0;
        for (let i = 0; i < fanIn; i++) {
          const depth = logs[row + i]! - before[i]! - top;
          if (depth > NEGLIGIBLE) sum += Math.exp(2 * depth);
        }
      }
      rows[j] = sum === 0 ? Number.NEGATIVE_INFINITY : top + 0.5 * Math.log(sum) + own[j]!;
    }
    for (let j = 0; j < units; j++) {
      largest[j] = Number.NEGATIVE_INFINITY;
      columns[j] = 0;
    }
    for (let k = 0; k < fanOut; k++) {
      for (let j = 0; j < units; j++) largest[j] = Math.max(largest[j]!, logs[outgoing + k * units + j]! + after[k]!);
    }
    for (let k = 0; k < fanOut; k++) {
      for (let j = 0; j < units; j++) {
        const depth = logs[outgoing + k * units + j]! + after[k]! - largest[j]!;
        if (depth > NEGLIGIBLE) columns[j]! += Math.exp(2 * depth);
      }
    }
    for (let j = 0; j < units; j++) columns[j] = largest[j]! + 0.5 * Math.log(columns[j]!) - own[j]!;
  }

  function degenerateUnits(): readonly LeftUnit[] {
    let left: LeftUnit[] | undefined;
    for (const layer of layers) {
      norms(layer);
      for (let j = 0; j < layer.units; j++) {
        if (rows[j]! > Number.NEGATIVE_INFINITY && columns[j]! > Number.NEGATIVE_INFINITY) continue;
        const reason = rows[j]! > Number.NEGATIVE_INFINITY ? 'zero-outgoing' : 'zero-incoming';
        (left ??= []).push({ layer: layer.name, unit: j, reason });
      }
    }
    return left ?? NO_UNITS;
  }

  /** W_l[j, i] → W_l[j, i] e^{s_j − s_i}, b_l[j] → b_l[j] e^{s_j}. */
  function rescale(theta: Float64Array): void {
    for (let l = 0; l < chain.layers.length; l++) {
      const { inputs, outputs, weight, bias } = chain.layers[l]!;
      const before = scales[l]!;
      const own = scales[l + 1]!;
      for (let j = 0; j < outputs; j++) {
        for (let i = 0; i < inputs; i++) {
          const shift = own[j]! - before[i]!;
          if (shift !== 0) theta[weight.offset + j * inputs + i]! *= Math.exp(shift);
        }
        if (bias !== undefined && own[j] !== 0) theta[bias.offset + j]! *= Math.exp(own[j]!);
      }
    }
  }

  return step;
}

/** Length of the longest run of adjacent layers. */
function longestRun(layers: readonly HiddenLayer[]): number {
  let longest = 0;
  let run = 0;
  let previous = -2;
  for (const { index } of layers) {
    run = index === previous + 1 ? run + 1 : 1;
    previous = index;
    longest = Math.max(longest, run);
  }
  return longest;
}
