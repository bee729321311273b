/**
 * Units within units by their responses: the channels of a grouped convolution stand in any order within their group, so that groups are alike when
 * their channels are in the best order of each pair of groups. First the groups are assigned on that, then, where each has come to be, the channels
 * within it. Part of activation matching.
 */
import { leastCostAssignment } from '../linalg/assignment.ts';
import type { Interruptible } from '../linalg/interruptible.ts';
import type { MatchingClass } from './matchingClasses.ts';
import type { AxisUse } from './unitClasses.ts';
import type { UnitOrder } from './unitOrder.ts';

/** Channels of one value that belong to a group: those of a class within it, or, where it has no such class, all in their fixed order. */
interface Part {
  readonly node: number;
  /** Class within the group; undefined where the order is fixed. */
  readonly within: number | undefined;
  /** units × multiplicity channels of the value. */
  readonly channels: Int32Array;
  readonly units: number;
}

/** A class of whole groups, with the parts of each in the same order. */
export interface NestedGroups {
  readonly index: number;
  readonly parts: readonly (readonly Part[])[];
}

/** @param sources values that the consumers of a class see, with the class's channels in them */
export function nestedGroups(classes: readonly MatchingClass[], nested: readonly boolean[], sources: (c: number) => readonly { readonly node: number; readonly members: Int32Array; readonly multiplicity: number }[]): NestedGroups[] {
  return classes.flatMap(({ units: { kind, uses, units } }, index): NestedGroups[] => {
    if (kind !== 'groups' || nested[index] !== true) return [];
    const groupOf = (use: AxisUse): number => {
      const around = uses.find((candidate) => candidate.block === use.block && candidate.axis === use.axis && candidate.members.includes(use.members[0]!));
      return around === undefined ? -1 : Math.floor(around.members.indexOf(use.members[0]!) / around.multiplicity);
    };
    const parts: Part[][] = Array.from({ length: units }, () => []);
    const covered = new Set<number>();
    classes.forEach((one, within) => {
      if (nested[within] !== true || one.units.kind === 'groups') return;
      const g = one.units.uses.map(groupOf).find((found) => found >= 0);
      if (g === undefined) return;
      for (const { node, members } of sources(within)) {
        covered.add(node);
        parts[g]!.push({ node, within, channels: members, units: one.units.units });
      }
    });
    for (const { node, members, multiplicity } of sources(index)) {
      if (covered.has(node)) continue;
      parts.forEach((list, g) => { list.push({ node, within: undefined, channels: members.subarray(g * multiplicity, (g + 1) * multiplicity), units: 1 }); });
    }
    for (const list of parts) list.sort((a, b) => a.node - b.node || (a.within ?? 0) - (b.within ?? 0));
    return [{ index, parts }];
  });
}

export interface NestedMatch {
  readonly c: number;
  readonly order: UnitOrder;
  readonly before: number;
  readonly after: number;
}

/**
 * @param correlation of channel i of the reference's value and channel j of the other's
 * @returns first the groups' order, then those within, each to be applied after the ones before it
 */
export function* matchNested({ index, parts }: NestedGroups, correlation: (node: number, i: number, j: number) => number): Interruptible<NestedMatch[]> {
  const groups = parts.length;
  const gains = new Float64Array(groups * groups);
  const [first] = parts;
  if (first === undefined) return [];
  for (let g = 0; g < groups; g++) {
    for (let h = 0; h < groups; h++) {
      for (const [k, part] of parts[g]!.entries()) gains[g * groups + h]! += (yield* pairGain(part, parts[h]![k]!, correlation)).gain / first.length;
      yield;
    }
  }
  const { columns } = yield* leastCostAssignment(gains.map((gain) => -gain), groups);
  const sum = (to: (g: number) => number): number => parts.reduce((total, _, g) => total + gains[g * groups + to(g)]! / groups, 0);
  const matches: NestedMatch[] = [{ c: index, order: unsigned(columns), before: sum((g) => g), after: sum((g) => columns[g]!) }];
  for (const [g, list] of parts.entries()) {
    // A class with several values is matched on all of them together.
    for (const within of new Set(list.map((part) => part.within))) {
      if (within === undefined) continue;
      const own = list.flatMap((part, k) => (part.within === within ? [{ part, other: parts[columns[g]!]![k]! }] : []));
      const n = own[0]?.part.units ?? 0;
      const alike = new Float64Array(n * n);
      for (const { part, other } of own) unitGains(part, other, correlation).forEach((gain, k) => { alike[k]! += gain / own.length; });
      const { columns: order } = yield* leastCostAssignment(alike.map((gain) => -gain), n);
      const mean = (to: (i: number) => number): number => Array.from(order, (_, i) => alike[i * n + to(i)]! / n).reduce((a, b) => a + b, 0);
      matches.push({ c: within, order: unsigned(order), before: mean((i) => i), after: mean((i) => order[i]!) });
    }
  }
  return matches;
}

const unsigned = (order: Int32Array): UnitOrder => ({ order, signs: new Int8Array(order.length).fill(1) });

/** Mean correlation of the channels of two units, units × units. */
function unitGains({ node, channels, units }: Part, other: Part, correlation: (node: number, i: number, j: number) => number): Float64Array {
  const each = channels.length / units;
  return Float64Array.from({ length: units * units }, (_, k) => {
    let sum = 0;
    for (let m = 0; m < each; m++) sum += correlation(node, channels[Math.floor(k / units) * each + m]!, other.channels[(k % units) * each + m]!) / each;
    return sum;
  });
}

/** Of two groups, their channels in the best order. */
function* pairGain(part: Part, other: Part, correlation: (node: number, i: number, j: number) => number): Interruptible<{ readonly gain: number }> {
  const gains = unitGains(part, other, correlation);
  const { cost } = yield* leastCostAssignment(gains.map((gain) => -gain), part.units);
  return { gain: -cost / part.units };
}
