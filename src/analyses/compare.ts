/**
 * Are two checkpoints the same function, the same up to symmetry, or different? Their functions are compared on data or generic inputs; their
 * weights as they are, with scales brought to the least mass (signs fixed, and what linear layers may mix unmixed), and with units aligned as well: by weight matching, or in
 * sorted order where that brings them closer (copies of one network meet there exactly).
 */
import { sharedEngine } from '../linalg/engine/engine.ts';
import { type Interruptible, interruptibly } from '../linalg/interruptible.ts';
import { seededRandom } from '../linalg/random.ts';
import { layoutDifference, type Network, parameterDistance } from '../network/network.ts';
import { readState } from '../network/parameters.ts';
import { requireNetwork, requireNetworkLike, type ReadNetwork } from '../network/readNetwork.ts';
import type { Interpolation } from '../posterior/interpolation.ts';
import type { Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { CompareRequest } from '../protocol/service.ts';
import { type CanonicalOptions, canonicaliser } from '../symmetry/canonicalForm.ts';
import { dataProbes, genericProbes } from '../symmetry/comparedInputs.ts';
import { distanceBetween, evaluateAt, functionChanged, type FunctionDistance } from '../symmetry/functionDistance.ts';
import { leastMass } from '../symmetry/leastMass.ts';
import { dividedClasses, turnTowards } from '../symmetry/linearFactors.ts';
import { mixedClasses } from '../symmetry/linearMaps.ts';
import { matchingClasses } from '../symmetry/matchingClasses.ts';
import type { ChannelClass } from '../symmetry/unitClasses.ts';
import { affordableRestarts, bestWeightMatching } from '../symmetry/weightMatching.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import { compareReport } from './compareReport.ts';
import { planComparison, planText } from './comparisonPlan.ts';
import { startProvenance } from './provenance.ts';
import { lineBetween, lineData, type Lines, linesOn } from './lines.ts';
import { coarsestEpsilon } from './savedNetwork.ts';
import { countedAlike } from './targets.ts';


/** Largest relative difference of outputs that is put down to how weights were stored when the weights themselves are different. */
const MOST_ROUNDED = 0.05;

/** `identical`: the same weights; `symmetry`: weights that a known symmetry takes to each other; `other`: the same outputs for a reason beyond these. */
export type SameFunction = { readonly answer: 'yes'; readonly reason: 'identical' | 'other' } | { readonly answer: 'up-to-symmetry' } | { readonly answer: 'no' };

/** How far a class, or a tensor, still is from its counterpart. */
export interface ClassMove {
  readonly layer: string;
  readonly units: number;
  /** Units of B that stand at another place than their counterparts in A. */
  readonly moved: number;
}

export interface TensorDistance {
  readonly tensor: string;
  readonly raw: number;
  readonly scaled: number;
  readonly aligned: number;
}

export interface Comparison {
  readonly network: Network;
  readonly same: SameFunction;
  readonly function: FunctionDistance;
  /** ‖θ_A − θ_B‖₂ */
  readonly distance: { readonly raw: number; readonly scaled: number; readonly aligned: number };
  /** Norms of A as it is and with scales removed, to measure the distances by. */
  readonly norm: { readonly raw: number; readonly scaled: number };
  readonly classes: readonly ClassMove[];
  readonly tensors: readonly TensorDistance[];
  readonly lines: Lines;
  /** The straight line between them as they are, and with scales removed and units aligned. */
  readonly line: { readonly raw: Interpolation; readonly aligned: Interpolation };
  readonly onData: boolean;
  /** What becomes of the data's weights where functions are compared. */
  readonly alike: string;
}

export async function compare(request: CompareRequest, context: JobContext): Promise<Report> {
  const provenance = startProvenance(request.seed);
  const { a, b } = await loadPair(request);
  const { network } = a;
  const difference = layoutDifference(network, b.network);
  if (difference !== undefined) throw new WeightFileError(request.files[1], '', `does not hold the same network as ${showName(request.files[0])} (${showName(difference)}); only networks of one architecture can be compared`);
  await sharedEngine();
  const precision = Math.max(a.precision, b.precision);
  const data = request.data === undefined ? undefined : await lineData(request.data, request.likelihood, network);
  const probes = data === undefined ? genericProbes(network, request.seed) : dataProbes(network, data.x);
  const lines = linesOn(network, data, 2, request.seed);
  const work = { network, networks: 2, classes: matchingClasses(network), ascents: 1 + affordableRestarts(network), relaxed: false, forms: 4, probes, lines: lines.plan };
  context.progress({ message: planText(work, planComparison(work, context.memoryLimitBytes)) });
  context.progress({ message: 'Comparing the functions' });
  const distance = await interruptibly(distanceBetween(await interruptibly(evaluateAt(a.state, probes, 1), context.signal), await interruptibly(evaluateAt(b.state, probes, 2), context.signal), precision), context.signal);
  context.progress({ message: 'Removing scales and signs' });
  const mixed = dividedClasses(mixedClasses(network));
  const [scaledA, scaledB] = [await leastMass(network, a.state, mixed, 16 * precision, context.signal), await leastMass(network, b.state, mixed, 16 * precision, context.signal)];
  const aligned = await align(network, scaledA, scaledB, mixed, precision, request, context);

  const distances = {
    raw: parameterDistance(network, a.state, b.state), scaled: parameterDistance(network, scaledA, scaledB), aligned: parameterDistance(network, aligned.a, aligned.b),
  };
  const norm = { raw: parameterDistance(network, a.state), scaled: parameterDistance(network, scaledA) };
  context.progress({ message: 'The line between them' });
  const line = { raw: await lineBetween(lines, a.state, b.state, context), aligned: await lineBetween(lines, aligned.a, aligned.b, context) };
  const comparison: Comparison = {
    network, function: distance, distance: distances, norm, classes: aligned.classes, onData: request.data !== undefined, alike: countedAlike(data),
    same: verdict(distance, distances, norm, precision),
    tensors: network.blocks.filter(({ trainable }) => trainable).map(({ tensor, offset, length }) => {
      const between = (p: Float64Array, q: Float64Array): number => stretchDistance(p, q, offset, length);
      return { tensor, raw: between(a.state, b.state), scaled: between(scaledA, scaledB), aligned: between(aligned.a, aligned.b) };
    }),
    lines, line,
  };
  return { ...compareReport(request, comparison), warnings: [...a.assumptions, ...b.assumptions], provenance: provenance() };
}

interface Loaded extends Pick<ReadNetwork, 'network' | 'assumptions'> {
  readonly path: string;
  readonly state: Float64Array;
  readonly precision: number;
}

/** Where one of them says what the network is, it speaks for the other as well, whichever comes first. */
async function loadPair(request: CompareRequest): Promise<{ readonly a: Loaded; readonly b: Loaded }> {
  const [first, second] = request.files;
  let a: Loaded;
  try {
    a = await load(first, request);
  } catch (error) {
    if (!(error instanceof WeightFileError)) throw error;
    // The sentence about the first file stands when the second does not help.
    const b = await load(second, request).catch(() => { throw error; });
    return { a: await load(first, request, b), b };
  }
  return { a, b: await load(second, request, a) };
}

async function load(name: string, options: CompareRequest, other?: Loaded): Promise<Loaded> {
  const file = await openWeightFile(name);
  try {
    const { network, leading, assumptions } = other === undefined ? await requireNetwork(file, options) : await requireNetworkLike(file, options, other);
    if (leading.length > 0) throw new WeightFileError(name, '', `holds ${leading.join(' × ')} draws; compare takes one network a file, posterior takes sets of draws`);
    return { path: name, network, assumptions, state: await readState(file, network), precision: coarsestEpsilon(file, network) };
  } finally {
    await file.close();
  }
}

interface Formed {
  readonly state: Float64Array;
  /** Per class: new unit j was unit order[j]. */
  readonly orders: readonly { readonly layer: string; readonly order: readonly number[] }[];
}

function form(network: Network, state: Float64Array, options: CanonicalOptions): Formed {
  const canonical = canonicaliser(network, options);
  const result = state.slice();
  canonical.apply(result);
  const orders = canonical.factors().flatMap((factor) => (factor.kind === 'permutation' ? [{ layer: factor.layer, order: factor.order }] : []));
  return { state: result, orders };
}

function* forms(network: Network, [a, b]: readonly [Float64Array, Float64Array], options: CanonicalOptions): Interruptible<[Formed, Formed]> {
  const first = form(network, a, options);
  yield;
  const second = form(network, b, options);
  yield;
  return [first, second];
}

/** Both networks in a common order: B's units in A's by weight matching, or both sorted, whichever is closer. */
async function align(network: Network, a: Float64Array, b: Float64Array, mixed: readonly ChannelClass[], precision: number, { seed }: CompareRequest, context: JobContext): Promise<{ readonly a: Float64Array; readonly b: Float64Array; readonly classes: readonly ClassMove[] }> {
  const sort: CanonicalOptions = { scaling: 'none', sign: 'none', permutation: 'sorted', countBiases: false, tieTolerance: 16 * precision };
  const [sortedA, sortedB] = await interruptibly(forms(network, [a, b], sort), context.signal);
  const classes = matchingClasses(network);
  if (classes.length === 0) return { a, b, classes: [] };
  context.progress({ message: 'Matching units' });
  const matched = await interruptibly(bestWeightMatching(network, classes, a, b, affordableRestarts(network), { random: seededRandom(seed) }), context.signal);
  for (const units of mixed) await turnTowards(a, matched.state, units, context.signal);
  // Units that any matrix may mix have no place that they could have left.
  const blended = new Set(mixed.map(({ name }) => name));
  const moved = (layer: string, order: Iterable<number>, other: ArrayLike<number> | undefined): ClassMove => {
    const all = [...order];
    return { layer, units: all.length, moved: blended.has(layer) ? 0 : all.filter((from, j) => from !== (other === undefined ? j : other[j])).length };
  };
  if (parameterDistance(network, a, matched.state) <= parameterDistance(network, sortedA.state, sortedB.state)) {
    return { a, b: matched.state, classes: classes.map(({ units }, c) => moved(units.name, matched.orders[c]!.order, undefined)) };
  }
  return { a: sortedA.state, b: sortedB.state, classes: sortedA.orders.map(({ layer, order }, c) => moved(layer, order, sortedB.orders[c]?.order)) };
}

function verdict(distance: FunctionDistance, { raw, aligned }: Comparison['distance'], norm: Comparison['norm'], precision: number): SameFunction {
  if (functionChanged(distance, precision)) return { answer: 'no' };
  // Rounding of the files, and of the forms.
  const tolerance = Math.max(1e-8, 64 * precision);
  if (raw <= 4 * precision * norm.raw) return { answer: 'yes', reason: 'identical' };
  if (aligned <= tolerance * norm.scaled) return { answer: 'up-to-symmetry' };
  // Weights of few bits may explain any difference of the outputs; that is no reason to call the functions one.
  return distance.relative <= MOST_ROUNDED ? { answer: 'yes', reason: 'other' } : { answer: 'no' };
}

/** ‖θ_a − θ_b‖₂ over a stretch. */
function stretchDistance(a: Float64Array, b: Float64Array, offset: number, length: number): number {
  let square = 0;
  for (let i = offset; i < offset + length; i++) square += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(square);
}
