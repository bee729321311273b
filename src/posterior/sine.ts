/**
 * One-dimensional regression with a gap in the data: y = sin x + noise on [−4, −1] and [1, 4], and a tanh network trained to the mode of its
 * posterior. What the methods make of the gap, and of the data around it, can be seen in one picture.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import type { Random } from '../linalg/random.ts';
import { activationNamed } from '../network/activation.ts';
import { denseNetwork } from '../network/denseNetwork.ts';
import type { PosteriorProblem } from './logPosterior.ts';
import { train, type Training } from './training.ts';

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

/** Full-batch Adam from Glorot's initialisation, down to a mode of the posterior with the example's noise and prior. */
export function* trainSine({ x, y }: Points, random: Random, epochs: number, onEpoch: (epoch: number) => void): Interruptible<Training> {
  const problem: PosteriorProblem = { network: sineNetwork, x, targets: y, likelihood: { kind: 'gaussian', noise: SINE_NOISE }, priorPrecision: SINE_PRIOR_PRECISION };
  const start = new Float64Array(sineNetwork.stateSize);
  for (const { shape: [outputs = 1, inputs], offset, length } of sineNetwork.blocks) {
    if (inputs === undefined) continue;
    const scale = Math.sqrt(2 / (inputs + outputs)) * (inputs === 1 ? 2 : 1);
    for (let k = 0; k < length; k++) start[offset + k] = scale * random.normal();
  }
  return yield* train(problem, start, { optimizer: { kind: 'adam', learningRate: 0.01 }, epochs, batch: x.length, batches: 'epochs', schedule: 'cosine', random, onEpoch: (_, epoch) => { onEpoch(epoch); } });
}
