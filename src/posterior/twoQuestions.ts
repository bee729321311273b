/**
 * The two questions of the slides, answered on a network of one's own.
 *   Q1  Why does linearised Laplace not underfit? Because J w_ker = 0: its outputs on the training inputs with and without the kernel part coincide.
 *   Q2  Why does sampled Laplace underfit? Because the network is not linear: its outputs with and without the kernel part do not,
 *       and E‖f(ŵ + w_ker + w_im) − f(ŵ + w_im)‖² is what the kernel part does to the predictions. Logits of a softmax are compared less
 *       their mean: its kernel holds the directions that move all of them alike, which no probability shows.
 * And the sweep: with more data the rank rises, the kernel shrinks, and the underfit with it.
 */
import { logLikelihood } from '../curvature/likelihood.ts';
import { forward } from '../network/forward.ts';
import { forwardDraws } from '../network/forwardDraws.ts';
import { seededRandom } from '../linalg/random.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { around } from './drawMethods.ts';
import { kernelVarianceShare, laplace, laplaceDisplacements, standardNormal, type Laplace } from './laplace.ts';
import { linearisedOutputs } from './linearised.ts';
import type { PosteriorProblem } from './logPosterior.ts';
import { sampledPredictive } from './predictive.ts';
import { nllInfluence, pairedError, scores, type MonteCarloScore } from './scores.ts';

export interface TwoQuestions {
  /** Root mean square over draws, training inputs and outputs of the change that the kernel part makes. */
  readonly linearisedChange: number;
  readonly sampledChange: number;
  /** Of f_lin on the training inputs over draws: what the changes are to be compared with. */
  readonly linearisedDeviation: number;
  /** Largest change of f_lin, relative to its largest value: rounding, when Q1 is answered as it should be. */
  readonly linearisedRelative: number;
  readonly kernelVarianceShare: number;
  readonly draws: number;
}

/** What the likelihood sees of outputs: of a softmax's logits their differences from their mean, in place; everything else as it is. */
function seen({ likelihood, network: { outputs } }: Laplace['problem'], f: Float64Array): Float64Array {
  if (likelihood.kind !== 'categorical') return f;
  for (let first = 0; first < f.length; first += outputs) {
    let mean = 0;
    for (let k = first; k < first + outputs; k++) mean += f[k]! / outputs;
    for (let k = first; k < first + outputs; k++) f[k]! -= mean;
  }
  return f;
}

/** Draws in a block of displacements. */
const BLOCK = 16;

export async function twoQuestions(approximation: Laplace, draws: number, seed: number, context: JobContext): Promise<TwoQuestions> {
  const { network, state, x, sampleWeights } = approximation.problem;
  const random = seededRandom(seed);
  const f = seen(approximation.problem, forward(network, state, x));
  let [linearised, sampled, spread, largestChange, largest, count] = [0, 0, 0, 0, 0, 0];
  for (let first = 0; first < draws; first += BLOCK) {
    const size = Math.min(BLOCK, draws - first);
    const noise = standardNormal(size * network.parameters, random);
    const whole = await laplaceDisplacements(approximation, noise.slice(), 'whole');
    const image = await laplaceDisplacements(approximation, noise, 'image');
    const [lin, linImage] = [seen(approximation.problem, linearisedOutputs(approximation.problem, whole, x)), seen(approximation.problem, linearisedOutputs(approximation.problem, image, x))];
    const [real, realImage] = [seen(approximation.problem, await forwardDraws(network, around(state, whole, network), x, context.signal)), seen(approximation.problem, await forwardDraws(network, around(state, image, network), x, context.signal))];
    for (let s = 0; s < size; s++) {
      for (let k = 0; k < f.length; k++) {
        const c = sampleWeights?.[Math.floor(k / network.outputs)] ?? 1;
        const change = lin[s * f.length + k]! - linImage[s * f.length + k]!;
        linearised += c * change ** 2;
        if (c > 0) largestChange = Math.max(largestChange, Math.abs(change));
        largest = Math.max(largest, Math.abs(lin[s * f.length + k]!));
        sampled += c * (real[s * f.length + k]! - realImage[s * f.length + k]!) ** 2;
        spread += c * (lin[s * f.length + k]! - f[k]!) ** 2;
        count += c;
      }
    }
    context.progress({ message: 'With and without the kernel part', fraction: (first + size) / draws });
    await new Promise<void>((resolve) => { setImmediate(resolve); });
    context.signal.throwIfAborted();
  }
  return {
    linearisedChange: Math.sqrt(linearised / count), sampledChange: Math.sqrt(sampled / count), linearisedDeviation: Math.sqrt(spread / count),
    linearisedRelative: largest === 0 ? 0 : largestChange / largest, kernelVarianceShare: kernelVarianceShare(approximation), draws,
  };
}

export interface SweepPoint {
  /** Data points that the GGN was taken on. */
  readonly data: number;
  readonly rank: number;
  readonly kernel: number;
  /** Negative log-likelihood per training point, on all training data, of the sampled and of the projected posterior; of ŵ it is `fit`. */
  readonly sampled: MonteCarloScore;
  readonly projected: MonteCarloScore;
}

export interface Sweep {
  readonly points: readonly SweepPoint[];
  /** From the first point to the last, of the sampled posterior; the error is of the same random numbers at both. */
  readonly change: { readonly value: number; readonly monteCarloError: number };
  /** Mean negative log-likelihood of ŵ on all training data: what no underfit would mean. */
  readonly fit: number;
  /** At each point. */
  readonly draws: number;
}

/** The same ŵ, with the curvature of growing parts of its data; parts are nested, in a seeded order. */
export async function rankSweep(problem: PosteriorProblem, state: Float64Array, sizes: readonly number[], draws: number, seed: number, context: JobContext): Promise<Sweep> {
  const { network, x, targets, likelihood, sampleWeights, priorPrecision } = problem;
  const rows = x.length / network.inputs;
  const order = seededRandom(seed).permutation(rows);
  const quiet: JobContext = { ...context, progress: () => undefined };
  const points: SweepPoint[] = [];
  const counts = sampleWeights ?? new Float64Array(rows).fill(1);
  const influences: Float64Array[] = [];
  for (const [done, size] of sizes.entries()) {
    context.progress({ message: `Curvature of ${size} of ${rows} data points`, fraction: done / sizes.length });
    const part = new Float64Array(size * network.inputs);
    for (let n = 0; n < size; n++) part.set(x.subarray(order[n]! * network.inputs, (order[n]! + 1) * network.inputs), n * network.inputs);
    const approximation = await laplace({ network, state, x: part, likelihood, weighting: 'likelihood', ...(sampleWeights === undefined ? {} : { sampleWeights: Float64Array.from({ length: size }, (_, n) => sampleWeights[order[n]!]!) }) }, priorPrecision, quiet);
    const score = async (which: 'whole' | 'image'): Promise<MonteCarloScore> => {
      const random = seededRandom(seed + 1);
      const outputs = new Float64Array(draws * rows * network.outputs);
      for (let first = 0; first < draws; first += BLOCK) {
        const count = Math.min(BLOCK, draws - first);
        const moves = await laplaceDisplacements(approximation, standardNormal(count * network.parameters, random), which);
        outputs.set(await forwardDraws(network, around(state, moves, network), x, context.signal), first * rows * network.outputs);
        context.signal.throwIfAborted();
      }
      const predictive = sampledPredictive(likelihood, outputs, draws, network.outputs);
      if (which === 'whole') influences.push(nllInfluence(likelihood, { kind: 'sampled', outputs, count: draws, chains: undefined }, targets, counts, network.outputs));
      return scores(likelihood, predictive, targets, network.outputs, sampleWeights).nll;
    };
    points.push({ data: size, rank: approximation.rank.rank, kernel: network.parameters - approximation.rank.rank, sampled: await score('whole'), projected: await score('image') });
  }
  const [first, last] = [influences[0], influences.at(-1)];
  const change = { value: (points.at(-1)?.sampled.value ?? Number.NaN) - (points[0]?.sampled.value ?? Number.NaN), monteCarloError: first === undefined || last === undefined ? Number.NaN : pairedError(first, last) };
  return { points, draws, change, fit: -logLikelihood(likelihood, forward(network, state, x), network.outputs, targets, sampleWeights).value / (sampleWeights?.reduce((sum, c) => sum + c, 0) ?? rows) };
}
