/**
 * From the nested dicts and lists of a checkpoint to a flat list of tensors with dotted names, as the file has them: `fc.weight` of a
 * bare state dict, `state_dict.fc.weight` when it lies in a dict under that key, `0.fc.weight` in a list of state dicts.
 * An optimiser's state is known by its form, a dict of exactly `state` and `param_groups`; its tensors are listed under their
 * names as well, but they are not weights, and their name prefixes are returned so that they can be told apart.
 */
import { PickleCall, PickleDict, PickleSequence } from './pickleValue.ts';
import type { PickleValue } from './pickleValue.ts';

export interface Checkpoint {
  readonly tensors: readonly { readonly name: string; readonly value: PickleCall }[];
  /** Numbers, truth values and short texts beside the tensors, under their dotted names. */
  readonly scalars: ReadonlyMap<string, string>;
  /** Prefixes, with their final dot, of what belongs to an optimiser; "" when the whole file does. */
  readonly optimizerPrefixes: readonly string[];
  /** How many state dicts the file is a list of; 0 when it is something else. */
  readonly stateDicts: number;
}

const LONGEST_SCALAR = 200;
const MOST_SCALARS = 1000;
// A longer list of numbers is data, not a setting.
const LONGEST_LIST = 32;

/**
 * @param isTensor whether a record is a tensor
 * @param rootName what the tensor is called when the file holds nothing but one
 */
export function flattenCheckpoint(root: PickleValue, isTensor: (call: PickleCall) => boolean, rootName: string): Checkpoint {
  const tensors: { readonly name: string; readonly value: PickleCall }[] = [];
  const scalars = new Map<string, string>();
  const optimizerPrefixes: string[] = [];
  // The machine has checked that values are acyclic, at most some hundred levels deep and bounded in number.
  const visit = (value: PickleValue, path: string, inOptimizer: boolean): void => {
    if (value instanceof PickleCall && isTensor(value)) {
      tensors.push({ name: path === '' ? rootName : path, value });
    } else if (value instanceof PickleDict) {
      const optimizer = !inOptimizer && isOptimizerState(value);
      if (optimizer) optimizerPrefixes.push(path === '' ? '' : `${path}.`);
      for (const [key, item] of value.entries) {
        if (typeof key === 'string' || typeof key === 'number') part(item, path, key, inOptimizer || optimizer);
      }
    } else if (value instanceof PickleSequence && value.kind !== 'set') {
      const short = value.items.length <= LONGEST_LIST;
      value.items.forEach((item, i) => { if (short || (typeof item === 'object' && item !== null)) part(item, path, i, inOptimizer); });
    } else if (!inOptimizer && path !== '' && scalars.size < MOST_SCALARS) {
      const text = scalarText(value);
      if (text !== undefined && text.length <= LONGEST_SCALAR) scalars.set(path, text);
    }
  };
  const part = (value: PickleValue, path: string, key: string | number, inOptimizer: boolean): void => {
    visit(value, path === '' ? String(key) : `${path}.${key}`, inOptimizer);
  };
  visit(root, '', false);
  const listed = root instanceof PickleSequence && root.items.length > 1 && root.items.every((item) => item instanceof PickleDict);
  return { tensors, scalars, optimizerPrefixes, stateDicts: listed ? root.items.length : 0 };
}

function isOptimizerState(dict: PickleDict): boolean {
  return dict.entries.length === 2 && dict.get('state') instanceof PickleDict && dict.get('param_groups') instanceof PickleSequence;
}

function scalarText(value: PickleValue): string | undefined {
  switch (typeof value) {
    case 'string': return value;
    case 'boolean': return value ? 'True' : 'False';
    case 'number':
    case 'bigint': return value.toString();
    default: return value instanceof PickleCall ? numpyScalarText(value) : undefined;
  }
}

/** `numpy.…multiarray.scalar(dtype, bytes)`: how a float64 or int64 of NumPy, a best score for instance, is pickled. */
function numpyScalarText(value: PickleCall): string | undefined {
  if (!value.callee.endsWith('.multiarray.scalar')) return undefined;
  const [type, content] = value.args;
  const typeName = type instanceof PickleCall ? type.args[0] : undefined;
  if (!(type instanceof PickleCall) || typeof typeName !== 'string' || content === undefined || content === null || typeof content !== 'object' || content.kind !== 'bytes') return undefined;
  const order = type.state instanceof PickleSequence ? type.state.items[1] : undefined;
  if (order === '>' || content.bytes.length > 8) return undefined;
  const view = new DataView(content.bytes.buffer, content.bytes.byteOffset, content.bytes.byteLength);
  switch (`${typeName} ${content.bytes.length}`) {
    case 'f8 8': return view.getFloat64(0, true).toString();
    case 'f4 4': return view.getFloat32(0, true).toString();
    case 'i8 8': return view.getBigInt64(0, true).toString();
    case 'i4 4': return view.getInt32(0, true).toString();
    default: return undefined;
  }
}
