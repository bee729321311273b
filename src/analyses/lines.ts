/**
 * What `align` and `compare` ask of the straight line between two networks: on which inputs and at how many points, chosen by what that costs and
 * said beforehand and in the report.
 */
import { likelihoodModel, type LikelihoodModel } from '../curvature/likelihood.ts';
import { interruptibly } from '../linalg/interruptible.ts';
import { readData, requireInputWidth } from '../network/data.ts';
import type { Network } from '../network/network.ts';
import { inputSizeText } from '../network/smallerInputs.ts';
import { interpolate, type Interpolation, type InterpolationData } from '../posterior/interpolation.ts';
import { type LinePlan, planLines } from '../posterior/linePlan.ts';
import { evenly } from '../posterior/selection.ts';
import { formatCount } from '../protocol/format.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { Likelihood } from '../protocol/service.ts';
import { genericInputs } from '../symmetry/comparedInputs.ts';
import { likelihoodFor, targetsFor } from './targets.ts';

export interface LineData {
  /** N × d. */
  readonly x: Float64Array;
  /** N × O numbers or N class numbers, as `logLikelihood` takes them. */
  readonly targets: Float64Array | undefined;
  /** N, how often each point counts; undefined for once. */
  readonly sampleWeights: Float64Array | undefined;
  readonly likelihood: LikelihoodModel;
}

/** @param likelihood as asked for; undefined: what the targets are made for. @throws WeightFileError when the data do not fit the network */
export async function lineData(file: string, likelihood: Likelihood | undefined, network: Network): Promise<LineData> {
  const data = await readData(file);
  requireInputWidth(data, network.inputs);
  const model = likelihoodModel(likelihoodFor(likelihood, data, network.outputs), 1, network.outputs);
  return { x: data.x, targets: targetsFor(data, model, network.outputs), sampleWeights: data.sampleWeights, likelihood: model };
}

export interface Lines {
  readonly plan: LinePlan;
  readonly data: InterpolationData;
  /** Rows of the user's data; undefined for generic inputs. */
  readonly available: number | undefined;
}

/** @param data the user's; undefined: generic inputs, as small as the network allows */
export function linesOn(network: Network, data: LineData | undefined, lines: number, seed: number): Lines {
  const available = data === undefined ? undefined : data.x.length / network.inputs;
  const plan = planLines(network, lines, available);
  if (data === undefined || available === undefined) {
    return { plan, data: { x: genericInputs(plan.network.inputs, plan.rows, seed), targets: undefined, likelihood: { kind: 'gaussian', noise: 1 } }, available };
  }
  const { x, targets, sampleWeights, likelihood } = data;
  const kept = evenly(available, plan.rows);
  return { plan, data: { x: rowsOf(x, kept, available), targets: targets === undefined ? undefined : rowsOf(targets, kept, available), sampleWeights: sampleWeights === undefined ? undefined : rowsOf(sampleWeights, kept, available), likelihood }, available };
}

function rowsOf(values: Float64Array, kept: Int32Array, rows: number): Float64Array {
  if (kept.length === rows) return values;
  const width = values.length / rows;
  const chosen = new Float64Array(kept.length * width);
  kept.forEach((row, n) => { chosen.set(values.subarray(row * width, (row + 1) * width), n * width); });
  return chosen;
}

/** "12 generic inputs of 65×65", "the data", "512 of the 10,000 inputs of the data" */
export function inputsText({ plan: { network, rows }, available }: Lines): string {
  const size = inputSizeText(network);
  if (available === undefined) return `${formatCount(rows)} generic inputs${size === '' ? '' : ` of ${size}`}`;
  return rows === available ? 'the data' : `${formatCount(rows)} of the ${formatCount(available)} inputs of the data, evenly spaced`;
}

/** @param visit called with the share of the line that is done */
export function lineBetween({ plan, data }: Lines, a: Float64Array, b: Float64Array, { signal }: Pick<JobContext, 'signal'>, visit?: (share: number) => void): Promise<Interpolation> {
  return interruptibly(interpolate(plan.network, a, b, data, plan.points, visit), signal);
}
