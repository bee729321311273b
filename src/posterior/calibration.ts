/**
 * Is a predicted probability the frequency with which it comes true? Inputs in bins of their confidence (the probability of the predicted
 * class): in each, how confident and how often right. Reliability diagrams and the expected calibration error (Guo et al. 2017, section 2).
 */
import type { LikelihoodModel } from '../curvature/likelihood.ts';

/** Bins of equal width in confidence. */
const CALIBRATION_BINS = 15;

export interface Answers {
  /** Probability of the predicted class, one entry an input (of a Bernoulli: an output). */
  readonly confidence: Float64Array;
  /** 1 where it is the right one. */
  readonly correct: Float64Array;
  /** How often it counts. */
  readonly counts: Float64Array;
}

export interface ReliabilityBin {
  /** Of answers, each as often as it counts. */
  readonly count: number;
  /** Means over the bin's inputs. */
  readonly confidence: number;
  readonly accuracy: number;
}

/**
 * @param probabilities N × O of classes, or of ones
 * @param targets N class numbers, or N × O of 0 and 1
 * @param weights c, N: how often each input counts; 1 each when left out
 */
export function answers(kind: Exclude<LikelihoodModel['kind'], 'gaussian'>, probabilities: Float64Array, targets: Float64Array, width: number, weights?: Float64Array): Answers {
  const classes = kind === 'bernoulli' ? 2 : width;
  const questions = kind === 'bernoulli' ? targets.length : probabilities.length / width;
  const confidence = new Float64Array(questions);
  const correct = new Float64Array(questions);
  for (let n = 0; n < questions; n++) {
    let top = 0;
    for (let k = 1; k < classes; k++) if (probabilityOf(kind, probabilities, width, n, k) > probabilityOf(kind, probabilities, width, n, top)) top = k;
    confidence[n] = probabilityOf(kind, probabilities, width, n, top);
    correct[n] = top === targets[n] ? 1 : 0;
  }
  const each = questions / (probabilities.length / width);
  return { confidence, correct, counts: Float64Array.from({ length: questions }, (_, n) => weights?.[Math.floor(n / each)] ?? 1) };
}

/** Of class k for question n. */
export function probabilityOf(kind: Exclude<LikelihoodModel['kind'], 'gaussian'>, probabilities: Float64Array, width: number, n: number, k: number): number {
  return kind === 'categorical' ? probabilities[n * width + k]! : k === 1 ? probabilities[n]! : 1 - probabilities[n]!;
}

/** Those bins that hold inputs, by ascending confidence. */
export function reliabilityBins({ confidence, correct, counts }: Answers): ReliabilityBin[] {
  const bins = Array.from({ length: CALIBRATION_BINS }, () => ({ count: 0, confidence: 0, accuracy: 0 }));
  confidence.forEach((p, n) => {
    const bin = bins[Math.min(CALIBRATION_BINS - 1, Math.max(0, Math.ceil(p * CALIBRATION_BINS) - 1))]!;
    bin.count += counts[n]!;
    bin.confidence += counts[n]! * p;
    bin.accuracy += counts[n]! * correct[n]!;
  });
  return bins.filter(({ count }) => count > 0).map(({ count, confidence: sum, accuracy }) => ({ count, confidence: sum / count, accuracy: accuracy / count }));
}

/** Σ over bins of (share of inputs in the bin) × |accuracy − mean confidence| there. */
export function calibrationError(given: Answers): number {
  return reliabilityBins(given).reduce((sum, { count, confidence, accuracy }) => sum + count * Math.abs(accuracy - confidence), 0) / given.counts.reduce((sum, c) => sum + c, 0);
}

/** 95 % interval of a frequency (Wilson 1927). */
export function wilsonInterval(frequency: number, count: number): readonly [number, number] {
  const z2 = 1.959964 ** 2;
  const centre = (frequency + z2 / (2 * count)) / (1 + z2 / count);
  const half = (1.959964 / (1 + z2 / count)) * Math.sqrt((frequency * (1 - frequency)) / count + z2 / (4 * count * count));
  return [centre - half, centre + half];
}
