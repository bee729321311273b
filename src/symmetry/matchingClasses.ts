/** The classes of units that matching may reorder, each with whether its units may change sign as well. */
import type { Network } from '../network/network.ts';
import { symmetryGroup } from './group.ts';
import type { ChannelClass } from './unitClasses.ts';

export interface MatchingClass {
  readonly units: ChannelClass;
  /** Whether its units may change sign (odd activations all along). */
  readonly signed: boolean;
}

export function matchingClasses(network: Network): MatchingClass[] {
  const { factors } = symmetryGroup(network);
  const signed = new Set(factors.flatMap((factor) => (factor.kind === 'sign' ? [placesOf(factor.units)] : [])));
  return factors.flatMap((factor) => (factor.kind === 'permutation' && factor.units.units > 1 ? [{ units: factor.units, signed: signed.has(placesOf(factor.units)) }] : []));
}

/** Equal for two classes that hold the same units at the same places. */
function placesOf({ uses }: ChannelClass): string {
  return uses.map(({ block, axis, members }) => `${block.index}.${axis}:${members[0] ?? -1}…${members.at(-1) ?? -1}×${members.length}`).join(' ');
}
