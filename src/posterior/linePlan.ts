/**
 * How finely the straight line between two networks is looked at, and on how many inputs, by what it costs: each point is a network of its
 * own, evaluated on all inputs.
 */
import { lineSeconds, liveValuesPerInput } from '../network/cost.ts';
import type { Network } from '../network/network.ts';
import { withSmallerInputs } from '../network/smallerInputs.ts';

export interface LinePlan {
  /** The network, or the same one for smaller pictures. */
  readonly network: Network;
  /** Points of a line, both ends included. */
  readonly points: number;
  /** Inputs. */
  readonly rows: number;
  /** Estimates for all lines. */
  readonly seconds: number;
  readonly bytes: number;
}

const MOST_POINTS = 21;
const LEAST_POINTS = 11;
/** Generic inputs. */
const MOST_ROWS = 64;
const LEAST_ROWS = 3;
/** The least of the user's inputs of which a mean is taken, where they are more. */
const LEAST_DATA = 256;
/** Seconds that a line may take: a mean over data is worth more than one over inputs that stand in for them. */
const GENERIC_SECONDS = 0.5;
const DATA_SECONDS = 30;

/** @param data inputs that there are; undefined: as many generic ones as are wanted */
export function planLines(network: Network, lines: number, data: number | undefined): LinePlan {
  const seen = data === undefined ? (withSmallerInputs(network) ?? network) : network;
  const most = data ?? MOST_ROWS;
  const least = Math.min(most, data === undefined ? LEAST_ROWS : LEAST_DATA);
  const allowed = data === undefined ? GENERIC_SECONDS : DATA_SECONDS;
  const seconds = (points: number, rows: number): number => lineSeconds(seen, points, rows);
  // Rows are given up first where they only stand in for data, points where they are data.
  const points = seconds(MOST_POINTS, data === undefined ? least : most) <= allowed ? MOST_POINTS : LEAST_POINTS;
  const beside = seconds(points, 0);
  const rows = Math.max(least, Math.min(most, Math.floor((allowed - beside) / ((seconds(points, most) - beside) / most))));
  const chunk = Math.min(rows, Math.max(1, Math.floor(2 ** 24 / liveValuesPerInput(seen))));
  // The point between, and in the engine convolutions' weights of both ends; values of a chunk of inputs; outputs at both ends and between.
  const packed = seen.nodes.reduce((sum, node) => sum + (node.op === 'conv' ? node.weight.length : 0), 0);
  const bytes = 8 * (seen.stateSize + 2 * packed + rows * (seen.inputs + 3 * seen.outputs) + chunk * liveValuesPerInput(seen));
  return { network: seen, points, rows, seconds: lines * seconds(points, rows), bytes };
}

