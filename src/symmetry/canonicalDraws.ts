/**
 * The canonical form of many draws at once (an ensemble, a chain, ten thousand small networks), in place. Work space is made once;
 * a draw costs a copy and arithmetic.
 */
import type { Network } from '../network/network.ts';
import { allFinite } from '../network/parameters.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { type CanonicalOptions, canonicaliser } from './canonicalForm.ts';

export interface CanonicalDraws {
  /** M. */
  readonly draws: number;
  /** Draws that hold, or come to hold, a number that is not finite: left as they were. */
  readonly notFinite: number;
  /** Draws with at least one unit left at its scale (`LeftUnit`). */
  readonly withLeftUnits: number;
}

/** Brings one draw into canonical form in place, unless it holds, or would come to hold, a number that is not finite. */
export type DrawCanonicaliser = (draw: Float64Array) => 'canonical' | 'with-left-units' | 'not-finite';

export function drawCanonicaliser(network: Network, options: CanonicalOptions): DrawCanonicaliser {
  const canonical = canonicaliser(network, options);
  const state = new Float64Array(network.stateSize);
  return (draw) => {
    state.set(draw);
    if (!allFinite(state)) return 'not-finite';
    const left = canonical.apply(state);
    if (!allFinite(state)) return 'not-finite';
    draw.set(state);
    return left.length > 0 ? 'with-left-units' : 'canonical';
  };
}

/** Milliseconds between two looks at the signal. */
const SLICE = 25;

/**
 * @param draws M × `stateSize` row-major, rewritten in place
 * @throws the signal's reason when it aborts; draws seen by then are in canonical form, the others as they were
 */
export async function canonicaliseMany(
  network: Network,
  draws: Float64Array,
  options: CanonicalOptions,
  { signal, progress }: Pick<JobContext, 'signal' | 'progress'>,
): Promise<CanonicalDraws> {
  const size = network.stateSize;
  const count = draws.length / size;
  if (!Number.isInteger(count)) throw new RangeError(`${draws.length} numbers do not divide into draws of ${size} numbers`);
  const canonical = drawCanonicaliser(network, options);
  let notFinite = 0;
  let withLeftUnits = 0;
  signal.throwIfAborted();
  let sliceEnd = performance.now() + SLICE;
  for (let m = 0; m < count; m++) {
    const became = canonical(draws.subarray(m * size, (m + 1) * size));
    if (became === 'not-finite') notFinite++;
    else if (became === 'with-left-units') withLeftUnits++;
    if (performance.now() >= sliceEnd) {
      progress({ message: `Canonical form of draw ${m + 1} of ${count}`, fraction: (m + 1) / count });
      await new Promise<void>((resolve) => { setImmediate(resolve); });
      signal.throwIfAborted();
      sliceEnd = performance.now() + SLICE;
    }
  }
  return { draws: count, notFinite, withLeftUnits };
}
