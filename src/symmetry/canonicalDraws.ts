/**
 * The canonical form of many draws at once (an ensemble, a chain, ten thousand small networks), in place. Work space is made once;
 * a draw costs a copy and arithmetic.
 */
import type { Network } from '../network/network.ts';
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
  const canonical = canonicaliser(network, options);
  const state = new Float64Array(size);
  let notFinite = 0;
  let withLeftUnits = 0;
  signal.throwIfAborted();
  let sliceEnd = performance.now() + SLICE;
  for (let m = 0; m < count; m++) {
    const begin = m * size;
    for (let i = 0; i < size; i++) state[i] = draws[begin + i]!;
    let finite = allFinite(state);
    if (finite) {
      const left = canonical.apply(state);
      finite = allFinite(state);
      if (finite) {
        for (let i = 0; i < size; i++) draws[begin + i] = state[i]!;
        if (left.length > 0) withLeftUnits++;
      }
    }
    if (!finite) notFinite++;
    if (performance.now() >= sliceEnd) {
      progress({ message: `Canonical form of draw ${m + 1} of ${count}`, fraction: (m + 1) / count });
      await new Promise<void>((resolve) => { setImmediate(resolve); });
      signal.throwIfAborted();
      sliceEnd = performance.now() + SLICE;
    }
  }
  return { draws: count, notFinite, withLeftUnits };
}

function allFinite(values: Float64Array): boolean {
  for (const value of values) if (!Number.isFinite(value)) return false;
  return true;
}
