/**
 * One-dimensional regression with a gap in the data: y = sin x + noise on [−4, −1] and [1, 4], and a tanh network trained to the mode of its
 * posterior. What the methods make of the gap, and of the data around it, can be seen in one picture.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import type { Random } from '../linalg/random.ts';
import { activationNamed } from '../network/activation.ts';
import { denseNetwork } from '../network/denseNetwork.ts';
import type { PosteriorProblem } from './logPosterior.ts';
import { quasiNewton, type Mode } from './quasiNewton.ts';
import { train } from './training.ts';

export const SINE_NOISE = 0.15;
export const SINE_PRIOR_PRECISION = 2;
export const sineNetwork = denseNetwork([1, 24, 24, 1], activationNamed('tanh'));

export interface Points {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

/** `count` points, half on each side of the gap. */
export function sinePoints(count: number, random: Random): Points {
  const x = Float64Array.from({ length: count }, (_, n) => (n % 2 === 0 ? -1 : 1) * (1 + 3 * random.uniform()));
  return { x, y: x.map((at) => Math.sin(at) + SINE_NOISE * random.normal()) };
}

/** Epochs of Adam, and at most so many steps of L-BFGS after them. */
const EPOCHS = 1000;
const ITERATIONS = 4000;
const AT_A_MODE = 1e-5;
const TOLD = 50;

/**
 * Full-batch Adam from Glorot's initialisation, and L-BFGS down to a mode of the posterior with the example's noise and prior: Adam alone rests where some
 * curvature is still negative.
 * @param progress told the share that is done at most
 */
export function* trainSine({ x, y }: Points, random: Random, progress: (fraction: number) => void): Interruptible<Mode> {
  const problem: PosteriorProblem = { network: sineNetwork, x, targets: y, likelihood: { kind: 'gaussian', noise: SINE_NOISE }, priorPrecision: SINE_PRIOR_PRECISION };
  const start = new Float64Array(sineNetwork.stateSize);
  for (const { shape: [outputs = 1, inputs], offset, length } of sineNetwork.blocks) {
    if (inputs === undefined) continue;
    const scale = Math.sqrt(2 / (inputs + outputs)) * (inputs === 1 ? 2 : 1);
    for (let k = 0; k < length; k++) start[offset + k] = scale * random.normal();
  }
  const of = EPOCHS + ITERATIONS;
  const { state } = yield* train(problem, start, { optimizer: { kind: 'adam', learningRate: 0.01 }, epochs: EPOCHS, batch: x.length, batches: 'epochs', schedule: 'cosine', random, onEpoch: (_, epoch) => { if (epoch % TOLD === 0) progress((epoch + 1) / of); } });
  return yield* quasiNewton(problem, state, { iterations: ITERATIONS, tolerance: AT_A_MODE, onIteration: (iteration) => { if (iteration % TOLD === 0) progress((EPOCHS + iteration) / of); } });
}
