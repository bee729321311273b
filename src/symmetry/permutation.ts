/**
 * The `sorted` form of the permutation symmetry: v_1 ≥ v_2 ≥ … in every class, outgoing columns compared lexicographically,
 * descending; of several layers that consume a class the last is compared first. From the output back to the input, so that the rows of a
 * column are already in their final order when it is compared.
 *
 * Ties (see `tieOrder.ts` for what counts as one) are broken by whatever else has a fixed place or is in order already: biases, entries
 * of normalisations, rows whose inputs have fixed places. Where rows come from units that are not in order yet, by colour
 * (`colourRefinement.ts`), which does not depend on that order. Units that agree in everything are interchangeable.
 */
import type { Block, Network } from '../network/network.ts';
import { channelClasses } from './channelClasses.ts';
import { ColourRefinement, type UnitGraph, unitGraph } from './colourRefinement.ts';
import { permutationScratch, permuteUnits } from './permuteUnits.ts';
import { CellOrder, tied } from './tieOrder.ts';
import { type AxisUse, type ChannelClass, memberStarts } from './unitClasses.ts';

export interface PermutationStep {
  readonly classes: readonly ChannelClass[];
  /** Sorts the units of every class in place. Returns the number of classes whose order changed. */
  apply(state: Float64Array): number;
  /** Of the last call, per class: new unit j was unit order[j]. */
  readonly orders: readonly Int32Array[];
}

/** A use with where its members begin. */
interface PlacedUse {
  readonly starts: Int32Array;
  readonly multiplicity: number;
  /** Rows that mention a member, `step` entries apart, `inner` entries each. */
  readonly rows: number;
  readonly step: number;
  readonly inner: number;
}

interface SortedClass {
  readonly units: ChannelClass;
  readonly cells: CellOrder;
  /** Compared in this order: what is in order when this class is reached, columns first. */
  readonly ordered: readonly PlacedUse[];
  /** All uses. */
  readonly all: readonly PlacedUse[];
  /** Whether `ordered` is all there is. */
  readonly complete: boolean;
}

export function sortedUnits(network: Network, tolerance: number): PermutationStep {
  const classes = channelClasses(network);
  const scratch = permutationScratch(classes);
  const plan = sortingPlan(classes);
  let graph: UnitGraph | undefined;
  let objects: readonly (readonly Int32Array[])[] | undefined;

  function apply(state: Float64Array): number {
    let colours: ColourRefinement | undefined;
    let moved = 0;
    for (const sorted of plan) {
      const { units, cells, ordered, all, complete } = sorted;
      cells.reset();
      for (const use of ordered) splitByUse(state, cells, use);
      if (!cells.discrete && !complete && undecidedUnit(state, cells, all) >= 0) {
        graph ??= unitGraph(network);
        objects ??= unitObjects(classes, graph);
        colours ??= new ColourRefinement(graph, state, tolerance, false);
        splitByColour(state, cells, all, colours, objects[units.index]!);
      }
      if (cells.identity) continue;
      permuteUnits(state, units, cells.order, scratch);
      moved++;
    }
    return moved;
  }

  function splitByUse(state: Float64Array, cells: CellOrder, { starts, multiplicity, rows, step, inner }: PlacedUse): void {
    for (let a = 0; a < rows; a++) {
      for (let m = 0; m < multiplicity; m++) {
        for (let b = 0; b < inner; b++) {
          if (cells.discrete) return;
          cells.split(state, starts, multiplicity, m, a * step + b, tolerance);
        }
      }
    }
  }

  /** A unit that shares a cell with one from which it differs, or −1. */
  function undecidedUnit(state: Float64Array, cells: CellOrder, all: readonly PlacedUse[]): number {
    for (let p = 1; p < cells.size; p++) {
      if (cells.first[p] === 0 && !sameEntries(state, all, cells.order[p - 1]!, cells.order[p]!)) return cells.order[p]!;
    }
    return -1;
  }

  function sameEntries(state: Float64Array, uses: readonly PlacedUse[], u: number, v: number): boolean {
    for (const { starts, multiplicity, rows, step, inner } of uses) {
      for (let m = 0; m < multiplicity; m++) {
        for (let a = 0; a < rows; a++) {
          for (let b = a * step; b < a * step + inner; b++) {
            if (!tied(state[starts[u * multiplicity + m]! + b]!, state[starts[v * multiplicity + m]! + b]!, tolerance)) return false;
          }
        }
      }
    }
    return true;
  }

  /** Until units that share a cell are twins: split by colour, then put one unit of a shared colour first and refine. */
  function splitByColour(state: Float64Array, cells: CellOrder, all: readonly PlacedUse[], colours: ColourRefinement, objectsOf: readonly Int32Array[]): void {
    for (;;) {
      const rank = unitRanks(colours, objectsOf);
      for (let start = 0; start < cells.size; start = cells.cellEnd(start)) cells.splitCellBy(start, (unit) => rank[unit]!);
      const undecided = undecidedUnit(state, cells, all);
      if (undecided < 0) return;
      colours.individualise(objectsOf[undecided]!.reduce((top, object) => (colours.colour(object) > colours.colour(top) ? object : top)));
    }
  }

  const orders = classes.map((found) => plan.find(({ units }) => units === found)?.cells.order ?? new Int32Array(0));
  return { classes, apply, orders };
}

/** The order in which classes are sorted, and what is in order when each is reached. */
function sortingPlan(classes: readonly ChannelClass[]): readonly SortedClass[] {
  const lastConsumer = ({ uses }: ChannelClass): number => uses.reduce((last, { role, node }) => (role === 'consumer' ? Math.max(last, node) : last), -1);
  const order = [...classes].sort((a, b) => lastConsumer(b) - lastConsumer(a) || Number(a.kind === 'groups') - Number(b.kind === 'groups') || b.index - a.index);
  const along = (block: Block, axis: 0 | 1): readonly ChannelClass[] => classes.filter(({ uses }) => uses.some((use) => use.block === block && use.axis === axis));
  const done = new Set<ChannelClass>();
  return order.map((units): SortedClass => {
    const inOrder = (use: AxisUse): boolean => {
      // Of a whole group, the channels within it too have to be in order.
      if (units.kind === 'groups' && along(use.block, use.axis).some((other) => other !== units && !done.has(other))) return false;
      if (use.role === 'elementwise') return true;
      return along(use.block, use.axis === 0 ? 1 : 0).every((other) => done.has(other));
    };
    const rank = ({ role }: AxisUse): number => (role === 'consumer' ? 0 : role === 'producer' ? 1 : 2);
    const ready = units.uses.filter(inOrder).sort((a, b) => rank(a) - rank(b) || (a.role === 'consumer' ? b.node - a.node : a.node - b.node));
    done.add(units);
    return { units, cells: new CellOrder(units.units), ordered: ready.map(placed), all: units.uses.map(placed), complete: ready.length === units.uses.length };
  });
}

function placed(use: AxisUse): PlacedUse {
  return { starts: memberStarts(use), multiplicity: use.multiplicity, rows: use.outer / use.groups, step: use.length * use.inner, inner: use.inner };
}

/** For each class the objects of the graph that each unit has; of channels one is enough, because what a channel has is told apart alike. */
function unitObjects(classes: readonly ChannelClass[], { maps }: UnitGraph): readonly (readonly Int32Array[])[] {
  return classes.map(({ uses, units, kind }) => {
    const owned = Array.from({ length: units }, () => new Set<number>());
    for (const { block, axis, members, multiplicity } of uses) {
      const map = maps.find((candidate) => candidate.block === block);
      if (map === undefined) continue;
      const along = axis === 1 ? map.columnGroups : map.rowGroups;
      owned.forEach((set, unit) => { for (let m = unit * multiplicity; m < (unit + 1) * multiplicity; m++) set.add(along[members[m]!]!); });
      if (kind === 'channels') break;
    }
    return owned.map((set) => Int32Array.from(set));
  });
}

/** Units in the order of their objects' colours, which is a number a unit whatever order its objects are in. */
function unitRanks(colours: ColourRefinement, objectsOf: readonly Int32Array[]): readonly number[] {
  const own = objectsOf.map((objects) => objects.map((object) => colours.colour(object)).sort());
  const order = own.map((_, unit) => unit).sort((a, b) => compare(own[a]!, own[b]!));
  const ranks = new Array<number>(own.length);
  order.forEach((unit, p) => { ranks[unit] = p > 0 && compare(own[order[p - 1]!]!, own[unit]!) === 0 ? ranks[order[p - 1]!]! : p; });
  return ranks;
}

function compare(a: Int32Array, b: Int32Array): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}
