/**
 * Draws of several methods in planes through ŵ, over the loss there: as drawn, and each draw replaced by its canonical form, around the
 * canonical form of ŵ. Every method is seen in the same plane and on the same axes, so that what differs is the method.
 */
import { seededRandom } from '../linalg/random.ts';
import { productsPerInput } from '../network/cost.ts';
import type { BinAxis } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { projectionPlanes, type ProjectionPlane } from '../protocol/service.ts';
import { canonicaliseMany } from '../symmetry/canonicalDraws.ts';
import type { CanonicalOptions } from '../symmetry/canonicalForm.ts';
import { commonAxis, quantile } from './density.ts';
import type { Laplace } from './laplace.ts';
import type { PosteriorProblem } from './logPosterior.ts';
import { LossSurface, type WeightPlane } from './lossSurface.ts';
import { componentPlane, imageKernelPlane, parameterPlane } from './planes.ts';
import { evenly } from './selection.ts';

export interface MethodDraws {
  readonly method: string;
  /** count × `stateSize` */
  readonly states: Float64Array;
}

export interface ProjectionQuestion {
  readonly problem: PosteriorProblem;
  /** ŵ with its buffers. */
  readonly mode: Float64Array;
  readonly methods: readonly MethodDraws[];
  /** Positions in θ. */
  readonly parameters: readonly [number, number];
  /** The curvature there, for image and kernel; undefined where it would take too long. */
  readonly curvature: (state: Float64Array) => Promise<Laplace | undefined>;
  /** Undefined for a network without symmetries to remove. */
  readonly canonical: CanonicalOptions | undefined;
  readonly seed: number;
}

export type ProjectionStage = 'drawn' | 'removed';

/** One method's draws in a plane. */
export interface ProjectedMethod {
  readonly method: string;
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Of the draws' variance about their mean, the share that lies in the plane; NaN for draws that do not spread. */
  readonly share: number;
  /** Median over draws of the loss where the draw lies in the plane, above that of ŵ, in nats. */
  readonly rise: number;
}

export interface ProjectedPlane {
  readonly kind: ProjectionPlane;
  readonly stage: ProjectionStage;
  readonly xAxis: BinAxis;
  readonly yAxis: BinAxis;
  readonly origin: readonly [number, number];
  /** Rise of the loss in the middle of each bin, y-major: one field for all methods, or one a method (`own-components`). */
  readonly surfaces: readonly (readonly (number | null)[])[];
  readonly methods: readonly ProjectedMethod[];
}

/** What is said of a method's draws whatever the plane. */
export interface ProjectedDraws {
  readonly method: string;
  readonly draws: number;
  /** Share of their variance about their mean in the kernel of the GGN at ŵ; NaN where that is not known. */
  readonly kernelShare: number;
  /** Median rise of the loss at the draws themselves, in nats. */
  readonly rise: number;
}

export interface Projections {
  readonly planes: readonly ProjectedPlane[];
  readonly draws: readonly ProjectedDraws[];
  /** Inputs that the loss is taken over. */
  readonly inputs: number;
}

/** Draws kept of each method. */
const PROJECTED_DRAWS = 400;
/** Numbers that these may take: 16 MB. */
const PROJECTED_NUMBERS = 2 ** 21;
interface Fineness {
  /** Along either side of a plane; of planes that one method has for itself, of which there are many. */
  readonly bins: number;
  readonly ownBins: number;
  /** Draws whose loss is evaluated for a median. */
  readonly medians: number;
}

const FINENESS: readonly [Fineness, ...Fineness[]] = [{ bins: 61, ownBins: 31, medians: 101 }, { bins: 41, ownBins: 25, medians: 101 }, { bins: 25, ownBins: 17, medians: 51 }, { bins: 17, ownBins: 11, medians: 25 }];
/** Multiplications that all surfaces together should take, a second or two, and the most that they may. */
const PRODUCTS = 2.5e9;
const MOST_PRODUCTS = 10 * PRODUCTS;
const LEAST_INPUTS = 32;
/** Of fewer draws every one is shown. */
const FEW = 50;

export interface DrawKeeper {
  /** Which of so many draws are kept, ascending. */
  readonly wanted: (of: number) => Int32Array;
  readonly add: (state: Float64Array, draw: number, of: number) => void;
  readonly count: () => number;
  /** count × `stateSize` */
  readonly states: () => Float64Array;
}

/** Keeps evenly spaced draws of those that go by, as many as are shown. */
export function drawKeeper(stateSize: number): DrawKeeper {
  const most = Math.max(3, Math.min(PROJECTED_DRAWS, Math.floor(PROJECTED_NUMBERS / stateSize)));
  const kept: Float64Array[] = [];
  let wanted: ReadonlySet<number> | undefined;
  return {
    wanted: (of) => evenly(of, most),
    add(state, draw, of) {
      wanted ??= new Set(evenly(of, most));
      if (wanted.has(draw)) kept.push(state.slice());
    },
    count: () => kept.length,
    states() {
      const states = new Float64Array(kept.length * stateSize);
      kept.forEach((state, m) => { states.set(state, m * stateSize); });
      return states;
    },
  };
}

/** @returns undefined for a network that is too large to be evaluated as often as pictures take */
export async function projections(question: ProjectionQuestion, context: JobContext): Promise<Projections | undefined> {
  const { problem, mode, canonical, seed } = question;
  const plan = affordable(question);
  if (plan === undefined) return undefined;
  const { inputs, ...fineness } = plan;
  const surface = new LossSurface(problem, mode, inputs, seededRandom(seed));
  const planes = await stagePlanes(question, 'drawn', surface, fineness, context);
  const laplace = await question.curvature(mode);
  const draws: ProjectedDraws[] = [];
  for (const { method, states } of question.methods) {
    const count = states.length / problem.network.stateSize;
    draws.push({ method, draws: count, kernelShare: laplace === undefined ? Number.NaN : await kernelShare(laplace, weightsOf(states, question)), rise: medianRise(count, fineness.medians, (m) => surface.rise(rowOf(states, m, problem.network.stateSize))) });
  }
  if (canonical !== undefined) {
    const methods: MethodDraws[] = [];
    for (const { method, states } of question.methods) {
      const copies = states.slice();
      await canonicaliseMany(problem.network, copies, canonical, context);
      methods.push({ method, states: copies });
    }
    const standing = mode.slice();
    await canonicaliseMany(problem.network, standing, canonical, context);
    planes.push(...await stagePlanes({ ...question, mode: standing, methods }, 'removed', new LossSurface(problem, standing, inputs, seededRandom(seed)), fineness, context));
  }
  return { planes, draws, inputs: surface.inputs };
}

/** As fine as fits, over all inputs where that fits. */
function affordable({ problem: { network, x }, canonical, methods }: ProjectionQuestion): (Fineness & { readonly inputs: number }) | undefined {
  const stages = canonical === undefined ? 1 : 2;
  const rows = x.length / network.inputs;
  const products = ({ bins, ownBins, medians }: Fineness): number => stages * (3 * bins * bins + methods.length * (ownBins * ownBins + 5 * medians)) * productsPerInput(network);
  const fine = FINENESS.find((each) => products(each) * rows <= PRODUCTS);
  if (fine !== undefined) return { ...fine, inputs: rows };
  const coarse = FINENESS[FINENESS.length - 1]!;
  const inputs = Math.min(rows, Math.max(LEAST_INPUTS, Math.floor(PRODUCTS / products(coarse))));
  return products(coarse) * inputs <= MOST_PRODUCTS ? { ...coarse, inputs } : undefined;
}

async function stagePlanes(question: ProjectionQuestion, stage: ProjectionStage, surface: LossSurface, fineness: Fineness, context: JobContext): Promise<ProjectedPlane[]> {
  const planes: ProjectedPlane[] = [];
  for (const kind of projectionPlanes) {
    context.progress({ message: `Projections: ${kind}` });
    const found = await planesOf(kind, question, context);
    if (found === undefined) continue;
    planes.push(await project(kind, stage, found, question, surface, fineness, context));
  }
  return planes;
}

/** One plane for all methods, or one a method. */
async function planesOf(kind: ProjectionPlane, question: ProjectionQuestion, context: JobContext): Promise<readonly WeightPlane[] | undefined> {
  const { problem: { network }, mode, methods, seed } = question;
  switch (kind) {
    case 'parameters': {
      const [a, b] = question.parameters;
      return a === b ? undefined : [parameterPlane(mode, network.parameters, [a, b])];
    }
    case 'components': {
      const pooled = new Float64Array(methods.reduce((sum, { states }) => sum + states.length / network.stateSize, 0) * network.parameters);
      let at = 0;
      for (const { states } of methods) {
        const weights = weightsOf(states, question);
        pooled.set(weights, at);
        at += weights.length;
      }
      const plane = await componentPlane(pooled, network.parameters, seed, context);
      return plane === undefined ? undefined : [plane];
    }
    case 'own-components': {
      if (methods.length < 2) return undefined;
      const planes: WeightPlane[] = [];
      for (const { states } of methods) {
        const plane = await componentPlane(weightsOf(states, question), network.parameters, seed, context);
        if (plane === undefined) return undefined;
        planes.push(plane);
      }
      return planes;
    }
    case 'image-kernel': {
      const laplace = await question.curvature(mode);
      const plane = laplace === undefined ? undefined : await imageKernelPlane(laplace, question.problem, seed, context);
      return plane === undefined ? undefined : [plane];
    }
  }
}

async function project(kind: ProjectionPlane, stage: ProjectionStage, planes: readonly WeightPlane[], question: ProjectionQuestion, surface: LossSurface, { bins, ownBins, medians }: Fineness, context: JobContext): Promise<ProjectedPlane> {
  const methods = question.methods.map(({ method, states }, k) => {
    const plane = planes[planes.length > 1 ? k : 0]!;
    const { x, y, share } = coordinates(plane, question.mode, weightsOf(states, question));
    return { method, x, y, share, rise: medianRise(x.length, medians, (m) => surface.rise(surface.at(plane, x[m]!, y[m]!))) };
  });
  const [first] = planes;
  const origin = first?.origin ?? [0, 0];
  const side = planes.length > 1 ? ownBins : bins;
  const xAxis = axisOf(methods.map(({ x }) => x), origin[0], side);
  const yAxis = axisOf(methods.map(({ y }) => y), origin[1], side);
  const surfaces: (number | null)[][] = [];
  for (const plane of planes) surfaces.push(await surface.over(plane, xAxis, yAxis, context.signal));
  return { kind, stage, xAxis, yAxis, origin, surfaces, methods };
}

/** Of θ − ŵ on the plane, shifted to where its axes have ŵ. */
export function coordinates({ x, y, origin }: WeightPlane, mode: Float64Array, weights: Float64Array): { readonly x: Float64Array; readonly y: Float64Array; readonly share: number } {
  const size = x.length;
  const count = weights.length / size;
  const [cx, cy] = [new Float64Array(count), new Float64Array(count)];
  for (let m = 0; m < count; m++) {
    let [sx, sy] = [origin[0], origin[1]];
    for (let i = 0; i < size; i++) {
      const moved = weights[m * size + i]! - mode[i]!;
      sx += moved * x[i]!;
      sy += moved * y[i]!;
    }
    cx[m] = sx;
    cy[m] = sy;
  }
  return { x: cx, y: cy, share: (squares(cx, 1) + squares(cy, 1)) / squares(weights, size) };
}

/** Σ ‖w − w̄‖² of rows. */
function squares(rows: Float64Array, size: number): number {
  const mean = meanOf(rows, size);
  let sum = 0;
  for (let k = 0; k < rows.length; k++) sum += (rows[k]! - mean[k % size]!) ** 2;
  return sum;
}

function meanOf(rows: Float64Array, size: number): Float64Array {
  const mean = new Float64Array(size);
  for (let k = 0; k < rows.length; k++) mean[k % size]! += rows[k]!;
  return mean.map((sum) => (sum * size) / rows.length);
}

/** 1 − Σ‖U(w − w̄)‖² / Σ‖w − w̄‖². */
async function kernelShare({ basis }: Laplace, weights: Float64Array): Promise<number> {
  const { parameters } = basis;
  const mean = meanOf(weights, parameters);
  const moved = weights.map((weight, k) => weight - mean[k % parameters]!);
  const total = moved.reduce((sum, value) => sum + value * value, 0);
  if (basis.rank === 0) return total > 0 ? 1 : Number.NaN;
  const image = await basis.coefficients(moved, moved.length / parameters);
  return 1 - image.reduce((sum, value) => sum + value * value, 0) / total;
}

/** Of evenly spaced draws; infinite where an output is not finite. */
function medianRise(count: number, most: number, of: (m: number) => number): number {
  const rises = Float64Array.from(evenly(count, most), (m) => {
    const rise = of(m);
    return Number.isNaN(rise) ? Number.POSITIVE_INFINITY : rise;
  });
  return rises.toSorted()[Math.floor(rises.length / 2)] ?? Number.NaN;
}

/**
 * Around the draws of all methods and ŵ. Heavy tails would squeeze everything else: of each method what lies farther than 3/4 of the range of its
 * central 90 % beyond them (4 standard deviations of a normal distribution) is left outside.
 */
function axisOf(samples: readonly Float64Array[], origin: number, bins: number): BinAxis {
  let [min, max] = [origin, origin];
  for (const sample of samples) {
    const sorted = sample.toSorted();
    const [low, high] = [quantile(sorted, 0.05), quantile(sorted, 0.95)];
    const reach = sorted.length < FEW ? Number.POSITIVE_INFINITY : 0.75 * (high - low);
    min = Math.min(min, Math.max(sorted[0] ?? origin, low - reach));
    max = Math.max(max, Math.min(sorted[sorted.length - 1] ?? origin, high + reach));
  }
  return commonAxis([Float64Array.of(min, max)], bins, 1, 0.08);
}

/** θ without the buffers, M × D. */
function weightsOf(states: Float64Array, { problem: { network: { parameters, stateSize } } }: ProjectionQuestion): Float64Array {
  if (parameters === stateSize) return states;
  const count = states.length / stateSize;
  const weights = new Float64Array(count * parameters);
  for (let m = 0; m < count; m++) weights.set(states.subarray(m * stateSize, m * stateSize + parameters), m * parameters);
  return weights;
}

const rowOf = (states: Float64Array, m: number, size: number): Float64Array => states.subarray(m * size, (m + 1) * size);
