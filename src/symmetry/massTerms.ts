/**
 * The mass of a network as a function of its units' scales, Σ A[o, c]² e^{2(s_o − s_c)}: squared weights of every linear map, added up where
 * one pair of groups has several (a kernel's positions, a flattened channel's columns), and who takes part in which sum.
 */
import type { LinearMap } from './linearMaps.ts';
import type { ChannelClass } from './unitClasses.ts';

/** One linear map with its entries gathered. */
export interface MapTerms {
  readonly rows: number;
  /** Columns of one group, those of one group of the unification taken together. */
  readonly columns: number;
  readonly groups: number;
  /** rows × columns: Σ w². */
  readonly squares: Float64Array;
  /** rows × columns: ½ log Σ w², −∞ for zeros; filled by `loadLogs` only. */
  readonly logs: Float64Array;
  /** b² and log|b| of each row, where biases count. */
  readonly biases: Float64Array | undefined;
  readonly biasLogs: Float64Array | undefined;
  readonly rowGroups: Int32Array;
  /** groups × columns. */
  readonly columnGroups: Int32Array;
}

/** The rows, or columns (numbered over all groups), of a map that belong to a level, with the unit of each. */
export interface LevelPart {
  readonly terms: MapTerms;
  readonly index: Int32Array;
  readonly unit: Int32Array;
  /** index[k] = index[0] + k and unit[k] = k for all units. */
  readonly consecutive: boolean;
  /** Of rows whose inputs all keep their scale: Σ w² of each, once `load` has seen the weights; most of a network's weights are in its first layer. */
  readonly fixed: Float64Array | undefined;
}

/** Units whose scales do not enter one another's norms: a class, or one unit of a class that a map leads back to itself. */
export interface Level {
  readonly name: string;
  /** Number within the class of the first unit. */
  readonly firstUnit: number;
  /** Group of each unit. */
  readonly groups: Int32Array;
  readonly rowParts: readonly LevelPart[];
  readonly columnParts: readonly LevelPart[];
}

export interface MassTerms {
  readonly levels: readonly Level[];
  /** Classes on the longest path from input to output. */
  readonly longestPath: number;
  readonly widestColumns: number;
  /** Terms in all. */
  readonly count: number;
  /** Fills `squares`; returns the largest |log|w|| of a non-zero weight. */
  load(state: Float64Array): number;
  loadLogs(state: Float64Array): void;
}

export function massTerms(maps: readonly LinearMap[], classes: readonly ChannelClass[], groups: number, countBiases: boolean): MassTerms {
  const classOf = new Int32Array(groups).fill(-1);
  const unitOf = new Int32Array(groups);
  const members = classes.map(({ units }) => new Int32Array(units));
  classes.forEach(({ uses, units }, k) => {
    for (const { role, block, members: indices, multiplicity } of uses) {
      if (role !== 'producer') continue;
      const map = maps.find((candidate) => candidate.block === block);
      if (map === undefined) continue;
      for (let unit = 0; unit < units; unit++) {
        const group = map.rowGroups[indices[unit * multiplicity]!]!;
        classOf[group] = k;
        unitOf[group] = unit;
        members[k]![unit] = group;
      }
    }
  });

  const gathered = maps.map((map) => gather(map, countBiases));
  const coupled = gathered.map(({ terms }) => leadsBack(terms, classOf));
  const within = new Set(coupled.flatMap((found) => [...found]));
  const levels = classes.flatMap(({ name, units }, k): Level[] => {
    const chosen = within.has(k) ? Array.from({ length: units }, (_, unit) => [unit]) : [Array.from({ length: units }, (_, unit) => unit)];
    return chosen.map((list) => {
      const inLevel = (group: number): number => (classOf[group] === k ? list.indexOf(unitOf[group]!) : -1);
      const numberOf = list.length === units ? (group: number): number => (classOf[group] === k ? unitOf[group]! : -1) : inLevel;
      return {
        name, firstUnit: list[0]!, groups: Int32Array.from(list, (unit) => members[k]![unit]!),
        rowParts: gathered.flatMap(({ terms }) => partOf(terms, terms.rowGroups, numberOf, list.length, terms.columnGroups.every((group) => classOf[group]! < 0))),
        columnParts: gathered.flatMap(({ terms }) => partOf(terms, terms.columnGroups, numberOf, list.length, false)),
      };
    });
  });

  return {
    levels,
    longestPath: longestPath(gathered.map(({ terms }) => terms), classOf, classes.length),
    widestColumns: gathered.reduce((most, { terms }) => Math.max(most, terms.columns), 0),
    count: gathered.reduce((sum, { terms }) => sum + terms.squares.length, 0),
    load(state) {
      let smallest = Number.POSITIVE_INFINITY;
      let largest = 0;
      for (let m = 0; m < maps.length; m++) {
        const { block, bias, inner } = maps[m]!;
        const { terms, slots } = gathered[m]!;
        const { squares, biases, rows, columns } = terms;
        const width = maps[m]!.columns;
        squares.fill(0);
        for (let o = 0, at = block.offset; o < rows; o++) {
          for (let i = 0; i < width; i++) {
            const to = o * columns + (slots === undefined ? i : slots[i]!);
            for (let b = 0; b < inner; b++, at++) {
              const size = Math.abs(state[at]!);
              squares[to]! += size * size;
              if (size > largest) largest = size;
              if (size < smallest && size > 0) smallest = size;
            }
          }
        }
        if (biases !== undefined && bias !== undefined) {
          for (let o = 0; o < rows; o++) {
            const size = Math.abs(state[bias.offset + o]!);
            biases[o] = size * size;
            if (size > largest) largest = size;
            if (size < smallest && size > 0) smallest = size;
          }
        }
        if (coupled[m]!.size > 0) dropOwn(terms, squares, 0);
      }
      for (const { rowParts } of levels) for (const part of rowParts) sumFixed(part);
      return largest === 0 ? 0 : Math.max(Math.abs(Math.log(largest)), Math.abs(Math.log(smallest)));
    },
    loadLogs(state) {
      for (let m = 0; m < maps.length; m++) {
        const { block, bias, inner } = maps[m]!;
        const { terms, slots } = gathered[m]!;
        const { logs, biasLogs, rows, columns } = terms;
        const width = maps[m]!.columns;
        logs.fill(Number.NEGATIVE_INFINITY);
        for (let o = 0, at = block.offset; o < rows; o++) {
          for (let i = 0; i < width; i++) {
            const to = o * columns + (slots === undefined ? i : slots[i]!);
            for (let b = 0; b < inner; b++, at++) logs[to] = addLog(logs[to]!, Math.log(Math.abs(state[at]!)));
          }
        }
        if (biasLogs !== undefined && bias !== undefined) for (let o = 0; o < rows; o++) biasLogs[o] = Math.log(Math.abs(state[bias.offset + o]!));
        if (coupled[m]!.size > 0) dropOwn(terms, logs, Number.NEGATIVE_INFINITY);
      }
    },
  };
}

function sumFixed({ fixed, index, terms: { squares, columns } }: LevelPart): void {
  if (fixed === undefined) return;
  for (let k = 0; k < index.length; k++) {
    let sum = 0;
    for (let at = index[k]! * columns; at < (index[k]! + 1) * columns; at++) sum += squares[at]!;
    fixed[k] = sum;
  }
}

/** log √(e^{2a} + e^{2b}). */
function addLog(a: number, b: number): number {
  if (a === Number.NEGATIVE_INFINITY) return b;
  if (b === Number.NEGATIVE_INFINITY) return a;
  return Math.max(a, b) + 0.5 * Math.log1p(Math.exp(-2 * Math.abs(a - b)));
}

/** Columns of one group of the unification become one; `slots` says which, or is left out when each has its own. */
function gather({ rows, columns, groups, bias, rowGroups, columnGroups }: LinearMap, countBiases: boolean): { readonly terms: MapTerms; readonly slots: Int32Array | undefined } {
  const numbers = new Map<number, number>();
  if (groups === 1) for (const group of columnGroups) if (!numbers.has(group)) numbers.set(group, numbers.size);
  const gathered = groups === 1 && numbers.size < columns;
  const width = gathered ? numbers.size : columns;
  const counted = countBiases && bias !== undefined;
  return {
    slots: gathered ? columnGroups.map((group) => numbers.get(group) ?? 0) : undefined,
    terms: {
      rows, columns: width, groups, rowGroups,
      columnGroups: gathered ? Int32Array.from(numbers.keys()) : columnGroups,
      squares: new Float64Array(rows * width), logs: new Float64Array(rows * width),
      biases: counted ? new Float64Array(rows) : undefined, biasLogs: counted ? new Float64Array(rows) : undefined,
    },
  };
}

/** Classes that the map takes to themselves. */
function leadsBack({ rowGroups, columnGroups }: MapTerms, classOf: Int32Array): ReadonlySet<number> {
  const rows = new Set(Array.from(rowGroups, (group) => classOf[group]!));
  return new Set(Array.from(columnGroups, (group) => classOf[group]!).filter((found) => found >= 0 && rows.has(found)));
}

/** Entries from a group to itself keep their size whatever its scale: they do not count. */
function dropOwn({ rows, columns, groups, rowGroups, columnGroups }: MapTerms, values: Float64Array, nothing: number): void {
  for (let o = 0; o < rows; o++) {
    const first = Math.floor((o * groups) / rows) * columns;
    for (let c = 0; c < columns; c++) if (columnGroups[first + c] === rowGroups[o]) values[o * columns + c] = nothing;
  }
}

function partOf(terms: MapTerms, groups: Int32Array, numberOf: (group: number) => number, units: number, fixed: boolean): LevelPart[] {
  const index: number[] = [];
  const unit: number[] = [];
  groups.forEach((group, i) => {
    const own = numberOf(group);
    if (own < 0) return;
    index.push(i);
    unit.push(own);
  });
  if (index.length === 0) return [];
  const consecutive = index.length === units && index.every((i, k) => i === index[0]! + k && unit[k] === k);
  return [{ terms, index: Int32Array.from(index), unit: Int32Array.from(unit), consecutive, fixed: fixed ? new Float64Array(index.length) : undefined }];
}

/** Number of classes on the longest path; maps come in the order of the nodes. */
function longestPath(maps: readonly MapTerms[], classOf: Int32Array, classes: number): number {
  const depth = new Int32Array(classes);
  let longest = 0;
  for (const { rowGroups, columnGroups } of maps) {
    let before = 0;
    for (const group of columnGroups) if (classOf[group]! >= 0) before = Math.max(before, depth[classOf[group]!]!);
    for (const group of new Set(rowGroups)) {
      const own = classOf[group]!;
      if (own < 0) continue;
      depth[own] = Math.max(depth[own]!, before + 1);
      longest = Math.max(longest, depth[own]);
    }
  }
  return longest;
}
