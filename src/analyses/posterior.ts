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
import { chainNetwork } from '../network/denseChain.ts';
import { forward } from '../network/forward.ts';
import { parameterNames } from '../network/chainParameters.ts';
import { diagnose, type ChainDiagnostics } from '../posterior/chainDiagnostics.ts';
import { drawPairs, pairwiseDistances } from '../posterior/distances.ts';
import { readDraws, type Draws } from '../posterior/draws.ts';
import { formatCount, formatNumber, formatPowerOfTen } from '../protocol/format.ts';
import type { Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { PosteriorRequest } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { canonicaliseMany } from '../symmetry/canonicalDraws.ts';
import { genericInputs } from '../symmetry/functionDistance.ts';
import { symmetryGroup } from '../symmetry/group.ts';
import { describeChain } from './describe.ts';
import { densitySection, diagnosticsResult, diagnosticsSection, distanceSection, distanceSentence, symmetrySentence, viewResult, type PlottedPair, type PosteriorView } from './posteriorReport.ts';
import { startProvenance } from './provenance.ts';
import { symmetrySteps } from './symmetrySteps.ts';

const DISTANCE_PAIRS = 20_000;
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
  const [a, b] = [names[pair[0]]!, names[pair[1]]!];
  // v is the usual name of output weights, so that a figure with them can be recognised.
  const plotted: PlottedPair = request.parameters === undefined
    ? { title: 'Output weights v1 against v2', labels: [`v1 = ${a}`, `v2 = ${b}`] }
    : { title: `${a} against ${b}`, labels: [a, b] };
  const random = seededRandom(request.seed);
  const pairs = drawPairs(count, DISTANCE_PAIRS, random);
  const shown = random.permutation(count).subarray(0, SHOWN_DRAWS).sort();
  const predictionsBefore = await interruptibly(predictions(draws), context.signal);

  const views: PosteriorView[] = [];
  for (const step of symmetrySteps(group, request.scaling)) {
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
      densitySection(views, plotted, shown),
      distanceSection(views),
      diagnosticsSection(views, predicted, draws, DIAGNOSED),
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
      plotted: [a, b],
      functionError,
      stages: views.map(viewResult),
      predictions: diagnosticsResult(predicted),
    },
    provenance: provenance(),
  };
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
    values.set(forward(chainNetwork(chain), theta.subarray(m * size, (m + 1) * size), x), m * width);
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
