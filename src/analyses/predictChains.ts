/** Methods whose draws come in chains (HMC, chains from files): how well they mix as weights, without the symmetries, and as predictions. */
import { diagnose, type ChainDiagnostics } from '../posterior/chainDiagnostics.ts';
import type { Predictive } from '../posterior/predictive.ts';
import { evenly } from '../posterior/selection.ts';
import type { Network } from '../network/network.ts';
import { parameterName } from '../network/parameters.ts';
import { formatCount } from '../protocol/format.ts';
import type { JsonValue, Section } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { PredictionMethod } from '../protocol/service.ts';
import { canonicaliseMany } from '../symmetry/canonicalDraws.ts';
import { chainSections, worstMixing, type ChainQuantity } from './chainPictures.ts';
import { methodNames } from './methodNames.ts';
import { diagnosticsTable, worstDiagnostics } from './posteriorTables.ts';
import { removable } from './projectedCurvature.ts';

export interface ChainStage {
  readonly id: 'drawn' | 'removed' | 'predictions';
  readonly diagnostics: readonly ChainDiagnostics[];
  readonly worst: ChainQuantity;
}

export interface MethodChains {
  readonly method: PredictionMethod;
  readonly chains: number;
  /** A chain. */
  readonly draws: number;
  readonly parameters: number;
  readonly stages: readonly ChainStage[];
}

/** Quantities that are diagnosed, evenly spaced among all. */
const DIAGNOSED = 100;
/** Numbers of a chain that is kept whole: 32 MB. */
const KEPT_NUMBERS = 2 ** 22;

export interface ChainKeeper {
  readonly add: (state: Float64Array, draw: number, of: number) => void;
  /** count × `stateSize`; undefined when there were none, or too many. */
  readonly states: () => Float64Array | undefined;
}

/** Keeps every draw, in order. */
export function chainKeeper(stateSize: number): ChainKeeper {
  let states: Float64Array | undefined;
  return {
    add(state, draw, of) {
      if (of * stateSize > KEPT_NUMBERS) return;
      states ??= new Float64Array(of * stateSize);
      states.set(state, draw * stateSize);
    },
    states: () => states,
  };
}

/** @param states all draws, chain by chain @param predictive at the training inputs; undefined is returned unless its draws come in chains */
export async function methodChains(method: PredictionMethod, network: Network, states: Float64Array, { draws: predicted }: Predictive, context: JobContext): Promise<MethodChains | undefined> {
  if (predicted.kind !== 'sampled' || predicted.chains === undefined) return undefined;
  const { chains, count, outputs } = predicted;
  const draws = count / chains;
  const places = evenly(network.parameters, DIAGNOSED);
  const stage = async (id: ChainStage['id'], columns: readonly Float64Array[], title: (k: number) => string): Promise<ChainStage> => {
    const diagnostics: ChainDiagnostics[] = [];
    for (const column of columns) {
      diagnostics.push(diagnose(column, chains, draws));
      context.progress({ message: 'Chain diagnostics' });
      await new Promise<void>((resolve) => { setImmediate(resolve); });
      context.signal.throwIfAborted();
    }
    const worst = worstMixing(diagnostics);
    return { id, diagnostics, worst: { title: title(worst), values: columns[worst]!, diagnostics: diagnostics[worst]! } };
  };
  const weights = (all: Float64Array): Float64Array[] => Array.from(places, (i) => Float64Array.from({ length: count }, (_, m) => all[m * network.stateSize + i]!));
  const stages = [await stage('drawn', weights(states), (k) => `weights, as drawn: ${parameterName(network, places[k]!)}`)];
  const options = removable(network);
  if (options !== undefined) {
    const copies = states.slice();
    await canonicaliseMany(network, copies, options, context);
    stages.push(await stage('removed', weights(copies), (k) => `weights, symmetries removed: ${parameterName(network, places[k]!)}`));
  }
  const size = outputs.length / count;
  const predictions = evenly(size, DIAGNOSED);
  stages.push(await stage('predictions', Array.from(predictions, (at) => Float64Array.from({ length: count }, (_, m) => outputs[m * size + at]!)), (k) => {
    const at = predictions[k]!;
    return `predictions: training input ${Math.floor(at / network.outputs) + 1}${network.outputs === 1 ? '' : `, output ${(at % network.outputs) + 1}`}`;
  }));
  return { method, chains, draws, parameters: network.parameters, stages };
}

const stageLabels: Readonly<Record<ChainStage['id'], string>> = { drawn: 'weights: as drawn', removed: 'weights: symmetries removed', predictions: 'predictions on the training inputs' };

/** Pictures and a table a method. */
export function methodChainSections(found: readonly MethodChains[]): Section[] {
  return found.flatMap(({ method, chains, draws, parameters, stages }) => {
    const weights = stages.filter(({ id }) => id !== 'predictions');
    const diagnosed = weights[0]?.diagnostics.length ?? 0;
    const table = diagnosticsTable(stages.map(({ id, diagnostics }) => ({ label: stageLabels[id], diagnostics })), weights.map(({ diagnostics }) => diagnostics), stages.at(-1)?.diagnostics ?? [], chains, diagnosed < parameters ? `${formatCount(diagnosed)} evenly spaced parameters` : 'the parameters');
    const named = (section: Section): Section => ({ ...section, id: `${method}-${section.id}`, title: `${methodNames[method]}: ${section.title.slice(0, 1).toLowerCase()}${section.title.slice(1)}` });
    return [...chainSections(stages.map(({ worst }) => worst), chains, draws), table].map(named);
  });
}

/** Per method: chains, draws a chain, and the worst figures of weights and predictions; standard errors in standard deviations. */
export function methodChainsResult(found: readonly MethodChains[]): JsonValue {
  return Object.fromEntries(found.map(({ method, chains, draws, stages }) => [method, {
    chains, draws, ...Object.fromEntries(stages.map(({ id, diagnostics }) => {
      const { rhat, bulk, tail, mean, sd, quantiles } = worstDiagnostics(diagnostics);
      return [id, { rhatMax: rhat, essBulkMin: bulk, essTailMin: tail, mcse: { mean, sd, quantiles } }];
    })),
  }]));
}
