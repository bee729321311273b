/**
 * The two-neuron posterior of Laurent et al. (2023, "A symmetry-aware exploration of Bayesian neural network posteriors",
 * figure 1): an ensemble of 2-2-1 ReLU networks, each trained from its own initialisation, as draws of the weights.
 *
 * Recipe: `Linear(2,2) → ReLU → Linear(2,1)` with PyTorch's default initialisation, binary cross-entropy on the logit, plain
 * SGD with learning rate 2, batches of 10, 10 epochs; a network is kept when the mean loss of its last epoch is at most 0.01.
 * The loop is written out in scalars because it is run forty million times; `test/unit/posterior/twoNeurons.test.ts` holds its
 * step to the gradient of the general network code.
 */
import { setImmediate } from 'node:timers/promises';
import { activationNamed } from '../network/activation.ts';
import { denseNetwork } from '../network/denseNetwork.ts';
import type { Random } from '../linalg/random.ts';

export const twoNeuronNetwork = denseNetwork([2, 2, 1], activationNamed('relu'));

/** Binary classification in the plane. */
export interface PlanarClasses {
  /** N × 2 row-major. */
  readonly x: Float64Array;
  /** N labels, 0 or 1. */
  readonly y: Float64Array;
}

interface Training {
  readonly learningRate: number;
  readonly batch: number;
  readonly epochs: number;
}

const laurent: Training = { learningRate: 2, batch: 10, epochs: 10 };

/** A network is kept when its last epoch's mean loss is at most this. */
export const KEPT_LOSS = 0.01;

/**
 * The data of the figure, generated: 200 points a class, Gaussian.
 * Class 0: mean (−2.09, −1.89), covariance [[0.99, −0.08], [−0.08, 0.97]]; class 1: mean (2.19, 2.17), covariance
 * [[0.92, −0.08], [−0.08, 0.96]].
 */
export function gaussianClasses(random: Random): PlanarClasses {
  const points = 200;
  const classes = [
    { mean: [-2.09, -1.89], variance: [0.99, 0.97], covariance: -0.08 },
    { mean: [2.19, 2.17], variance: [0.92, 0.96], covariance: -0.08 },
  ] as const;
  const x = new Float64Array(classes.length * points * 2);
  const y = new Float64Array(classes.length * points);
  let n = 0;
  for (const [label, { mean, variance, covariance }] of classes.entries()) {
    // Cholesky factor of the 2 × 2 covariance.
    const l11 = Math.sqrt(variance[0]);
    const l21 = covariance / l11;
    const l22 = Math.sqrt(variance[1] - l21 * l21);
    for (let i = 0; i < points; i++, n++) {
      const a = random.normal();
      const b = random.normal();
      x[2 * n] = mean[0] + l11 * a;
      x[2 * n + 1] = mean[1] + l21 * a + l22 * b;
      y[n] = label;
    }
  }
  return { x, y };
}

export interface TwoNeuronEnsemble {
  /** Networks trained. */
  readonly trained: number;
  /** kept × 9 row-major, each row θ of `twoNeuronNetwork`. */
  readonly draws: Float64Array;
  readonly kept: number;
  /** Last-epoch mean loss of every network trained, kept or not. */
  readonly losses: Float64Array;
}

export interface EnsembleContext {
  readonly signal: AbortSignal;
  readonly progress: (done: number) => void;
}

/** Trains `count` networks one after another; yields to the event loop, so that it can be cancelled, about every 20 ms. */
export async function trainTwoNeuronEnsemble(data: PlanarClasses, count: number, random: Random, context: EnsembleContext): Promise<TwoNeuronEnsemble> {
  const size = twoNeuronNetwork.parameters;
  const draws = new Float64Array(count * size);
  const losses = new Float64Array(count);
  const theta = new Float64Array(size);
  let kept = 0;
  let yielded = performance.now();
  for (let m = 0; m < count; m++) {
    if (performance.now() - yielded > 20) {
      context.progress(m);
      await setImmediate();
      context.signal.throwIfAborted();
      yielded = performance.now();
    }
    initialise(theta, random);
    const loss = train(theta, data, laurent, random);
    losses[m] = loss;
    if (loss <= KEPT_LOSS) {
      draws.set(theta, kept * size);
      kept++;
    }
  }
  return { trained: count, draws: draws.slice(0, kept * size), kept, losses };
}

/** PyTorch's default for `Linear`: weight and bias uniform on ±1/√fan-in. */
function initialise(theta: Float64Array, random: Random): void {
  const bound = Math.SQRT1_2;
  for (let i = 0; i < theta.length; i++) theta[i] = (2 * random.uniform() - 1) * bound;
}

/**
 * SGD in place on θ = [w11 w12 w21 w22 b1 b2 v1 v2 c]. Returns the mean loss of the last epoch, each batch measured before its
 * step.
 */
export function train(theta: Float64Array, { x, y }: PlanarClasses, { learningRate, batch, epochs }: Training, random: Random): number {
  const rows = y.length;
  let w11 = theta[0]!, w12 = theta[1]!, w21 = theta[2]!, w22 = theta[3]!;
  let b1 = theta[4]!, b2 = theta[5]!, v1 = theta[6]!, v2 = theta[7]!, c = theta[8]!;
  const order = Int32Array.from({ length: rows }, (_, i) => i);
  let lossSum = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    lossSum = 0;
    for (let i = rows - 1; i > 0; i--) {
      const j = random.below(i + 1);
      const swapped = order[i]!;
      order[i] = order[j]!;
      order[j] = swapped;
    }
    for (let start = 0; start < rows; start += batch) {
      const end = Math.min(start + batch, rows);
      let g11 = 0, g12 = 0, g21 = 0, g22 = 0, h1 = 0, h2 = 0, k1 = 0, k2 = 0, e = 0;
      for (let r = start; r < end; r++) {
        const n = order[r]!;
        const x1 = x[2 * n]!;
        const x2 = x[2 * n + 1]!;
        const z1 = w11 * x1 + w12 * x2 + b1;
        const z2 = w21 * x1 + w22 * x2 + b2;
        const a1 = z1 > 0 ? z1 : 0;
        const a2 = z2 > 0 ? z2 : 0;
        const logit = v1 * a1 + v2 * a2 + c;
        const label = y[n]!;
        // softplus(s), s = ∓logit: the cross-entropy; with t = exp(−|logit|) for both it and the sigmoid.
        const t = Math.exp(-Math.abs(logit));
        const s = label === 1 ? -logit : logit;
        lossSum += (s > 0 ? s : 0) + Math.log1p(t);
        const sigmoid = logit >= 0 ? 1 / (1 + t) : t / (1 + t);
        const d = sigmoid - label;
        e += d;
        if (z1 > 0) {
          k1 += d * a1;
          const p = d * v1;
          g11 += p * x1;
          g12 += p * x2;
          h1 += p;
        }
        if (z2 > 0) {
          k2 += d * a2;
          const p = d * v2;
          g21 += p * x1;
          g22 += p * x2;
          h2 += p;
        }
      }
      const step = learningRate / (end - start);
      w11 -= step * g11;
      w12 -= step * g12;
      w21 -= step * g21;
      w22 -= step * g22;
      b1 -= step * h1;
      b2 -= step * h2;
      v1 -= step * k1;
      v2 -= step * k2;
      c -= step * e;
    }
  }
  theta.set([w11, w12, w21, w22, b1, b2, v1, v2, c]);
  return lossSum / rows;
}
