/**
 * The loss over a plane through ŵ, spanned by a direction of the kernel (x) and one of the image (y), with the valley of unchanged
 * functions and the ellipse of the Laplace approximation: where a Gaussian follows the valley's tangent, the valley bends away. That is why
 * draws of the kernel part underfit.
 */
import { interruptibly, type Interruptible } from '../linalg/interruptible.ts';
import { norm2 } from '../linalg/matrixInput.ts';
import type { Random } from '../linalg/random.ts';
import { productsPerInput } from '../network/cost.ts';
import { forward, trace } from '../network/forward.ts';
import { pushForward } from '../network/tangent.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { logLikelihood } from './likelihood.ts';
import { ellipse, longAxis, planePrecision, type PlanePrecision } from './planeGaussian.ts';
import { inputCount, type CurvatureProblem } from './problem.ts';

export interface PlaneQuestion {
  readonly problem: CurvatureProblem;
  /** y, as `logLikelihood` takes them; without them the change of the outputs stands in for the loss. */
  readonly targets: Float64Array | undefined;
  readonly priorPrecision: number;
  /** Orthonormal, length D. */
  readonly kernel: Float64Array;
  readonly image: Float64Array;
  /** (kernel, image) coordinates of a curve of reparameterisations, ŵ at a = 1; without it the valley is followed. */
  readonly orbit: ((a: number) => readonly [number, number]) | undefined;
  /** Multiplications that the picture may take. */
  readonly products: number;
  readonly random: Random;
}

export interface Curve {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

export interface LossPlane {
  /** Half the picture's width and height: coordinates run over [−halfWidth, halfWidth]. */
  readonly halfWidth: number;
  readonly halfHeight: number;
  /** Along either side; odd, so that ŵ is the middle of a bin. */
  readonly bins: number;
  /** bins × bins, image-major (values[iy · bins + ix]); null where the outputs are not finite. */
  readonly values: readonly (number | null)[];
  /** Inputs that the loss is taken over. */
  readonly inputs: number;
  /** At ŵ. */
  readonly loss: number;
  readonly precision: PlanePrecision;
  /** At two standard deviations. */
  readonly ellipse: Curve;
  /** Where along the long axis the loss first is twice that at ŵ, in standard deviations up to 2; null: nowhere, or there is no loss. */
  readonly doubled: number | null;
  /** At the worse end of the long axis, two standard deviations from ŵ. */
  readonly lossAtEnd: number;
  /** Of the reparameterisations, from left to right. */
  readonly curve: Curve;
  /** The largest on the curve. */
  readonly lossOnCurve: number;
}

const BINS = [41, 31, 25, 21] as const;
/** Fewer inputs than this, where there are more, say little about the loss. */
const LEAST_INPUTS = 32;
const DEVIATIONS = 2;
/** How far an orbit is followed: a unit four times as large or small. */
const ORBIT_REACH = 4;
/** The picture is at most so many times as high as the ellipse. */
const HEIGHT = 40;
const SIDE_POINTS = 48;

/** @returns undefined when a picture would take more multiplications than allowed */
export async function lossPlane(question: PlaneQuestion, context: JobContext): Promise<LossPlane | undefined> {
  const { problem, kernel, image, priorPrecision } = question;
  const perInput = productsPerInput(problem.network);
  const affordable = (bins: number): number => Math.floor(question.products / (perInput * (bins * bins + 400)));
  const rows = inputCount(problem);
  const bins = BINS.find((size) => affordable(size) >= rows) ?? BINS[BINS.length - 1]!;
  const inputs = Math.min(rows, affordable(bins));
  if (inputs < Math.min(rows, LEAST_INPUTS)) return undefined;
  const precision = await planePrecision(problem, kernel, image, priorPrecision, context);
  return interruptibly(drawPlane(question, precision, bins, inputs, context), context.signal);
}

function* drawPlane(question: PlaneQuestion, precision: PlanePrecision, bins: number, inputs: number, context: JobContext): Interruptible<LossPlane> {
  const view = new PlaneView(question, inputs);
  const around = ellipse(precision, DEVIATIONS, 129);
  const [reachX, reachY] = [Math.max(...around.x), Math.max(...around.y)];
  const curve = question.orbit === undefined ? yield* followedValley(view, reachX, reachY) : followedOrbit(question.orbit, reachX, reachY);
  const { halfWidth, halfHeight } = curve;
  const values: (number | null)[] = [];
  for (let iy = 0; iy < bins; iy++) {
    context.progress({ message: 'Loss over a plane', fraction: iy / bins });
    for (let ix = 0; ix < bins; ix++) {
      const value = view.loss(((2 * ix + 1) / bins - 1) * halfWidth, ((2 * iy + 1) / bins - 1) * halfHeight);
      values.push(Number.isFinite(value) ? value : null);
      yield;
    }
  }
  const axis = longAxis(precision);
  const along = (s: number): number => view.loss(s * axis[0], s * axis[1]);
  const loss = view.loss(0, 0);
  let lossOnCurve = loss;
  for (let k = 0; k < curve.x.length; k += 4) {
    lossOnCurve = Math.max(lossOnCurve, view.loss(curve.x[k]!, curve.y[k]!));
    yield;
  }
  return {
    halfWidth, halfHeight, bins, values, inputs, loss, precision, ellipse: around, curve: { x: curve.x, y: curve.y }, lossOnCurve,
    doubled: question.targets === undefined || !(loss > 0) ? null : yield* firstDoubling(along, loss),
    lossAtEnd: Math.max(along(DEVIATIONS), along(-DEVIATIONS)),
  };
}

/** The network around ŵ, by coordinates in the plane. */
class PlaneView {
  readonly #question: PlaneQuestion;
  readonly #x: Float64Array;
  readonly #targets: Float64Array | undefined;
  readonly #weights: Float64Array | undefined;
  readonly #reference: Float64Array;

  /** @param inputs how many, the first of a random order, or all as they are */
  constructor(question: PlaneQuestion, inputs: number) {
    const { problem: { network, state, x, sampleWeights }, targets, random } = question;
    const rows = x.length / network.inputs;
    const chosen = inputs === rows ? undefined : random.permutation(rows).subarray(0, inputs);
    const rowsOf = (values: Float64Array): Float64Array => (chosen === undefined ? values : takeRows(values, values.length / rows, chosen));
    this.#question = question;
    this.#x = rowsOf(x);
    this.#targets = targets === undefined ? undefined : rowsOf(targets);
    this.#weights = sampleWeights === undefined ? undefined : rowsOf(sampleWeights);
    this.#reference = forward(network, state, this.#x);
  }

  /** ‖θ‖ */
  get weightNorm(): number {
    const { network, state } = this.#question.problem;
    return norm2(state, 0, network.parameters);
  }

  /** Mean over the inputs; see `PlaneQuestion.targets` and `meanLoss`. */
  loss(x: number, y: number): number {
    const { network, likelihood } = this.#question.problem;
    const outputs = forward(network, this.#state(x, y), this.#x);
    if (outputs.some((output) => !Number.isFinite(output))) return Number.NaN;
    if (this.#targets !== undefined) return meanLoss(likelihood, outputs, network.outputs, this.#targets, this.#weights ?? new Float64Array(this.#x.length / network.inputs).fill(1));
    return outputs.reduce((sum, output, k) => sum + (output - this.#reference[k]!) ** 2, 0) / outputs.length;
  }

  /** ‖f − f̂‖², and the step along y that makes it least when f is linear. */
  change(x: number, y: number): { readonly squared: number; readonly step: number } {
    const { problem: { network }, image } = this.#question;
    const state = this.#state(x, y);
    const values = trace(network, state, this.#x);
    const tangent = pushForward(network, state, values, image);
    let [squared, along, length] = [0, 0, 0];
    values.values[network.output]!.forEach((output, k) => {
      const residual = output - this.#reference[k]!;
      squared += residual * residual;
      along += residual * tangent[k]!;
      length += tangent[k]! * tangent[k]!;
    });
    return { squared, step: length > 0 ? -along / length : 0 };
  }

  #state(x: number, y: number): Float64Array {
    const { problem: { state }, kernel, image } = this.#question;
    const moved = state.slice();
    for (let i = 0; i < kernel.length; i++) moved[i]! += x * kernel[i]! + y * image[i]!;
    return moved;
  }
}

function takeRows(values: Float64Array, width: number, chosen: Int32Array): Float64Array {
  const part = new Float64Array(chosen.length * width);
  chosen.forEach((n, k) => { part.set(values.subarray(n * width, (n + 1) * width), k * width); });
  return part;
}

/**
 * Mean negative log-likelihood an input, by weight. Of a Gaussian without its normalising constant, ½ ‖y − f‖²/σ², so that zero is a perfect fit and
 * twice as much means something.
 */
function meanLoss(likelihood: CurvatureProblem['likelihood'], outputs: Float64Array, width: number, targets: Float64Array, weights: Float64Array): number {
  const { value } = logLikelihood(likelihood, outputs, width, targets, weights);
  const points = weights.reduce((sum, weight) => sum + weight, 0);
  const perfect = likelihood.kind === 'gaussian' ? -points * width * (Math.log(likelihood.noise) + 0.5 * Math.log(2 * Math.PI)) : 0;
  return (perfect - value) / points;
}

interface FramedCurve extends Curve {
  readonly halfWidth: number;
  readonly halfHeight: number;
}

/** As wide as the ellipse, or as it takes to see the orbit bend out of it, but no wider than the orbit is followed. */
function followedOrbit(orbit: NonNullable<PlaneQuestion['orbit']>, reachX: number, reachY: number): FramedCurve {
  const most = Math.min(...[ORBIT_REACH, 1 / ORBIT_REACH].map((a) => Math.abs(orbit(a)[0])));
  const bent = Array.from({ length: 400 }, (_, k) => orbit(ORBIT_REACH ** ((k + 1) / 400))).find(([, y]) => Math.abs(y) > reachY)?.[0] ?? most;
  const halfWidth = Math.min(Math.max(1.2 * reachX, 1.5 * Math.abs(bent)), most);
  // log a at which the orbit crosses the picture's side: x grows with a.
  const side = (sign: 1 | -1): number => {
    let [low, high] = [0, Math.log(ORBIT_REACH)];
    for (let step = 0; step < 50; step++) {
      const middle = (low + high) / 2;
      if (Math.abs(orbit(Math.exp(sign * middle))[0]) < halfWidth) low = middle;
      else high = middle;
    }
    return low;
  };
  const [left, right] = [side(-1), side(1)];
  const points = Array.from({ length: 2 * SIDE_POINTS + 1 }, (_, k) => {
    const s = (k - SIDE_POINTS) / SIDE_POINTS;
    return orbit(Math.exp(s * (s < 0 ? left : right)));
  });
  return framed(points, halfWidth, reachY);
}

/** At each kernel coordinate the image coordinate where the outputs differ least from those at ŵ: Gauss–Newton, from the neighbour's. */
function* followedValley(view: PlaneView, reachX: number, reachY: number): Interruptible<FramedCurve> {
  const halfWidth = Math.min(1.2 * reachX, view.weightNorm || 1);
  const steps = SIDE_POINTS / 2;
  const half = function* (sign: 1 | -1): Interruptible<[number, number][]> {
    const points: [number, number][] = [];
    let y = 0;
    for (let k = 1; k <= steps; k++) {
      const x = (sign * halfWidth * k) / steps;
      y = yield* leastChange(view, x, y, reachY);
      points.push([x, y]);
    }
    return points;
  };
  const left = yield* half(-1);
  return framed([...left.toReversed(), [0, 0], ...(yield* half(1))], halfWidth, reachY);
}

function* leastChange(view: PlaneView, x: number, start: number, scale: number): Interruptible<number> {
  let y = start;
  let here = view.change(x, y);
  for (let iteration = 0; iteration < 24 && Math.abs(here.step) > 1e-4 * scale; iteration++) {
    let step = here.step;
    let next = view.change(x, y + step);
    for (let halving = 0; halving < 6 && !(next.squared < here.squared); halving++) {
      step /= 2;
      next = view.change(x, y + step);
      yield;
    }
    if (!(next.squared < here.squared)) break;
    y += step;
    here = next;
    yield;
  }
  return y;
}

function framed(points: readonly (readonly [number, number])[], halfWidth: number, reachY: number): FramedCurve {
  const highest = points.reduce((most, [, y]) => Math.max(most, Math.abs(y)), 0);
  const halfHeight = Math.max(1.2 * reachY, Math.min(1.1 * highest, HEIGHT * reachY));
  const shown = points.filter(([, y]) => Math.abs(y) <= halfHeight);
  return { x: shown.map(([x]) => x), y: shown.map(([, y]) => y), halfWidth, halfHeight };
}

/** The least s in (0, 2], either way along the axis, at which the loss is twice `loss`. */
function* firstDoubling(along: (s: number) => number, loss: number): Interruptible<number | null> {
  const steps = 40;
  const beyond = (s: number): boolean => !(along(s) < 2 * loss);
  for (let k = 1; k <= steps; k++) {
    const s = (DEVIATIONS * k) / steps;
    const signs = ([1, -1] as const).filter((sign) => beyond(sign * s));
    yield;
    if (signs.length === 0) continue;
    return Math.min(...signs.map((sign) => {
      let [low, high] = [s - DEVIATIONS / steps, s];
      for (let step = 0; step < 30; step++) {
        const middle = (low + high) / 2;
        if (beyond(sign * middle)) high = middle;
        else low = middle;
      }
      return high;
    }));
  }
  return null;
}
