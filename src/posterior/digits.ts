/**
 * Handwritten digits of 8 × 8 pixels and a ReLU network 64-24-10 at a mode of its posterior: so few images (ten of each digit) that the kernel of
 * the GGN is as large as its image. Images: E. Alpaydin & C. Kaynak, Optical Recognition of Handwritten Digits, UCI, CC BY 4.0.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import type { Random } from '../linalg/random.ts';
import { activationNamed } from '../network/activation.ts';
import { denseNetwork } from '../network/denseNetwork.ts';
import type { PosteriorProblem } from './logPosterior.ts';
import { train, type Training } from './training.ts';

export const DIGIT_PRIOR_PRECISION = 1;
export const DIGIT_SIDE = 8;
export const digitNetwork = denseNetwork([DIGIT_SIDE ** 2, 24, 10], activationNamed('relu'));

export interface Digits {
  /** Pixels from 0 to 1, N × 64. */
  readonly x: Float64Array;
  /** 0 … 9 */
  readonly y: Float64Array;
}

/** Full-batch Adam from He's initialisation, down to a mode of the posterior. */
export function* trainDigits({ x, y }: Digits, random: Random, epochs: number, onEpoch: (epoch: number) => void): Interruptible<Training> {
  const problem: PosteriorProblem = { network: digitNetwork, x, targets: y, likelihood: { kind: 'categorical' }, priorPrecision: DIGIT_PRIOR_PRECISION };
  const start = new Float64Array(digitNetwork.stateSize);
  for (const { shape: [, inputs], offset, length } of digitNetwork.blocks) {
    if (inputs === undefined) continue;
    for (let k = 0; k < length; k++) start[offset + k] = Math.sqrt(2 / inputs) * random.normal();
  }
  return yield* train(problem, start, { optimizer: { kind: 'adam', learningRate: 0.01 }, epochs, batch: y.length, batches: 'epochs', schedule: 'cosine', random, onEpoch: (_, epoch) => { onEpoch(epoch); } });
}
