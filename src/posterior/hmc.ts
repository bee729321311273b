/**
 * Hamiltonian Monte Carlo (Neal 2011) with the step size adapted by dual averaging towards an acceptance of 0.8 (Hoffman & Gelman 2014,
 * §3.2), unit metric, and a number of leapfrog steps drawn anew for each trajectory so that no period of the motion is hit. For networks of
 * up to some thousand parameters: each leapfrog step is one gradient on all data.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import type { Random } from '../linalg/random.ts';

/** A density on R^D: its logarithm, and the gradient of that, written into `gradient`. */
export type LogDensity = (position: Float64Array, gradient: Float64Array) => number;

export interface HmcOptions {
  /** Trajectories during which the step size is adapted; not among the draws. */
  readonly warmup: number;
  readonly draws: number;
  /** Mean length of a trajectory in units of the position. */
  readonly pathLength: number;
  /** At most so many leapfrog steps a trajectory. */
  readonly maxSteps: number;
  readonly random: Random;
  readonly onDraw?: (drawn: number, warmingUp: boolean) => void;
}

export interface HmcChain {
  /** draws × D row-major. */
  readonly draws: Float64Array;
  readonly stepSize: number;
  /** Mean acceptance probability of the trajectories after the warm-up. */
  readonly acceptance: number;
  /** Trajectories whose energy error exceeded `DIVERGENT`: the density has regions too steep for the step size. */
  readonly divergences: number;
}

const TARGET_ACCEPTANCE = 0.8;
const DIVERGENT = 1000;

/** @param start position, length D */
export function* hamiltonianMonteCarlo(density: LogDensity, start: Float64Array, { warmup, draws, pathLength, maxSteps, random, onDraw }: HmcOptions): Interruptible<HmcChain> {
  const size = start.length;
  const result = new Float64Array(draws * size);
  let position = start.slice();
  let gradient: Float64Array = new Float64Array(size);
  let value = density(position, gradient);
  let stepSize = initialStepSize(density, position, gradient, value, random);
  const averaging = new DualAveraging(stepSize);
  let accepted = 0;
  let divergences = 0;
  for (let t = 0; t < warmup + draws; t++) {
    const momentum = Float64Array.from({ length: size }, () => random.normal());
    const kinetic = halfSquare(momentum);
    const steps = Math.max(1, Math.min(maxSteps, Math.round(((0.5 + random.uniform()) * pathLength) / stepSize)));
    const next = position.slice();
    const nextGradient = gradient.slice();
    let nextValue = value;
    for (let s = 0; s < steps; s++) {
      nextValue = leapfrog(density, next, momentum, nextGradient, stepSize);
      if (!Number.isFinite(nextValue)) break;
      yield;
    }
    const error = value - kinetic - (nextValue - halfSquare(momentum));
    const probability = Number.isFinite(error) ? Math.min(1, Math.exp(-error)) : 0;
    const warmingUp = t < warmup;
    if (!warmingUp && !(error < DIVERGENT)) divergences++;
    if (random.uniform() < probability) {
      position = next;
      gradient = nextGradient;
      value = nextValue;
    }
    if (warmingUp) {
      stepSize = averaging.update(probability);
      if (t === warmup - 1) stepSize = averaging.final;
    } else {
      accepted += probability / draws;
      result.set(position, (t - warmup) * size);
    }
    onDraw?.(warmingUp ? t + 1 : t + 1 - warmup, warmingUp);
    yield;
  }
  return { draws: result, stepSize, acceptance: accepted, divergences };
}

/** One step of size ε in place; returns the log-density at the new position. */
function leapfrog(density: LogDensity, position: Float64Array, momentum: Float64Array, gradient: Float64Array, step: number): number {
  for (let i = 0; i < position.length; i++) {
    momentum[i]! += 0.5 * step * gradient[i]!;
    position[i]! += step * momentum[i]!;
  }
  const value = density(position, gradient);
  for (let i = 0; i < position.length; i++) momentum[i]! += 0.5 * step * gradient[i]!;
  return value;
}

function halfSquare(momentum: Float64Array): number {
  let sum = 0;
  for (const p of momentum) sum += p * p;
  return 0.5 * sum;
}

/** Doubled or halved until one step's acceptance crosses one half (Hoffman & Gelman 2014, algorithm 4). */
function initialStepSize(density: LogDensity, start: Float64Array, gradient: Float64Array, value: number, random: Random): number {
  let step = 1;
  let direction = 0;
  for (let k = 0; k < 60; k++) {
    const [position, momentum, g] = [start.slice(), Float64Array.from(start, () => random.normal()), gradient.slice()];
    const energy = value - halfSquare(momentum);
    const change = leapfrog(density, position, momentum, g, step) - halfSquare(momentum) - energy;
    const wanted = Number.isFinite(change) && change > Math.log(0.5) ? 1 : -1;
    if (direction === 0) direction = wanted;
    if (wanted !== direction) break;
    step *= 2 ** direction;
  }
  return step;
}

/** Nesterov's dual averaging of log ε with the constants of Hoffman & Gelman (2014). */
class DualAveraging {
  readonly #centre: number;
  #error = 0;
  #logAverage = 0;
  #count = 0;

  constructor(stepSize: number) {
    this.#centre = Math.log(10 * stepSize);
  }

  update(acceptance: number): number {
    const [gamma, delay, decay] = [0.05, 10, 0.75];
    this.#count++;
    this.#error += (TARGET_ACCEPTANCE - acceptance - this.#error) / (this.#count + delay);
    const log = this.#centre - (Math.sqrt(this.#count) / gamma) * this.#error;
    this.#logAverage += this.#count ** -decay * (log - this.#logAverage);
    return Math.exp(log);
  }

  get final(): number {
    return Math.exp(this.#logAverage);
  }
}
