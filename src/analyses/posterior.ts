/**
 * Are these draws different functions, or the same ones relabelled? A set of draws as it is, with scaling removed, and with signs
 * and permutations removed: densities of two parameters and of principal components, distances, modes, discrepancy of two
 * sets, and chain diagnostics, of weights and of predictions (Laurent et al. 2023; the slides' first figure).
 */
import path from 'node:path';
import { seededRandom } from '../linalg/random.ts';
import { parameterNames } from '../network/parameters.ts';
import { readData, requireInputWidth } from '../network/data.ts';
import type { ChainDiagnostics } from '../posterior/chainDiagnostics.ts';
import { drawPairs } from '../posterior/distances.ts';
import { planDraws, type DrawPlan } from '../posterior/drawPlan.ts';
import { openDraws, type DrawSource } from '../posterior/draws.ts';
import { throughStages } from '../posterior/drawStages.ts';
import { evenly, twoSets } from '../posterior/selection.ts';
import { formatBytes, formatCount, formatSeconds } from '../protocol/format.ts';
import type { Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { PosteriorRequest } from '../protocol/service.ts';
import { symmetryGroup } from '../symmetry/group.ts';
import { worstMixing, type ChainQuantity } from './chainPictures.ts';
import { compareDraws, diagnoseAll, type Compared, type DrawComparison } from './drawComparison.ts';
import { groupedFiles } from './drawFiles.ts';
import { plottedPair } from './plottedPair.ts';
import { posteriorProjections } from './posteriorProjections.ts';
import { posteriorReport, type PosteriorView, type TensorPlace } from './posteriorReport.ts';
import { startProvenance } from './provenance.ts';
import { symmetrySteps } from './symmetrySteps.ts';

/** Draws of a Gaussian, or of dropout, unless the user says how many. */
const DRAWN = 1000;
const DISTANCE_PAIRS = 20_000;
/** Draws shown as single points, so that a region chosen in one panel can be followed into the others. */
const SHOWN_DRAWS = 1500;
/** Chain diagnostics are of at most this many parameters, evenly spaced. */
const DIAGNOSED = 200;
const PREDICTION_INPUTS = 24;
/** Predictions of a draw at most. */
const PREDICTIONS = 4096;

export async function posterior(request: PosteriorRequest, context: JobContext): Promise<Report> {
  const provenance = startProvenance(request.seed);
  const groups = await groupedFiles(request.files);
  const source = await openDraws(groups, { ...request, draws: request.draws ?? DRAWN, least: 2 }, context);
  try {
    const { network, count } = source;
    const group = symmetryGroup(network);
    const steps = symmetrySteps(group, request.scaling, request.permutation === 'aligned');
    const pair = plottedPair(network, request.parameters);
    const names = parameterNames(network);
    const tensors = network.blocks.filter(({ trainable }) => trainable).map(({ tensor, fileShape, offset, length }): TensorPlace => ({ name: tensor, shape: fileShape, begin: offset, end: offset + length }));
    const inputs = await predictionInputs(request, network.inputs, network.outputs);
    const diagnosed = evenly(network.parameters, DIAGNOSED);
    const plan = planDraws({ draws: count, parameters: network.parameters, stages: steps.length, aligned: request.permutation === 'aligned', columns: diagnosed.length + 2, inputs: inputs.x.length / network.inputs, predictions: (inputs.x.length / network.inputs) * network.outputs }, context.memoryLimitBytes);
    context.progress({ message: planSentence(source, plan) });

    const random = seededRandom(request.seed);
    const compared = comparedDraws(source, plan, request.seed, drawPairs(count, DISTANCE_PAIRS, random));
    const shown = random.permutation(count).subarray(0, SHOWN_DRAWS).sort();
    const views: PosteriorView[] = [];
    let bandwidth: number | undefined;
    const functions = await throughStages(source, {
      steps: steps.map(({ options }) => (options === undefined || 'aligned' in options ? options : { countBiases: false, scaling: 'none', sign: 'none', permutation: 'none', ...options })),
      kept: Int32Array.of(...diagnosed, ...pair.positions), inputs: inputs.x, plan, random,
    }, context, async ({ features, coordinates, columns, moments }, s) => {
      const step = steps[s]!;
      context.progress({ message: step.title });
      // One bandwidth for all stages with the same unit of length, so that their discrepancies can be compared.
      if (step.id === 'scaling') bandwidth = undefined;
      const comparison = await compareDraws(features, coordinates, compared, bandwidth, context);
      bandwidth = comparison.discrepancy?.bandwidth;
      const diagnostics = await diagnoseAll(columns, source, context);
      const worst = worstMixing(diagnostics.slice(0, diagnosed.length));
      views.push({
        step, ...comparison, worst: { title: `weights, ${step.id === 'original' ? 'as drawn' : step.title.toLowerCase()}: ${names[diagnosed[worst]!] ?? ''}`, values: columns[worst]!, diagnostics: diagnostics[worst]! }, x: columns[diagnosed.length]!, y: columns[diagnosed.length + 1]!,
        diagnostics: diagnostics.slice(0, diagnosed.length), plotted: [diagnostics[diagnosed.length]!, diagnostics[diagnosed.length + 1]!],
        spreads: tensors.map(({ begin, end }) => moments.spread(begin, end)),
      });
    });
    const overLoss = await posteriorProjections(request, source, pair, context);
    const { comparison, ...diagnosis } = await compareFunctions(functions.predictions, source, compared, context);
    return posteriorReport({
      request, source, group, plan, views, functions: { ...comparison, ...diagnosis, inputs: inputs.words }, functionError: functions.functionError,
      pair, tensors, overLoss, shown, sets: compared.sets, selected: compared.selection.length, provenance: provenance(),
    });
  } finally {
    await source.close();
  }
}

async function compareFunctions(predictions: Float64Array, source: DrawSource, compared: Compared, context: JobContext): Promise<{ comparison: DrawComparison; diagnostics: ChainDiagnostics[]; worst: ChainQuantity }> {
  context.progress({ message: 'Functions' });
  const width = predictions.length / source.count;
  const comparison = await compareDraws(predictions, width, compared, undefined, context);
  const columns = Array.from(evenly(width, DIAGNOSED), (k) => Float64Array.from({ length: source.count }, (_, m) => predictions[m * width + k]!));
  const diagnostics = await diagnoseAll(columns, source, context);
  const worst = worstMixing(diagnostics);
  const place = evenly(width, DIAGNOSED)[worst]!;
  const { outputs } = source.network;
  const title = `predictions: input ${Math.floor(place / outputs) + 1}${outputs === 1 ? '' : `, output ${(place % outputs) + 1}`}`;
  return { comparison, diagnostics, worst: { title, values: columns[worst]!, diagnostics: diagnostics[worst]! } };
}

function comparedDraws({ count, sets }: DrawSource, { selected }: DrawPlan, seed: number, pairs: Compared['pairs']): Compared {
  const selection = evenly(count, selected);
  return { pairs, selection, sets: twoSets(sets, selection), seed };
}

/** Inputs at which functions are compared: the user's own, evenly spaced among all of them, or standard normal ones. */
async function predictionInputs({ data }: PosteriorRequest, width: number, outputs: number): Promise<{ readonly x: Float64Array; readonly words: string }> {
  const most = Math.max(1, Math.min(PREDICTION_INPUTS, Math.floor(PREDICTIONS / outputs)));
  if (data === undefined) {
    const random = seededRandom(0);
    return { x: Float64Array.from({ length: most * width }, () => random.normal()), words: `${most} standard normal inputs` };
  }
  const read = await readData(data);
  requireInputWidth(read, width);
  const rows = evenly(read.rows, most);
  return { x: Float64Array.from({ length: rows.length * width }, (_, i) => read.x[rows[Math.floor(i / width)]! * width + (i % width)]!), words: `${formatCount(rows.length)} inputs of ${path.basename(data)}` };
}

/** Said before the work begins. */
function planSentence({ count, network }: DrawSource, { mode, coordinates, bytes, seconds }: DrawPlan): string {
  const how = mode === 'memory' ? 'all in memory' : `read once and kept as sketches of ${formatCount(coordinates)} numbers`;
  return `${formatCount(count)} draws of ${formatCount(network.parameters)} parameters, ${how}: about ${formatBytes(bytes)} and ${seconds < 1 ? 'a second' : formatSeconds(Number(seconds.toPrecision(1)))}`;
}
