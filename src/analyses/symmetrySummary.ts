/**
 * What a network's own weights say about its symmetries: units that do nothing or the same as another, and whether the weights stand
 * in a canonical form already. Reads all of them, so it comes with the statistics and not with the header.
 */
import { standardNormalInputs } from '../curvature/genericInputs.ts';
import { unitReports, type UnitReport } from '../curvature/units.ts';
import { interruptibly } from '../linalg/interruptible.ts';
import { seededRandom } from '../linalg/random.ts';
import { productsPerInput, valuesPerInput } from '../network/cost.ts';
import type { Network } from '../network/network.ts';
import { readState } from '../network/parameters.ts';
import { formatBytes, formatCount } from '../protocol/format.ts';
import type { Figure, JsonValue, Section } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { UserError } from '../protocol/userError.ts';
import { canonicalForm, type CanonicalOptions } from '../symmetry/canonicalForm.ts';
import type { SymmetryGroup } from '../symmetry/group.ts';
import { isReal, machineEpsilon } from '../weights/dtype.ts';
import type { WeightFile } from '../weights/weightFile.ts';

export interface SymmetrySummary {
  readonly figures: readonly Figure[];
  readonly sections: readonly Section[];
  readonly result: JsonValue;
}

/** Inputs on which a unit must be seen on, or off, for once. */
const INPUTS = 512;
/** Finding the form of larger networks would take longer than reading them. */
const MOST_PARAMETERS = 4_000_000;
const MOST_PRODUCTS = 2e10;
const LISTED_UNITS = 500;
const SEED = 0;

/** @returns a figure that says why, when the network is too large or its weights are not finite */
export async function symmetrySummary(file: WeightFile, network: Network, group: SymmetryGroup, context: JobContext): Promise<SymmetrySummary> {
  const needed = 8 * (6 * network.stateSize + 3 * INPUTS * valuesPerInput(network));
  const inputs = Math.min(INPUTS, Math.floor(MOST_PRODUCTS / productsPerInput(network)));
  if (network.parameters > MOST_PARAMETERS || inputs < INPUTS || needed > context.memoryLimitBytes) return left(`not looked at: ${formatCount(network.parameters)} parameters would need ${formatBytes(needed)}${inputs < INPUTS ? ' and take long' : ''}`);
  context.progress({ message: 'Looking for dead and duplicate units' });
  let state: Float64Array;
  try {
    state = await readState(file, network);
  } catch (error) {
    if (error instanceof UserError) return left('not looked at: some weights are not finite');
    throw error;
  }
  context.signal.throwIfAborted();
  const random = seededRandom(SEED);
  const units = await interruptibly(unitReports(network, state, standardNormalInputs(INPUTS, network.inputs, random), random), context.signal);
  context.signal.throwIfAborted();
  const form = presentForm(network, state, group, Math.max(1e-10, 16 * coarsestEpsilon(file, network)));
  const [idle, copies] = [units.filter(({ status }) => status === 'constant' || status === 'dead'), units.filter(({ status }) => status === 'duplicate')];
  return {
    figures: [
      { label: 'Dead units', value: formatCount(idle.length), detail: `of ${formatCount(units.length)}, on ${INPUTS} normal inputs` },
      { label: 'Duplicate units', value: formatCount(copies.length), detail: 'same feature as another' },
      { label: 'Canonical form', value: form.length === 0 ? 'none' : form.join(', '), detail: form.length === 0 ? 'one copy of many' : 'already' },
    ],
    sections: idle.length + copies.length === 0 ? [] : [unitTable([...idle, ...copies])],
    result: { inputs: INPUTS, dead: idle.map(plain), duplicates: copies.map(plain), canonical: form },
  };
}

const left = (why: string): SymmetrySummary => ({ figures: [{ label: 'Units', value: '–', detail: why }], sections: [], result: null });

const plain = ({ layer, unit, status, duplicateOf }: UnitReport): JsonValue => ({ layer, unit, status, ...(duplicateOf === undefined ? {} : { duplicateOf }) });

/** Which of the forms that the network has a symmetry for leave the weights as they are, each taken by itself. */
function presentForm(network: Network, state: Float64Array, group: SymmetryGroup, tolerance: number): string[] {
  const kinds = new Set(group.factors.map(({ kind }) => kind));
  const none: CanonicalOptions = { scaling: 'none', permutation: 'none', sign: 'none', countBiases: false, tieTolerance: tolerance };
  const candidates: readonly (readonly [name: string, has: boolean, options: CanonicalOptions])[] = [
    ['unit', kinds.has('scaling'), { ...none, scaling: 'unit' }],
    ['balanced', kinds.has('scaling'), { ...none, scaling: 'balanced' }],
    ['signs fixed', kinds.has('sign'), { ...none, sign: 'fixed' }],
    ['sorted', kinds.has('permutation'), { ...none, permutation: 'sorted' }],
  ];
  return candidates.filter(([, has, options]) => has && isUnchanged(state, canonicalForm(network, state, options).state, tolerance)).map(([name]) => name);
}

function isUnchanged(before: Float64Array, after: Float64Array, tolerance: number): boolean {
  const largest = before.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return before.every((x, i) => Math.abs(after[i]! - x) <= tolerance * largest);
}

function coarsestEpsilon(file: WeightFile, network: Network): number {
  return network.blocks.reduce((most, { tensor }) => {
    const dtype = file.tensor(tensor)?.dtype ?? 'F64';
    return Math.max(most, isReal(dtype) ? machineEpsilon[dtype] : 0);
  }, 0);
}

function unitTable(units: readonly UnitReport[]): Section {
  const listed = units.slice(0, LISTED_UNITS);
  const words = { constant: 'its incoming weights are zero', dead: 'never on', duplicate: 'computes what another unit does', 'always-on': '', rare: '', saturated: '', mixed: '' } as const;
  return {
    kind: 'table', id: 'units', title: 'Units that could be pruned',
    meaning: `Removing a dead unit, or merging a duplicate into the unit that it copies, leaves the function as it is on the ${INPUTS} inputs that were tried.${listed.length < units.length ? ` The first ${formatCount(listed.length)} of ${formatCount(units.length)}.` : ''}`,
    columns: [{ label: 'Layer', align: 'left' }, { label: 'Unit', align: 'right' }, { label: 'Status', align: 'left' }, { label: 'Why', align: 'left' }],
    rows: listed.map(({ layer, unit, status, duplicateOf }) => [layer, unit, status, duplicateOf === undefined ? words[status] : `${words[status]} (unit ${duplicateOf})`]),
  };
}
