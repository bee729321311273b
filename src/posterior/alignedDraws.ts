/**
 * Draws in the order of units that brings them closest to the first one. Sorting the units leaves one copy of a function too, but where
 * two units nearly tie, a little noise exchanges them, and draws of one mode end up apart; weight matching (symmetry/weightMatching.ts)
 * looks at all weights of a unit.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import { seededRandom } from '../linalg/random.ts';
import type { Network } from '../network/network.ts';
import { matchingClasses } from '../symmetry/matchingClasses.ts';
import { weightMatching } from '../symmetry/weightMatching.ts';

/**
 * @param signed whether units are matched up to sign, too
 * @returns what rewrites a draw in place; the very first one that it is given is the reference and stays
 */
export function drawAligner(network: Network, signed: boolean): (draw: Float64Array) => Interruptible<void> {
  const classes = matchingClasses(network).map(({ units, signed: may }) => ({ units, signed: signed && may }));
  let reference: Float64Array | undefined;
  return function* (draw) {
    reference ??= draw.slice();
    // Its own seed for every draw: where a draw stands among others does not matter.
    draw.set((yield* weightMatching(network, classes, reference, draw, { random: seededRandom(0) })).state);
  };
}
