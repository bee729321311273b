/**
 * Whether sorting units tears draws apart: where two units nearly tie, a little noise exchanges them, and draws of one mode end up as far apart
 * as strangers (`alignedDraws.ts`). A few draws are brought into the first one's order by weight matching and looked at before and after.
 */
import { interruptibly } from '../linalg/interruptible.ts';
import { parameterDistance } from '../network/network.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { LARGE } from '../symmetry/weightMatching.ts';
import type { DrawSource } from './draws.ts';
import { type StageStep, transformOf } from './drawStages.ts';
import { evenly } from './selection.ts';

/** Draws looked at, besides the first. */
const OTHERS = 8;

export interface NearTies {
  readonly draws: number;
  /** Medians of the distance to the first draw. */
  readonly sorted: number;
  readonly aligned: number;
}

/**
 * @param steps as in `throughStages`; the last one aligns
 * @returns undefined for networks so large that it would take long
 */
export async function nearTies(source: DrawSource, steps: readonly StageStep[], { signal, progress }: JobContext): Promise<NearTies | undefined> {
  const { network, count } = source;
  if (network.parameters > LARGE) return undefined;
  progress({ message: 'Whether sorting leaves copies apart' });
  const transforms = steps.map((step) => transformOf(network, step));
  const distances: { sorted: number[]; aligned: number[] } = { sorted: [], aligned: [] };
  let first: { readonly sorted: Float64Array; readonly aligned: Float64Array } | undefined;
  for (const m of evenly(count, 1 + OTHERS)) {
    const draw = (await source.read(m, m + 1)).slice();
    for (const transform of transforms.slice(0, -1)) if (transform !== undefined) await interruptibly(transform(draw), signal);
    const sorted = draw.slice();
    const align = transforms.at(-1);
    if (align !== undefined) await interruptibly(align(draw), signal);
    if (first === undefined) first = { sorted, aligned: draw };
    else {
      distances.sorted.push(parameterDistance(network, first.sorted, sorted));
      distances.aligned.push(parameterDistance(network, first.aligned, draw));
    }
  }
  return { draws: distances.sorted.length, sorted: middle(distances.sorted), aligned: middle(distances.aligned) };
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
