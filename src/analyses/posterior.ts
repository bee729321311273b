/**
 * Are these draws different functions, or the same ones relabelled? A set of draws as it is, with scaling removed, and with signs
 * and permutations removed: densities of two parameters, distances between draws, chain diagnostics of weights and of
 * predictions (Laurent et al. 2023; the slides' first figure).
 */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { interruptibly, type Interruptible } from '../linalg/interruptible.ts';
import { seededRandom } from '../linalg/random.ts';
import { forward } from '../network/forward.ts';
import { parameterNames } from '../network/parameters.ts';
import { diagnose, type ChainDiagnostics } from '../posterior/chainDiagnostics.ts';
import { commonAxis, histogram, histogram2d, quantile } from '../posterior/density.ts';
import { drawPairs, pairwiseDistances, type Pair } from '../posterior/distances.ts';
import { readDraws, type Draws } from '../posterior/draws.ts';
import { formatCount, formatNumber, formatPowerOfTen } from '../protocol/format.ts';
import type { BinAxis, JsonValue, Report, Section } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { PosteriorRequest } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { canonicaliseMany } from '../symmetry/canonicalDraws.ts';
import { genericInputs } from '../symmetry/functionDistance.ts';
import { symmetryGroup, type SymmetryGroup } from '../symmetry/group.ts';
import { describeChain } from './describe.ts';
import { startProvenance } from './provenance.ts';

const DENSITY_BINS = 120;
const DENSITY_COVERAGE = 0.95;
const DISTANCE_PAIRS = 20_000;
const DISTANCE_BINS = 100;
/** Draws shown as single points, so that a region chosen in one panel can be followed into the others. */
const SHOWN_DRAWS = 1500;
/** Chain diagnostics are of at most about this many parameters, evenly spaced. */
const DIAGNOSED = 200;
const PREDICTION_INPUTS = 12;

export async function posterior(request: PosteriorRequest, context: JobContext): Promise<Report> {
  const provenance = startProvenance(request.seed);
  const files = await expandFolders(request.files);
  const draws = await readDraws(files, request, request.axes, 2, context);
  const { chain, theta } = draws;
  const count = draws.chains * draws.drawsPerChain;
  const group = symmetryGroup(chain);
  const names = parameterNames(chain);
  const pair = chosenPair(request.parameters, names, chain.layers.at(-1)?.weight.offset ?? 0);
  const random = seededRandom(request.seed);
  const pairs = drawPairs(count, DISTANCE_PAIRS, random);
  const shown = random.permutation(count).subarray(0, SHOWN_DRAWS).sort();
  const predictionsBefore = await interruptibly(predictions(draws), context.signal);

  const views: View[] = [];
  for (const step of steps(group, request)) {
    context.progress({ message: step.title });
    if (step.options !== undefined) await canonicaliseMany(chain, theta, { countBiases: false, scaling: 'none', sign: 'none', permutation: 'none', ...step.options }, context);
    views.push({
      step,
      x: column(theta, chain.parameters, pair[0]),
      y: column(theta, chain.parameters, pair[1]),
      distances: await interruptibly(pairwiseDistances(theta, chain.parameters, pairs), context.signal),
      diagnostics: await diagnostics(theta, chain.parameters, draws, context),
    });
  }
  const predictionsAfter = await interruptibly(predictions(draws), context.signal);
  const functionError = largestRelativeDifference(predictionsBefore, predictionsAfter);
  const predicted = await diagnostics(predictionsBefore, PREDICTION_INPUTS * chain.outputs, draws, context);

  return {
    analysis: 'posterior',
    title: `Posterior over weights: ${request.files.length === 1 ? path.basename(request.files[0]!) : `${request.files.length} files`}`,
    summary: `${formatCount(count)} draws of ${describeChain(chain)}. ${symmetrySentence(group)}${distanceSentence(views)}`,
    sources: request.files,
    sections: [
      densitySection(views, names, pair, shown),
      distanceSection(views, pairs),
      diagnosticsSection(views, predicted, draws),
      {
        kind: 'figures',
        id: 'draws',
        title: 'Draws',
        meaning: 'The function error is the largest difference of any prediction before and after, relative to the largest prediction: what was removed were copies, not functions.',
        figures: [
          { label: 'Draws', value: formatCount(count), detail: draws.chains > 1 ? `${draws.chains} chains of ${formatCount(draws.drawsPerChain)}` : 'taken as one chain, in order' },
          { label: 'Network', value: describeChain(chain), detail: `${formatCount(chain.parameters)} parameters` },
          { label: 'Discrete copies', value: formatPowerOfTen(group.log10Copies) },
          { label: 'Continuous dimensions', value: formatCount(group.dimensions) },
          { label: 'Function error', value: formatNumber(functionError, 2) },
        ],
      },
    ],
    warnings: [
      ...(functionError > 1e-8 ? [`Predictions moved by ${formatNumber(functionError, 2)} relative when symmetries were removed; some draws have weights of very different size.`] : []),
      ...(views.length === 1 ? ['This network has no symmetry that can be removed, so there is nothing to compare.'] : []),
    ],
    result: {
      draws: count,
      chains: draws.chains,
      parameters: chain.parameters,
      network: describeChain(chain),
      log10Copies: group.log10Copies,
      continuousDimensions: group.dimensions,
      plotted: [names[pair[0]]!, names[pair[1]]!],
      functionError,
      stages: views.map(viewResult),
      predictions: diagnosticsResult(predicted),
    },
    provenance: provenance(),
  };
}

interface Step {
  readonly id: 'original' | 'scaling' | 'all';
  readonly title: string;
  readonly meaning: string;
  /** What is removed on top of the step before; undefined for the draws as they are. */
  readonly options: { readonly scaling?: PosteriorRequest['scaling']; readonly sign?: 'fixed'; readonly permutation?: 'sorted' } | undefined;
}

interface View {
  readonly step: Step;
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly distances: Float64Array;
  readonly diagnostics: ChainDiagnostics[];
}

/** What there is to remove, one factor after another. */
function steps(group: SymmetryGroup, { scaling }: PosteriorRequest): Step[] {
  const kinds = new Set(group.factors.map(({ kind }) => kind));
  // A linear layer's general linear group contains its scalings and signs.
  const scaled = scaling !== 'none' && (kinds.has('scaling') || kinds.has('general-linear'));
  const signed = kinds.has('sign') || kinds.has('general-linear');
  const permuted = kinds.has('permutation');
  const result: Step[] = [{ id: 'original', title: 'Original posterior', meaning: 'As the draws are: every function appears in all of its copies.', options: undefined }];
  if (scaled) {
    const meaning = scaling === 'unit' ? 'Every hidden unit’s incoming weights and bias have norm 1, so one point is left of each scaling orbit.' : 'Of each scaling orbit the copy with the least mass is left.';
    result.push({ id: 'scaling', title: 'Scaling removed', meaning, options: { scaling } });
  }
  if (signed || permuted) {
    const removed = [...(scaled ? ['scaling'] : []), ...(signed ? ['signs'] : []), ...(permuted ? ['permutation'] : [])];
    const title = new Intl.ListFormat('en-GB').format(removed);
    result.push({
      id: 'all',
      title: `${title.charAt(0).toUpperCase()}${title.slice(1)} removed`,
      meaning: 'Hidden units stand in descending order of their outgoing weights, so one copy of each function is left.',
      options: { sign: 'fixed', permutation: 'sorted' },
    });
  }
  return result;
}

function symmetrySentence(group: SymmetryGroup): string {
  const continuous = group.dimensions > 0 ? ` and ${formatCount(group.dimensions)} continuous ${group.dimensions === 1 ? 'direction' : 'directions'}` : '';
  return `Each function has ${formatPowerOfTen(group.log10Copies)} discrete copies${continuous} in weight space.`;
}

/** Of the last step alone: removing the scaling changes the unit of length, so distances before and after it cannot be compared. */
function distanceSentence(views: readonly View[]): string {
  const [before, after] = views.slice(-2).map(({ distances }) => quantile(distances.toSorted(), 0.5));
  if (before === undefined || after === undefined) return '';
  return ` ${views.at(-1)?.step.title ?? ''}, the median distance between two draws is ${formatNumber(after, 3)}; before the last step it was ${formatNumber(before, 3)}.`;
}

function densitySection(views: readonly View[], names: readonly string[], [a, b]: readonly [number, number], shown: Int32Array): Section {
  // x and y get the same range, so that the mirror line v1 = v2 is the diagonal. Removing the scaling changes the unit of the
  // weights, so the views before and after it have axes of their own.
  const axisOf = (of: readonly View[]): BinAxis => commonAxis(of.flatMap(({ x, y }) => [x, y]), DENSITY_BINS, DENSITY_COVERAGE);
  const scaled = views.findIndex(({ step }) => step.id === 'scaling');
  const before = axisOf(scaled < 0 ? views : views.slice(0, scaled));
  const after = scaled < 0 ? before : axisOf(views.slice(scaled));
  return {
    kind: 'density',
    id: 'density',
    title: `${names[a]!} against ${names[b]!}`,
    meaning: 'Every panel shows the same draws. Select a region in one to see where these draws are in the others.',
    xLabel: names[a]!,
    yLabel: names[b]!,
    panels: views.map(({ step, x, y }, v) => {
      const axis = scaled >= 0 && v >= scaled ? after : before;
      const sample = { x: Array.from(shown, (m) => x[m]!), y: Array.from(shown, (m) => y[m]!) };
      return { title: step.title, meaning: step.meaning, x: axis, y: axis, ...histogram2d(x, y, axis, axis), total: x.length, sample };
    }),
  };
}

function distanceSection(views: readonly View[], pairs: readonly Pair[]): Section {
  const logs = views.map(({ distances }) => distances.map((distance) => Math.log10(Math.max(distance, 1e-16))));
  const axis = commonAxis(logs, DISTANCE_BINS);
  return {
    kind: 'histogram',
    id: 'distances',
    title: 'Distance between draws',
    meaning: `Euclidean distance in weight space of ${formatCount(pairs.length)} pairs of draws. What moves left were copies; what stays apart are different functions. (Removing the scaling changes the unit of length as well, so compare shapes before sizes.)`,
    xLabel: 'log10 of the distance',
    axis,
    series: views.map(({ step }, v) => ({ label: step.title, counts: histogram(logs[v]!, axis).counts })),
  };
}

function diagnosticsSection(views: readonly View[], predicted: readonly ChainDiagnostics[], draws: Draws): Section {
  const row = (label: string, values: readonly ChainDiagnostics[]): (string | number | null)[] => {
    const { rhat, bulk, tail } = worst(values);
    return [label, rhat, bulk, tail];
  };
  return {
    kind: 'table',
    id: 'diagnostics',
    title: 'Chain diagnostics',
    meaning:
      draws.chains > 1
        ? `Rank-normalised split-R̂ and effective sample sizes (Vehtari et al. 2021), the worst over parameters (${DIAGNOSED} of them, when there are more) and over predictions. Weights that do not mix while predictions do are wandering between copies.`
        : 'Rank-normalised split-R̂ and effective sample sizes (Vehtari et al. 2021) of the draws in their order, taken as one chain, so that R̂ is not defined. Of independent draws the effective size is about their number, with or without copies.',
    columns: [{ label: 'Quantity', align: 'left' }, { label: 'R̂, largest', align: 'right' }, { label: 'bulk ESS, least', align: 'right' }, { label: 'tail ESS, least', align: 'right' }],
    rows: [...views.map(({ step, diagnostics: values }) => row(`weights: ${step.title}`, values)), row('predictions', predicted)],
  };
}

interface Worst {
  readonly rhat: number | null;
  readonly bulk: number | null;
  readonly tail: number | null;
}

function worst(values: readonly ChainDiagnostics[]): Worst {
  const finite = (pick: (value: ChainDiagnostics) => number): number[] => values.map(pick).filter(Number.isFinite);
  const extreme = (numbers: number[], choose: (...numbers: number[]) => number): number | null => (numbers.length === 0 ? null : choose(...numbers));
  return { rhat: extreme(finite(({ rhat }) => rhat), Math.max), bulk: extreme(finite(({ essBulk }) => essBulk), Math.min), tail: extreme(finite(({ essTail }) => essTail), Math.min) };
}

/**
 * Of every quantity, or of an even selection of `DIAGNOSED` of them.
 * @param values draws × width row-major
 */
async function diagnostics(values: Float64Array, width: number, { chains, drawsPerChain }: Draws, { signal, progress }: JobContext): Promise<ChainDiagnostics[]> {
  const stride = Math.ceil(width / DIAGNOSED);
  const result: ChainDiagnostics[] = [];
  for (let k = 0; k < width; k += stride) {
    progress({ message: 'Chain diagnostics', fraction: k / width });
    result.push(diagnose(column(values, width, k), chains, drawsPerChain));
    await setImmediate();
    signal.throwIfAborted();
  }
  return result;
}

/** draws × (inputs · O). */
function* predictions({ chain, theta }: Draws): Interruptible<Float64Array> {
  const x = genericInputs(chain.inputs, PREDICTION_INPUTS, 0);
  const width = PREDICTION_INPUTS * chain.outputs;
  const size = chain.parameters;
  const values = new Float64Array((theta.length / size) * width);
  for (let m = 0; m * size < theta.length; m++) {
    values.set(forward(chain, theta.subarray(m * size, (m + 1) * size), x), m * width);
    yield;
  }
  return values;
}

function largestRelativeDifference(before: Float64Array, after: Float64Array): number {
  let size = 0;
  let difference = 0;
  for (let i = 0; i < before.length; i++) {
    size = Math.max(size, Math.abs(before[i]!));
    difference = Math.max(difference, Math.abs(before[i]! - after[i]!));
  }
  return size === 0 ? 0 : difference / size;
}

function column(values: Float64Array, width: number, k: number): Float64Array {
  const result = new Float64Array(values.length / width);
  for (let m = 0; m < result.length; m++) result[m] = values[m * width + k]!;
  return result;
}

/** Positions in θ of the two parameters to plot; by default the first two entries of the output weights. */
function chosenPair(chosen: readonly [string, string] | undefined, names: readonly string[], outputWeight: number): readonly [number, number] {
  if (chosen === undefined) return [outputWeight, Math.min(outputWeight + 1, names.length - 1)];
  const find = (name: string): number => {
    const at = names.indexOf(name.replaceAll(' ', ''));
    if (at < 0) throw new UserError(`there is no parameter "${name}"; parameters are named like ${names[0]!} … ${names[names.length - 1]!}`);
    return at;
  };
  return [find(chosen[0]), find(chosen[1])];
}

const weightEnding = /\.(safetensors|pt|pth|ckpt|npz)$/i;

/** A folder stands for the weight files in it, in natural order of their names. */
async function expandFolders(files: readonly string[]): Promise<string[]> {
  const expanded: string[] = [];
  for (const file of files) {
    const info = await stat(file).catch(() => undefined);
    if (info?.isDirectory() !== true) {
      expanded.push(file);
      continue;
    }
    const inside = (await readdir(file)).filter((name) => weightEnding.test(name)).sort(new Intl.Collator('en', { numeric: true }).compare);
    if (inside.length === 0) throw new UserError(`${file} is a folder without weight files (.safetensors, .pt, .pth, .ckpt, .npz)`);
    expanded.push(...inside.map((name) => path.join(file, name)));
  }
  return expanded;
}

function viewResult({ step, distances, diagnostics: values }: View): JsonValue {
  const sorted = distances.toSorted();
  return {
    stage: step.id,
    distance: { q05: quantile(sorted, 0.05), median: quantile(sorted, 0.5), q95: quantile(sorted, 0.95), pairs: distances.length },
    ...diagnosticsResult(values),
  };
}

function diagnosticsResult(values: readonly ChainDiagnostics[]): { readonly rhatMax: number | null; readonly essBulkMin: number | null; readonly essTailMin: number | null } {
  const { rhat, bulk, tail } = worst(values);
  return { rhatMax: rhat, essBulkMin: bulk, essTailMin: tail };
}
