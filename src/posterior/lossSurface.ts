/**
 * The loss over a plane through ŵ, as what draws of the weights are to be seen against: how far −log p(w | D) rises above its value at ŵ,
 * in nats, prior included. A draw of a D-dimensional Gaussian posterior lies about D/2 nats above its mode.
 */
import { logLikelihood } from '../curvature/likelihood.ts';
import type { Random } from '../linalg/random.ts';
import { forward } from '../network/forward.ts';
import { forwardDraws } from '../network/forwardDraws.ts';
import type { BinAxis } from '../protocol/report.ts';
import type { PosteriorProblem } from './logPosterior.ts';

/** A plane through ŵ. */
export interface WeightPlane {
  /** Orthonormal, length D. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Coordinates of ŵ, so that an axis can show a parameter's own value. */
  readonly origin: readonly [number, number];
}

export class LossSurface {
  /** Inputs that the likelihood is taken over; fewer than all are scaled up to N, and the same ones everywhere. */
  readonly inputs: number;
  readonly #problem: PosteriorProblem;
  readonly #mode: Float64Array;
  readonly #scale: number;
  readonly #atMode: number;

  /** @param mode ŵ, w with its buffers @param inputs at most so many, the first of a random order */
  constructor(problem: PosteriorProblem, mode: Float64Array, inputs: number, random: Random) {
    const { network, x, targets, sampleWeights } = problem;
    const rows = x.length / network.inputs;
    this.inputs = Math.min(rows, Math.max(1, inputs));
    this.#scale = rows / this.inputs;
    if (this.inputs === rows) {
      this.#problem = problem;
    } else {
      const chosen = random.permutation(rows).subarray(0, this.inputs);
      this.#problem = { ...problem, x: take(x, network.inputs, chosen), targets: take(targets, targets.length / rows, chosen), sampleWeights: sampleWeights === undefined ? undefined : take(sampleWeights, 1, chosen) };
    }
    this.#mode = mode;
    this.#atMode = this.#energy(mode);
  }

  /** −log p(w | D) less that of ŵ; NaN where an output is not finite. */
  rise(state: Float64Array): number {
    return this.#energy(state) - this.#atMode;
  }

  /** w at coordinates of a plane. */
  at({ x, y, origin }: WeightPlane, cx: number, cy: number): Float64Array {
    const state = this.#mode.slice();
    const [sx, sy] = [cx - origin[0], cy - origin[1]];
    for (let i = 0; i < x.length; i++) state[i]! += sx * x[i]! + sy * y[i]!;
    return state;
  }

  /** At the middle of each bin, y-major; null where an output is not finite. @throws the signal's reason once it is aborted */
  async over(plane: WeightPlane, xAxis: BinAxis, yAxis: BinAxis, signal: AbortSignal): Promise<(number | null)[]> {
    const { network, x } = this.#problem;
    const values: (number | null)[] = [];
    const centre = ({ min, max, bins }: BinAxis, k: number): number => min + ((k + 0.5) * (max - min)) / bins;
    const bins = xAxis.bins * yAxis.bins;
    const each = this.inputs * network.outputs;
    const step = Math.max(1, Math.floor(TOGETHER / (network.stateSize + each)));
    for (let first = 0; first < bins; first += step) {
      const count = Math.min(step, bins - first);
      const states = new Float64Array(count * network.stateSize);
      for (let k = 0; k < count; k++) states.set(this.at(plane, centre(xAxis, (first + k) % xAxis.bins), centre(yAxis, Math.floor((first + k) / xAxis.bins))), k * network.stateSize);
      const outputs = await forwardDraws(network, states, x, signal);
      for (let k = 0; k < count; k++) {
        const value = this.#energyOf(states.subarray(k * network.stateSize, (k + 1) * network.stateSize), outputs.subarray(k * each, (k + 1) * each)) - this.#atMode;
        values.push(Number.isFinite(value) ? value : null);
      }
    }
    return values;
  }

  #energy(state: Float64Array): number {
    return this.#energyOf(state, forward(this.#problem.network, state, this.#problem.x));
  }

  #energyOf(state: Float64Array, outputs: Float64Array): number {
    const { network, targets, likelihood, sampleWeights, priorPrecision } = this.#problem;
    if (!outputs.every(Number.isFinite)) return Number.NaN;
    let square = 0;
    for (let i = 0; i < network.parameters; i++) square += state[i]! ** 2;
    return 0.5 * priorPrecision * square - this.#scale * logLikelihood(likelihood, outputs, network.outputs, targets, sampleWeights).value;
  }
}

/** Numbers of states and outputs that are evaluated together: 4 MB. */
const TOGETHER = 2 ** 19;

function take(values: Float64Array, width: number, rows: Int32Array): Float64Array {
  const part = new Float64Array(rows.length * width);
  rows.forEach((row, k) => { part.set(values.subarray(row * width, (row + 1) * width), k * width); });
  return part;
}
