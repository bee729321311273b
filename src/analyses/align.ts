/**
 * Brings the units of networks into a common order: to a reference by weight matching (Ainsworth et al. 2023) or by their responses to data, or
 * all of them at once into a common universe (Crisostomi et al. 2024). Each is written with its function unchanged, and the loss along the straight
 * line to the reference shows what the alignment is worth.
 */
import { sharedEngine } from '../linalg/engine/engine.ts';
import { interruptibly } from '../linalg/interruptible.ts';
import { seededRandom } from '../linalg/random.ts';
import { parameterDistance, layoutDifference, type Network } from '../network/network.ts';
import { readState } from '../network/parameters.ts';
import { requireNetwork, requireNetworkLike } from '../network/readNetwork.ts';
import type { Interpolation } from '../posterior/interpolation.ts';
import type { Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { AlignRequest } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { activationMatching } from '../symmetry/activationMatching.ts';
import { genericProbes } from '../symmetry/comparedInputs.ts';
import type { FunctionDistance } from '../symmetry/functionDistance.ts';
import { type MatchingClass, matchingClasses } from '../symmetry/matchingClasses.ts';
import type { UnitOrder } from '../symmetry/unitOrder.ts';
import { orderUnits } from '../symmetry/unitRows.ts';
import { universeMatching } from '../symmetry/universe.ts';
import { affordableRestarts, bestWeightMatching, innerProduct } from '../symmetry/weightMatching.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import type { WeightFile } from '../weights/weightFile.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import { alignReport } from './alignReport.ts';
import { planComparison, planText } from './comparisonPlan.ts';
import { inputsText, lineBetween, lineData, type LineData, linesOn } from './lines.ts';
import { intoOutput, outputFiles } from './outputFiles.ts';
import { startProvenance } from './provenance.ts';
import { saveMovedNetwork } from './savedNetwork.ts';

export interface AlignedFile {
  readonly from: string;
  /** Whether the file holds an optimiser's state as well, which is written as it is. */
  readonly optimizer: boolean;
  readonly out: string;
  /** ⟨θ_ref, θ⟩; in the n-way mode the reference is the mean of the other networks in the universe. */
  readonly objectiveBefore: number;
  readonly objectiveAfter: number;
  /** ‖θ − θ_ref‖₂ */
  readonly distanceBefore: number;
  readonly distanceAfter: number;
  readonly orders: readonly UnitOrder[];
  readonly function: FunctionDistance;
  /** To the reference (n-way: to the first network). */
  readonly lineBefore: Interpolation;
  readonly lineAfter: Interpolation;
  /** ⟨θ_ref, θ⟩ that each start ended at; one where there are no restarts. */
  readonly reached: readonly number[];
}

interface Opened {
  readonly path: string;
  readonly file: WeightFile;
  /** The reference's network, by this file's names of tensors. */
  readonly network: Network;
  readonly state: Float64Array;
}

export async function align(request: AlignRequest, context: JobContext): Promise<Report> {
  const provenance = startProvenance(request.seed);
  if (request.files.length === 0) throw new UserError('align needs a reference and at least one network to align to it');
  // All networks at once are brought to what they have in common, the reference as well.
  const targets = outputFiles(request.method === 'universe' ? [request.reference, ...request.files] : request.files, request.out, 'aligned');
  const opened: WeightFile[] = [];
  try {
    const { network, files } = await openAll([request.reference, ...request.files], request, opened);
    const data = await userData(request, network);
    // What follows multiplies large matrices where it cannot wait.
    await sharedEngine();
    const classes = matchingClasses(network);
    if (classes.length === 0) throw new WeightFileError(request.reference, '', 'has no units that could be put into another order, so there is nothing to align');
    const lines = linesOn(network, data, 2 * targets.length, request.seed);
    const work = {
      network, networks: files.length, classes, relaxed: request.method === 'universe', forms: 0, probes: genericProbes(network, 0), lines: lines.plan,
      ascents: request.method === 'activations' ? 0 : (1 + (request.method === 'weights' ? (request.restarts ?? affordableRestarts(network)) : 0)) * request.files.length,
    };
    context.progress({ message: planText(work, planComparison(work, context.memoryLimitBytes)) });
    return await intoOutput(targets, request.out, request.overwrite, async () => {
      const [reference, ...others] = files;
      if (reference === undefined) throw new UserError('align needs a reference');
      const matched = request.method === 'universe' ? await intoUniverse(network, classes, files, request, context) : await toReference(network, classes, reference, others, request, data, context);

      const pairs = matched.map(({ state }) => ({ anchor: request.method === 'universe' ? matched[0]!.state : reference.state, state }));
      const curves: { readonly before: Interpolation; readonly after: Interpolation }[] = [];
      for (const [k, { anchor, state }] of pairs.entries()) {
        const half = (which: number) => (share: number): void => { context.progress({ message: `Between the networks, ${lines.plan.points} points on ${inputsText(lines)}`, fraction: (k + (which + share) / 2) / pairs.length }); };
        curves.push({ before: await lineBetween(lines, reference.state, matched[k]!.from.state, context, half(0)), after: await lineBetween(lines, anchor, state, context, half(1)) });
      }
      // Nothing is written before all is known, so that a cancelled alignment leaves nothing behind.
      const done: AlignedFile[] = [];
      for (const [k, { from, state, orders, reached }] of matched.entries()) {
        context.progress({ message: `Writing ${showName(targets[k]!)}`, fraction: k / matched.length });
        const { anchor } = pairs[k]!;
        const distance = await saveMovedNetwork({ file: from.file, network: from.network, before: from.state, after: state, what: 'the aligned network' }, targets[k]!, request.overwrite, context);
        done.push({
          from: from.path, optimizer: (from.file.optimizerPrefixes?.length ?? 0) > 0, out: targets[k]!, orders, reached, function: distance,
          objectiveBefore: innerProduct(network, reference.state, from.state), objectiveAfter: innerProduct(network, anchor, state),
          distanceBefore: parameterDistance(network, reference.state, from.state), distanceAfter: parameterDistance(network, anchor, state),
          lineBefore: curves[k]!.before, lineAfter: curves[k]!.after,
        });
      }
      return { ...alignReport(request, network, classes, done, lines), provenance: provenance() };
    });
  } finally {
    for (const file of opened) await file.close();
  }
}

/** @param opened every file that was opened, for closing */
async function openAll(paths: readonly string[], options: AlignRequest, opened: WeightFile[]): Promise<{ readonly network: Network; readonly files: readonly Opened[] }> {
  const files: Opened[] = [];
  let first: Network | undefined;
  for (const name of paths) {
    const file = await openWeightFile(name);
    opened.push(file);
    const { network, leading } = first === undefined ? await requireNetwork(file, options) : await requireNetworkLike(file, options, { path: paths[0] ?? '', network: first });
    if (leading.length > 0) throw new WeightFileError(name, '', `holds ${leading.join(' × ')} draws; align takes one network a file`);
    const difference = first === undefined ? undefined : layoutDifference(first, network);
    if (difference !== undefined) throw new WeightFileError(name, '', `does not hold the same network as ${showName(paths[0] ?? '')} (${showName(difference)}); only networks of one architecture can be aligned`);
    first ??= network;
    files.push({ path: name, file, network, state: await readState(file, network) });
  }
  if (first === undefined) throw new UserError('align needs a reference');
  return { network: first, files };
}

interface Matched {
  readonly from: Opened;
  readonly state: Float64Array;
  readonly orders: readonly UnitOrder[];
  readonly reached: readonly number[];
}

async function toReference(network: Network, classes: readonly MatchingClass[], reference: Opened, others: readonly Opened[], request: AlignRequest, data: LineData | undefined, context: JobContext): Promise<Matched[]> {
  const matched: Matched[] = [];
  for (const [k, from] of others.entries()) {
    context.progress({ message: `Matching ${showName(from.path)}`, fraction: k / others.length });
    const random = seededRandom(request.seed);
    if (request.method === 'activations') {
      if (data === undefined) throw new Error('no data to respond to');
      const { orders } = await interruptibly(activationMatching(network, classes, reference.state, from.state, data.x, data.sampleWeights), context.signal);
      const state = from.state.slice();
      classes.forEach(({ units }, c) => { orderUnits(state, units, orders[c]!); });
      matched.push({ from, state, orders, reached: [innerProduct(network, reference.state, state)] });
    } else {
      const { orders, state, reached } = await interruptibly(bestWeightMatching(network, classes, reference.state, from.state, request.restarts ?? affordableRestarts(network), { random }), context.signal);
      matched.push({ from, state, orders, reached });
    }
  }
  return matched;
}

async function intoUniverse(network: Network, classes: readonly MatchingClass[], files: readonly Opened[], request: AlignRequest, context: JobContext): Promise<Matched[]> {
  context.progress({ message: `Matching ${files.length} networks at once` });
  const { orders, states } = await interruptibly(universeMatching(network, classes, files.map(({ state }) => state), { random: seededRandom(request.seed) }), context.signal);
  return files.map((from, p) => ({ from, state: states[p]!, orders: orders[p]!, reached: [] }));
}

/** Undefined when there are none. */
async function userData(request: AlignRequest, network: Network): Promise<LineData | undefined> {
  if (request.data === undefined) {
    if (request.method === 'activations') throw new UserError('matching by activations needs data, the inputs to which units respond (--data FILE)');
    return undefined;
  }
  return lineData(request.data, request.likelihood, network);
}
