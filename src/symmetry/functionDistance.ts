/**
 * Do two parameter vectors of one chain compute the same function? Asked before a canonical form is written, because a symmetry that was
 * derived wrongly shows here and nowhere else. Rounding is told from change by a running error bound (Higham 2002, §3.1):
 * the outputs of equal functions may differ by about eps × the sum of the magnitudes of the terms that are added up.
 */
import { seededRandom } from '../linalg/random.ts';
import type { DenseChain } from '../network/denseChain.ts';
import { type Trace, trace } from '../network/chainForward.ts';

export interface FunctionDistance {
  /** max over outputs o of max_n |a_no − b_no| / max_n |a_no|, |b_no|. 0 when all agree, ∞ when only one network overflows. */
  readonly relative: number;
  /** max |a_no − b_no|. */
  readonly absolute: number;
  /** On the scale of `relative`: what rounding alone can explain. Large where outputs are small differences of large terms. */
  readonly rounding: number;
  /** Output at which `relative` is reached. */
  readonly output: number;
  /** Outputs (of N × O) at which both networks are finite and were compared. */
  readonly compared: number;
  /** When the function changed: name of the first layer whose units behave differently, up to order, positive scale and sign. */
  readonly firstLayer: string | null;
}

/** Whether the difference is more than `tolerance` and more than rounding; also when there was nothing finite to compare. */
export function functionChanged(distance: FunctionDistance, tolerance = 1e-10): boolean {
  return distance.compared === 0 || distance.relative > Math.max(tolerance, distance.rounding);
}

/**
 * Inputs for networks without data, N × d: standard normal, each row scaled by 10^k with k = −1, 0, 1 in turn, so that biases decide
 * some of them, weights others, and most ReLUs are met on both sides. A difference that shows on an open set of inputs shows here almost surely.
 */
export function genericInputs(width: number, rows: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length: rows * width }, (_, i) => random.normal() * 10 ** ((Math.floor(i / width) % 3) - 1));
}

/**
 * @param a, b parameter vectors, length D
 * @param x inputs, N × d row-major; `genericInputs(chain.inputs, 96, 0)` when left out
 */
export function functionDistance(chain: DenseChain, a: Float64Array, b: Float64Array, x = genericInputs(chain.inputs, 96, 0)): FunctionDistance {
  const left = trace(chain, a, x);
  const right = trace(chain, b, x);
  const fa = left.activations[chain.layers.length]!;
  const fb = right.activations[chain.layers.length]!;
  const bound = roundingBound(chain, a, left);
  const boundOther = roundingBound(chain, b, right);
  const outputs = chain.outputs;
  let relative = 0;
  let absolute = 0;
  let rounding = 0;
  let worst = 0;
  let compared = 0;
  for (let o = 0; o < outputs; o++) {
    let size = 0;
    let difference = 0;
    let explained = 0;
    for (let i = o; i < fa.length; i += outputs) {
      const p = fa[i]!;
      const q = fb[i]!;
      if (!Number.isFinite(p) || !Number.isFinite(q)) {
        if (Number.isFinite(p) || Number.isFinite(q)) difference = Number.POSITIVE_INFINITY;
        continue;
      }
      compared++;
      size = Math.max(size, Math.abs(p), Math.abs(q));
      difference = Math.max(difference, Math.abs(p - q));
      explained = Math.max(explained, bound[i]! + boundOther[i]!);
    }
    absolute = Math.max(absolute, difference);
    rounding = Math.max(rounding, size === 0 ? 0 : explained / size);
    const here = difference === 0 ? 0 : difference / size;
    if (here > relative) {
      relative = here;
      worst = o;
    }
  }
  const distance = { relative, absolute, rounding, output: worst, compared, firstLayer: null };
  return functionChanged(distance) ? { ...distance, firstLayer: firstDifferentLayer(chain, left, right) } : distance;
}

/**
 * A bound on the rounding error of every output, N × O: e_l = Lip(σ) (|W| e_{l−1} + (n + 8) eps (|W| |a| + |b|)); the 8 is for the
 * few operations that each weight itself went through.
 */
function roundingBound(chain: DenseChain, theta: Float64Array, { activations }: Trace): Float64Array {
  let errors = new Float64Array(activations[0]!.length);
  chain.layers.forEach(({ inputs, outputs, weight, bias, activation }, l) => {
    const a = activations[l]!;
    const rows = a.length / inputs;
    const next = new Float64Array(rows * outputs);
    const unit = (inputs + 8) * Number.EPSILON;
    // Slopes of leaky units may exceed 1; gelu's and silu's reach 1.13.
    const lipschitz = Math.max(1.13, Math.abs(activation.derivative(-1)), Math.abs(activation.derivative(1)));
    for (let n = 0; n < rows; n++) {
      for (let o = 0; o < outputs; o++) {
        let carried = 0;
        let terms = bias === undefined ? 0 : Math.abs(theta[bias.offset + o]!);
        for (let i = 0; i < inputs; i++) {
          const w = Math.abs(theta[weight.offset + o * inputs + i]!);
          carried += w * errors[n * inputs + i]!;
          terms += w * Math.abs(a[n * inputs + i]!);
        }
        next[n * outputs + o] = lipschitz * (carried + unit * terms) + 4 * Number.EPSILON * Math.abs(activations[l + 1]![n * outputs + o]!);
      }
    }
    errors = next;
  });
  return errors;
}

/** Rows of the batch that the comparison of layers looks at. */
const GRAM_ROWS = 24;

/**
 * The Gram matrix Σ_j a_nj a_mj / ‖a_·j‖² over the batch does not depend on the order, positive scale or sign of the units j.
 * A hint for people, so its tolerance (1e-6) is generous.
 */
function firstDifferentLayer(chain: DenseChain, left: Trace, right: Trace): string | null {
  for (let l = 0; l < chain.layers.length; l++) {
    const width = chain.layers[l]!.outputs;
    const p = left.activations[l + 1]!;
    const q = right.activations[l + 1]!;
    const last = l === chain.layers.length - 1;
    const gramP = last ? p : unitGram(p, width);
    const gramQ = last ? q : unitGram(q, width);
    let size = 0;
    let difference = 0;
    gramP.forEach((value, i) => {
      const other = gramQ[i]!;
      if (!Number.isFinite(value) || !Number.isFinite(other)) return;
      size = Math.max(size, Math.abs(value), Math.abs(other));
      difference = Math.max(difference, Math.abs(value - other));
    });
    if (difference > 1e-6 * size) return chain.layers[l]!.name;
  }
  return null;
}

/** @param a activations, N × width */
function unitGram(a: Float64Array, width: number): Float64Array {
  const rows = Math.min(GRAM_ROWS, a.length / width);
  const gram = new Float64Array(rows * rows);
  for (let j = 0; j < width; j++) {
    let norm = 0;
    for (let n = 0; n < rows; n++) norm = Math.max(norm, Math.abs(a[n * width + j]!));
    if (norm === 0) continue;
    let square = 0;
    for (let n = 0; n < rows; n++) square += (a[n * width + j]! / norm) ** 2;
    for (let n = 0; n < rows; n++) {
      for (let m = 0; m < rows; m++) gram[n * rows + m]! += ((a[n * width + j]! / norm) * (a[m * width + j]! / norm)) / square;
    }
  }
  return gram;
}
