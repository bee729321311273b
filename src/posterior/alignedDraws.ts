/**
 * Draws in the order of units that brings them closest to the first one. Sorting the units leaves one copy of a function too, but where
 * two units nearly tie, a little noise exchanges them, and draws of one mode end up apart; weight matching (symmetry/weightMatching.ts)
 * looks at all weights of a unit.
 */
import { setImmediate } from 'node:timers/promises';
import { interruptibly } from '../linalg/interruptible.ts';
import { seededRandom } from '../linalg/random.ts';
import type { Network } from '../network/network.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { matchingClasses } from '../symmetry/matchingClasses.ts';
import { weightMatching } from '../symmetry/weightMatching.ts';

export interface DrawAligner {
  /** @param states of whole draws, n × `stateSize` row-major, rewritten in place; the very first one is the reference and stays */
  align(states: Float64Array, context: Pick<JobContext, 'signal' | 'progress'>): Promise<void>;
}

/** @param signed whether units are matched up to sign, too */
export function drawAligner(network: Network, signed: boolean): DrawAligner {
  const classes = matchingClasses(network).map(({ units, signed: may }) => ({ units, signed: signed && may }));
  const size = network.stateSize;
  let reference: Float64Array | undefined;
  return {
    async align(states, { signal, progress }) {
      const draws = states.length / size;
      for (let m = 0; m < draws; m++) {
        const draw = states.subarray(m * size, (m + 1) * size);
        reference ??= draw.slice();
        // Its own seed for every draw: where a draw stands among others does not matter.
        draw.set((await interruptibly(weightMatching(network, classes, reference, draw, { random: seededRandom(0) }), signal)).state);
        progress({ message: `Aligned ${m + 1} of ${draws} draws`, fraction: (m + 1) / draws });
        if (m % 16 === 0) await setImmediate();
      }
    },
  };
}
