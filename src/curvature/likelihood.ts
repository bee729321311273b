/**
 * The likelihoods p(y | f) of the slides: value, gradient with respect to the network's outputs f, and a factor of the Hessian
 * H = −∂² log p / ∂f² (for all three independent of y):
 *   gaussian     H = σ⁻² I
 *   categorical  H = diag(p) − ppᵀ = L Lᵀ with L = diag(√p) − p√pᵀ, p = softmax(f), of rank O − 1
 *   bernoulli    H = diag(p(1 − p)), p = sigmoid(f), one independent logit an output
 */
import { UserError } from '../protocol/userError.ts';
import type { Likelihood } from '../protocol/service.ts';

export type LikelihoodModel =
  /** `noise` is σ, the standard deviation of each output's observation. */
  | { readonly kind: 'gaussian'; readonly noise: number }
  | { readonly kind: 'categorical' }
  | { readonly kind: 'bernoulli' };

/** @throws UserError for a noise that is not a positive number, or a softmax over a single output */
export function likelihoodModel(kind: Likelihood, noise: number, outputs: number): LikelihoodModel {
  if (kind === 'gaussian') {
    if (!(noise > 0 && Number.isFinite(noise))) throw new UserError(`the noise of a gaussian likelihood is a positive standard deviation, not ${noise}`);
    return { kind, noise };
  }
  if (kind === 'categorical' && outputs < 2) {
    throw new UserError(`a categorical likelihood needs at least two outputs (logits), the network has ${outputs}; a single logit takes the bernoulli likelihood`);
  }
  return { kind };
}

/** An upper bound of the rank of H for one input. */
export function outputRank(model: LikelihoodModel, outputs: number): number {
  return model.kind === 'categorical' ? outputs - 1 : outputs;
}

/**
 * M ← blockdiag(L_nᵀ) M, so that MᵀM becomes MᵀHM: turns rows of J into rows of H^{1/2}J.
 * @param outputs f, N × O
 * @param matrix NO × columns row-major, rows n·O + o; changed in place
 */
export function applyHalfHessian(model: LikelihoodModel, outputs: Float64Array, outputWidth: number, matrix: Float64Array, columns: number): void {
  if (model.kind === 'gaussian') {
    const scale = 1 / model.noise;
    for (let k = 0; k < outputs.length * columns; k++) matrix[k]! *= scale;
  } else if (model.kind === 'bernoulli') {
    for (let r = 0; r < outputs.length; r++) {
      // p(1 − p) = s(f) s(−f): without the cancellation of 1 − p.
      const scale = Math.sqrt(sigmoid(outputs[r]!) * sigmoid(-outputs[r]!));
      for (let k = r * columns; k < (r + 1) * columns; k++) matrix[k]! *= scale;
    }
  } else {
    const mean = new Float64Array(columns);
    for (let first = 0; first < outputs.length; first += outputWidth) centre(outputs.subarray(first, first + outputWidth), matrix, first * columns, columns, mean);
  }
}

/**
 * Lᵀ on the rows of one input: row i becomes √p_i (row_i − Σ_k p_k row_k). Rows are first taken relative to the most probable
 * class's, which changes nothing but keeps small probabilities from cancelling against a p near 1.
 */
function centre(logits: Float64Array, matrix: Float64Array, from: number, columns: number, mean: Float64Array): void {
  const p = softmax(logits);
  const top = p.indexOf(Math.max(...p));
  mean.fill(0);
  for (let i = 0; i < p.length; i++) {
    if (i === top) continue;
    for (let k = 0; k < columns; k++) {
      matrix[from + i * columns + k]! -= matrix[from + top * columns + k]!;
      mean[k]! += p[i]! * matrix[from + i * columns + k]!;
    }
  }
  for (let i = 0; i < p.length; i++) {
    const scale = Math.sqrt(p[i]!);
    for (let k = 0; k < columns; k++) {
      const at = from + i * columns + k;
      matrix[at] = scale * ((i === top ? 0 : matrix[at]!) - mean[k]!);
    }
  }
}

/**
 * The rows of a factor Lᵀ of H at each input, `outputRank` of them: seeds whose pull-back is H^{1/2}J. For the softmax the O rows of
 * `applyHalfHessian` are orthogonal to √p; the Householder reflection that takes √p to the most probable class's axis leaves O − 1.
 * @param outputs f, N × O
 * @returns N·S × O
 */
export function halfHessianSeeds(model: LikelihoodModel, outputs: Float64Array, width: number): Float64Array {
  const square = new Float64Array(outputs.length * width);
  for (let r = 0; r < outputs.length; r++) square[r * width + (r % width)] = 1;
  applyHalfHessian(model, outputs, width, square, width);
  if (model.kind !== 'categorical') return square;
  const seeds = new Float64Array((outputs.length / width) * (width - 1) * width);
  let to = 0;
  for (let first = 0; first < outputs.length; first += width) {
    const p = softmax(outputs.subarray(first, first + width));
    const top = p.indexOf(Math.max(...p));
    for (let i = 0; i < width; i++) {
      if (i === top) continue;
      const share = Math.sqrt(p[i]!) / (1 + Math.sqrt(p[top]!));
      for (let k = 0; k < width; k++) seeds[to++] = square[(first + i) * width + k]! - share * square[(first + top) * width + k]!;
    }
  }
  return seeds;
}

/**
 * u ← H u at each input.
 * @param outputs f, N × O
 * @param u N × O; changed in place
 */
export function applyHessian(model: LikelihoodModel, outputs: Float64Array, width: number, u: Float64Array): void {
  if (model.kind === 'gaussian') {
    for (let k = 0; k < u.length; k++) u[k]! /= model.noise ** 2;
  } else if (model.kind === 'bernoulli') {
    for (let k = 0; k < u.length; k++) u[k]! *= sigmoid(outputs[k]!) * sigmoid(-outputs[k]!);
  } else {
    for (let first = 0; first < u.length; first += width) {
      const p = softmax(outputs.subarray(first, first + width));
      // Relative to the most probable class, as in `centre`.
      const reference = u[first + p.indexOf(Math.max(...p))]!;
      let mean = 0;
      for (let k = 0; k < width; k++) mean += p[k]! * (u[first + k]! - reference);
      for (let k = 0; k < width; k++) u[first + k] = p[k]! * (u[first + k]! - reference - mean);
    }
  }
}

export interface LogLikelihood {
  /** Σ_n c_n log p(y_n | f_n), normalising constants included. */
  readonly value: number;
  /** ∂/∂f, N × O. */
  readonly gradient: Float64Array;
}

/**
 * @param outputs f, N × O
 * @param targets gaussian and bernoulli N × O (bernoulli 0 or 1); categorical N class numbers 0 … O−1, or N × O class
 *   probabilities (one-hot rows, as a rule)
 * @param weights c, N; 1 each when left out
 * @throws UserError when targets do not fit, naming the row
 */
export function logLikelihood(model: LikelihoodModel, outputs: Float64Array, outputWidth: number, targets: Float64Array, weights?: Float64Array): LogLikelihood {
  const rows = outputs.length / outputWidth;
  const classNumbers = model.kind === 'categorical' && targets.length === rows;
  if (targets.length !== outputs.length && !classNumbers) {
    throw new UserError(`y has ${targets.length} values; ${rows} rows of ${outputWidth} outputs need ${outputs.length}${model.kind === 'categorical' ? ` (or ${rows} class numbers)` : ''}`);
  }
  const gradient = new Float64Array(outputs.length);
  const weight = weights ?? new Float64Array(rows).fill(1);
  if (model.kind === 'gaussian') return gaussian(model.noise, outputs, outputWidth, targets, weight, gradient);
  if (model.kind === 'bernoulli') return bernoulli(outputs, outputWidth, targets, weight, gradient);
  return categorical(outputs, outputWidth, targets, classNumbers, weight, gradient);
}

function gaussian(noise: number, f: Float64Array, width: number, y: Float64Array, weight: Float64Array, gradient: Float64Array): LogLikelihood {
  const constant = Math.log(noise) + 0.5 * Math.log(2 * Math.PI);
  let value = 0;
  for (let k = 0; k < f.length; k++) {
    if (!Number.isFinite(y[k])) throw new UserError(`y[${Math.floor(k / width)}] is ${String(y[k])}`);
    const residual = (y[k]! - f[k]!) / noise;
    const c = weight[Math.floor(k / width)]!;
    value -= c * (0.5 * residual * residual + constant);
    gradient[k] = (c * residual) / noise;
  }
  return { value, gradient };
}

function bernoulli(f: Float64Array, width: number, y: Float64Array, weight: Float64Array, gradient: Float64Array): LogLikelihood {
  let value = 0;
  for (let k = 0; k < f.length; k++) {
    if (y[k] !== 0 && y[k] !== 1) throw new UserError(`y[${Math.floor(k / width)}] is ${String(y[k])}; the bernoulli likelihood takes labels 0 and 1`);
    const signed = y[k] === 1 ? f[k]! : -f[k]!;
    const c = weight[Math.floor(k / width)]!;
    value -= c * (Math.max(-signed, 0) + Math.log1p(Math.exp(-Math.abs(signed))));
    gradient[k] = c * (y[k] === 1 ? sigmoid(-f[k]!) : -sigmoid(f[k]!));
  }
  return { value, gradient };
}

/** The gradient's place holds e^{f − max f} first: this is called for every state of a picture and every step of a chain. */
function categorical(f: Float64Array, width: number, y: Float64Array, classNumbers: boolean, weight: Float64Array, gradient: Float64Array): LogLikelihood {
  let value = 0;
  for (let n = 0, first = 0; first < f.length; n++, first += width) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let k = first; k < first + width; k++) if (f[k]! > largest) largest = f[k]!;
    let sum = 0;
    for (let k = first; k < first + width; k++) sum += gradient[k] = Math.exp(f[k]! - largest);
    const logSum = largest + Math.log(sum);
    const label = classNumbers ? y[n]! : -1;
    if (classNumbers && !(Number.isInteger(label) && label >= 0 && label < width)) {
      throw new UserError(`y[${n}] is ${label}; classes are numbered 0 to ${width - 1}`);
    }
    let mass = 0;
    for (let k = first; k < first + width; k++) {
      const target = classNumbers ? Number(k - first === label) : y[k]!;
      if (!(target >= 0)) throw new UserError(`y[${n}] holds ${target}, which is no class probability`);
      mass += target;
      if (target > 0) value += weight[n]! * target * (f[k]! - logSum);
      gradient[k] = weight[n]! * (target - gradient[k]! / sum);
    }
    if (Math.abs(mass - 1) > 1e-6) throw new UserError(`the class probabilities in y[${n}] sum to ${mass}, not 1`);
  }
  return { value, gradient };
}

function softmax(logits: Float64Array): Float64Array {
  const largest = Math.max(...logits);
  const p = logits.map((logit) => Math.exp(logit - largest));
  const sum = p.reduce((total, weight) => total + weight, 0);
  return p.map((weight) => weight / sum);
}

function sigmoid(z: number): number {
  return z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z));
}
