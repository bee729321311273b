/**
 * Do two state vectors of one network compute the same function? Asked before a canonical form is written, because a symmetry that was
 * derived wrongly shows here and nowhere else. Rounding is told from change by the smaller of two figures: a running error bound
 * (`roundingBound.ts`), eps × the sum of the magnitudes of the terms that are added up, which is safe and, in deep networks, far too
 * large; and a stochastic one (after Parker 1997, Monte Carlo arithmetic): how far the outputs move when every weight is moved at random by a
 * small share of itself, scaled down to eps. The latter also says what weights that were rounded when they were stored can do.
 */
import { complete, type Interruptible } from '../linalg/interruptible.ts';
import { seededRandom } from '../linalg/random.ts';
import { valuesPerInput } from '../network/cost.ts';
import { forwardBatches, trace } from '../network/forward.ts';
import type { Network } from '../network/network.ts';
import { genericProbes, type Probe } from './comparedInputs.ts';
import { firstDifferentLayer } from './layerDifference.ts';
import { roundingBound } from './roundingBound.ts';

export interface FunctionDistance {
  /** max over outputs o of max_n |a_no − b_no| / max_n |a_no|, |b_no|. 0 when all agree, ∞ when only one network overflows. */
  readonly relative: number;
  /** max |a_no − b_no|. */
  readonly absolute: number;
  /** On the scale of `relative`: what rounding of the computation alone can explain. Large where outputs are small differences of large terms; 0, not asked, where `relative` is within the tolerance. */
  readonly rounding: number;
  /** On the scale of `relative`: how far outputs move per share of itself by which every weight is moved at random; 0, not asked, where `relative` is within the tolerance. */
  readonly sensitivity: number;
  /** Outputs (of N × O) at which both networks are finite and were compared. */
  readonly compared: number;
  /** When the function changed: name of the first layer whose units behave differently, up to order, positive scale and sign. */
  readonly firstLayer: string | null;
}

const TOLERANCE = 1e-10;
/** Share of itself by which every weight is moved, and what the effect is multiplied by for the roundings of all operations. */
const SHARE = 2 ** -30;
const SAFETY = 100;
/** The same for the one rounding of each weight that is stored: twice over for two networks, and for one random move being smaller than another. */
const STORED_SAFETY = 16;
/** An output that moves by more than this share of itself does not tell what a smaller move would do. */
const LINEAR = 1e-3;

/**
 * Whether the difference is more than a tolerance and more than rounding; also when there was nothing finite to compare.
 * @param precision machine epsilon of the weights as stored
 */
export function functionChanged({ compared, relative, rounding, sensitivity }: Omit<FunctionDistance, 'firstLayer'>, precision = Number.EPSILON): boolean {
  const stored = precision > Number.EPSILON ? STORED_SAFETY * (precision / 2) * sensitivity : 0;
  return compared === 0 || relative > Math.max(TOLERANCE, rounding + stored);
}

/** A network's function at some inputs. */
export class Evaluated {
  readonly state: Float64Array;
  readonly probes: readonly Probe[];
  /** Per probe, N × O. */
  readonly values: readonly Float64Array[];
  readonly #seed: number;
  #near: readonly Float64Array[] | undefined;

  /** @param seed of the random moves */
  constructor(state: Float64Array, probes: readonly Probe[], values: readonly Float64Array[], seed: number) {
    this.state = state;
    this.probes = probes;
    this.values = values;
    this.#seed = seed;
  }

  /** The same with every weight moved: evaluated when it is first asked for. */
  *near(): Interruptible<readonly Float64Array[]> {
    if (this.#near === undefined) {
      const random = seededRandom(this.#seed);
      this.#near = yield* forwardBatches(this.state.map((value) => value * (1 + SHARE * (2 * random.uniform() - 1))), this.probes);
    }
    return this.#near;
  }
}

/** @param seed of the random moves */
export function* evaluateAt(state: Float64Array, probes: readonly Probe[], seed: number): Interruptible<Evaluated> {
  return new Evaluated(state, probes, yield* forwardBatches(state, probes), seed);
}

/**
 * @param a, b state vectors, length `stateSize`
 * @param x inputs, N × d row-major; `genericProbes` when left out
 */
export function functionDistance(network: Network, a: Float64Array, b: Float64Array, x?: Float64Array): FunctionDistance {
  const probes = x === undefined ? genericProbes(network, 0) : [{ network, x }];
  return complete((function* () {
    return yield* distanceBetween(yield* evaluateAt(a, probes, 1), yield* evaluateAt(b, probes, 2));
  })());
}

/**
 * The distance of two networks that were evaluated at the same inputs.
 * @param precision machine epsilon of the weights as stored: below what their rounding does, no layer is looked for
 */
export function* distanceBetween(a: Evaluated, b: Evaluated, precision = Number.EPSILON): Interruptible<FunctionDistance> {
  const { distance: plain } = summed(a, b, undefined, undefined);
  // What rounding can explain matters only where there is something to explain.
  if (plain.compared > 0 && plain.relative <= TOLERANCE) return { ...plain, firstLayer: null };
  const near = [yield* a.near(), yield* b.near()] as const;
  let found = summed(a, b, near, undefined);
  // The bound takes longer than all the rest, and decides only where the stochastic figure does not.
  if (!found.linear || !functionChanged(found.distance)) found = summed(a, b, near, yield* errorBounds(a, b));
  const { distance } = found;
  return { ...distance, firstLayer: functionChanged(distance, precision) ? firstLayerOf(a, b) : null };
}

function firstLayerOf(a: Evaluated, b: Evaluated): string | null {
  for (const { network, x } of a.probes) {
    const layer = firstDifferentLayer(network, a.state, b.state, x);
    if (layer !== null) return layer;
  }
  return null;
}

/** By probe: values with every weight moved, of both networks. */
type Near = readonly [readonly Float64Array[], readonly Float64Array[]];

/**
 * @param moved what tells rounding; without it nothing is explained by rounding
 * @param bounds by probe, of both networks' rounding errors together
 * @returns whether all outputs told what a smaller move would do, too
 */
function summed(a: Evaluated, b: Evaluated, moved: Near | undefined, bounds: readonly Float64Array[] | undefined): { readonly distance: Omit<FunctionDistance, 'firstLayer'>; readonly linear: boolean } {
  const outputs = a.probes[0]!.network.outputs;
  const [size, difference, explained, shift] = [new Float64Array(outputs), new Float64Array(outputs), new Float64Array(outputs), new Float64Array(outputs)];
  let compared = 0;
  let linear = true;
  a.values.forEach((values, k) => {
    const others = b.values[k]!;
    const [near, nearOthers] = moved === undefined ? [values, others] : [moved[0][k]!, moved[1][k]!];
    for (let i = 0; i < values.length; i++) {
      const o = i % outputs;
      const [p, q] = [values[i]!, others[i]!];
      if (!Number.isFinite(p) || !Number.isFinite(q)) {
        if (Number.isFinite(p) || Number.isFinite(q)) difference[o] = Number.POSITIVE_INFINITY;
        continue;
      }
      compared++;
      size[o] = Math.max(size[o]!, Math.abs(p), Math.abs(q));
      difference[o] = Math.max(difference[o]!, Math.abs(p - q));
      const [shiftA, shiftB] = [Math.abs(near[i]! - p), Math.abs(nearOthers[i]! - q)];
      const safe = bounds?.[k]![i] ?? Number.POSITIVE_INFINITY;
      if (shiftA <= LINEAR * Math.abs(p) && shiftB <= LINEAR * Math.abs(q)) {
        explained[o] = Math.max(explained[o]!, Math.min(safe, (shiftA + shiftB) * (SAFETY * (Number.EPSILON / SHARE))));
        shift[o] = Math.max(shift[o]!, (shiftA + shiftB) / SHARE);
      } else {
        linear = false;
        explained[o] = Math.max(explained[o]!, safe);
        shift[o] = Math.max(shift[o]!, safe / Number.EPSILON);
      }
    }
  });
  let [relative, rounding, sensitivity] = [0, 0, 0];
  for (let o = 0; o < outputs; o++) {
    if (difference[o] !== 0) relative = Math.max(relative, difference[o]! / size[o]!);
    if (size[o] === 0) continue;
    rounding = Math.max(rounding, explained[o]! / size[o]!);
    sensitivity = Math.max(sensitivity, shift[o]! / size[o]!);
  }
  return { distance: { relative, absolute: difference.reduce((most, value) => Math.max(most, value), 0), rounding, sensitivity, compared }, linear };
}

function* errorBounds(a: Evaluated, b: Evaluated): Interruptible<Float64Array[]> {
  const bounds: Float64Array[] = [];
  for (const { network, x } of a.probes) {
    const bound = new Float64Array((x.length / network.inputs) * network.outputs);
    // What keeps the values of a network within about 32 MB.
    const step = Math.max(1, Math.floor(2 ** 22 / valuesPerInput(network)));
    for (let first = 0; first * network.inputs < x.length; first += step) {
      const part = x.subarray(first * network.inputs, (first + step) * network.inputs);
      for (const { state } of [a, b]) {
        roundingBound(network, state, trace(network, state, part)).forEach((error, i) => { bound[first * network.outputs + i]! += error; });
        yield;
      }
    }
    bounds.push(bound);
  }
  return bounds;
}
