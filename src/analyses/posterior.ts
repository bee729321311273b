/**
 * Are these draws different functions, or the same ones relabelled? A set of draws as it is, with scaling removed, and with signs
 * and permutations removed: densities of two parameters and of principal components, distances, modes, discrepancy of two
 * sets, and chain diagnostics, of weights and of predictions (Laurent et al. 2023; the slides' first figure).
 */
import path from 'node:path';
import { seededRandom } from '../linalg/random.ts';
import { parameterName } from '../network/parameters.ts';
import { readData, requireInputWidth } from '../network/data.ts';
import type { ChainDiagnostics } from '../posterior/chainDiagnostics.ts';
import { planDraws, type DrawPlan } from '../posterior/drawPlan.ts';
import { everyRow, rowsOf } from '../posterior/drawRows.ts';
import { openDraws, type DrawSource } from '../posterior/draws.ts';
import { throughStages, type StageStep } from '../posterior/drawStages.ts';
import { fileStore, memoryStore, spoolFolder, type DrawStore } from '../posterior/drawStore.ts';
import { nearTies } from '../posterior/nearTies.ts';
import { evenly, twoSets } from '../posterior/selection.ts';
import { formatBytes, formatCount, formatSeconds } from '../protocol/format.ts';
import type { Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { PosteriorRequest } from '../protocol/service.ts';
import { symmetryGroup } from '../symmetry/group.ts';
import type { PrincipalComponents } from '../posterior/principalComponents.ts';
import { worstMixing, type ChainQuantity } from './chainPictures.ts';
import { compareDraws, diagnoseAll, type Compared, type DrawComparison } from './drawComparison.ts';
import { groupedFiles } from './drawFiles.ts';
import { plottedPair } from './plottedPair.ts';
import { posteriorProjections } from './posteriorProjections.ts';
import { posteriorReport, type PosteriorView, type TensorPlace } from './posteriorReport.ts';
import { startProvenance } from './provenance.ts';
import { countedAlike } from './targets.ts';
import { symmetrySteps, type SymmetryStep } from './symmetrySteps.ts';

/** Draws of a Gaussian, or of dropout, unless the user says how many. */
const DRAWN = 1000;
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
    const tensors = network.blocks.filter(({ trainable }) => trainable).map(({ tensor, fileShape, offset, length }): TensorPlace => ({ name: tensor, shape: fileShape, begin: offset, end: offset + length }));
    const inputs = await predictionInputs(request, network.inputs, network.outputs);
    const diagnosed = evenly(network.parameters, DIAGNOSED);
    const plan = planDraws({
      draws: count, parameters: network.parameters, stateSize: network.stateSize, held: source.held, stages: steps.length, aligned: steps.some(({ id }) => id === 'aligned'),
      columns: diagnosed.length + 2, inputs: inputs.x.length / network.inputs, outputs: network.outputs,
    }, context.memoryLimitBytes);
    context.progress({ message: planSentence(source, plan) });

    const selection = evenly(count, plan.selected);
    const compared: Compared = { draws: count, selection, sets: twoSets(source.sets, selection), seed: request.seed };
    const stored = plan.storesAll ? everyRow(count) : selection;
    const shown = seededRandom(request.seed).permutation(count).subarray(0, SHOWN_DRAWS).sort();
    const comparisons: DrawComparison[] = [];
    let bandwidth: number | undefined;
    const store = openStore(plan, stored.length, network.stateSize);
    const staged = await throughStages(source, {
      steps: steps.map(stageStep), columns: Int32Array.of(...diagnosed, ...pair.positions), stretches: tensors.map(({ begin, end }) => [begin, end] as const), inputs: inputs.x, stored, store,
    }, context, async (rows, s) => {
      const step = steps[s]!;
      context.progress({ message: step.title });
      // One bandwidth for all stages with the same unit of length, so that their discrepancies can be compared.
      if (step.id === 'scaling') bandwidth = undefined;
      const { components, ...comparison } = await compareDraws(rows, plan.storesAll ? selection : everyRow(stored.length), compared, bandwidth, context);
      bandwidth = comparison.discrepancy?.bandwidth;
      comparisons.push({ ...comparison, components: scoresAlone(components) });
      return components;
    }).finally(() => { store.close(); });
    const views: PosteriorView[] = [];
    for (const [s, { columns, x, y, spreads }] of staged.stages.entries()) {
      const [step, comparison] = [steps[s]!, comparisons[s]!];
      const diagnostics = await diagnoseAll(columns, source, context);
      const worst = worstMixing(diagnostics.slice(0, diagnosed.length));
      const title = `weights, ${step.id === 'original' ? 'as drawn' : step.title.toLowerCase()}: ${parameterName(network, diagnosed[worst]!)}`;
      views.push({
        step, ...comparison, components: { ...comparison.components, x, y }, worst: { title, values: columns[worst]!, diagnostics: diagnostics[worst]! }, x: columns[diagnosed.length]!, y: columns[diagnosed.length + 1]!,
        diagnostics: diagnostics.slice(0, diagnosed.length), plotted: [diagnostics[diagnosed.length]!, diagnostics[diagnosed.length + 1]!], spreads,
      });
    }
    const further = symmetrySteps(group, request.scaling, true);
    const ties = further.length > steps.length ? await nearTies(source, further.map(stageStep), context) : undefined;
    const overLoss = await posteriorProjections(request, source, pair, context);
    const { comparison, ...diagnosis } = await compareFunctions(staged.predictions, source, compared, context);
    return posteriorReport({
      request, files: groups.flat(), source, group, plan, views, functions: { ...comparison, ...diagnosis, inputs: inputs.words }, functionError: staged.functionError, ties,
      pair, tensors, overLoss, shown, sets: compared.sets, selected: selection.length, provenance: provenance(),
    });
  } finally {
    await source.close();
  }
}

async function compareFunctions(predictions: Float64Array, source: DrawSource, compared: Compared, context: JobContext): Promise<{ comparison: DrawComparison; diagnostics: ChainDiagnostics[]; worst: ChainQuantity }> {
  context.progress({ message: 'Functions' });
  const width = predictions.length / source.count;
  const comparison = await compareDraws(rowsOf(predictions, width), compared.selection, compared, undefined, context);
  const columns = Array.from(evenly(width, DIAGNOSED), (k) => Float64Array.from({ length: source.count }, (_, m) => predictions[m * width + k]!));
  const diagnostics = await diagnoseAll(columns, source, context);
  const worst = worstMixing(diagnostics);
  const place = evenly(width, DIAGNOSED)[worst]!;
  const { outputs } = source.network;
  const title = `predictions: input ${Math.floor(place / outputs) + 1}${outputs === 1 ? '' : `, output ${(place % outputs) + 1}`}`;
  return { comparison, diagnostics, worst: { title, values: columns[worst]!, diagnostics: diagnostics[worst]! } };
}

function stageStep({ options }: SymmetryStep): StageStep {
  return options === undefined || 'aligned' in options ? options : { countBiases: false, scaling: 'none', sign: 'none', permutation: 'none', ...options };
}

/** Without the directions, which are as long as a draw. */
function scoresAlone({ explained, x, y, basis }: PrincipalComponents): PrincipalComponents {
  return { explained, x, y, basis };
}

function openStore({ mode, fileBytes }: DrawPlan, draws: number, size: number): DrawStore {
  return mode === 'memory' ? memoryStore(draws, size) : fileStore(draws, size, spoolFolder(fileBytes));
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
  return { x: Float64Array.from({ length: rows.length * width }, (_, i) => read.x[rows[Math.floor(i / width)]! * width + (i % width)]!), words: `${formatCount(rows.length)} inputs of ${path.basename(data)}${countedAlike(read)}` };
}

/** Said before the work begins. */
function planSentence({ count, network }: DrawSource, { mode, bytes, fileBytes, seconds }: DrawPlan): string {
  const file = mode === 'memory' ? '' : ` of memory, ${formatBytes(fileBytes)} of temporary files`;
  return `${formatCount(count)} draws of ${formatCount(network.parameters)} parameters: about ${formatBytes(bytes)}${file} and ${seconds < 1 ? 'a second' : formatSeconds(Number(seconds.toPrecision(1)))}`;
}
