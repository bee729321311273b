/**
 * The parameters of a posterior report by name, `TENSOR[i,j]`: which there are, and whether what somebody typed is one. The report
 * itself says which tensors its draws have.
 */
import { formatShape } from '../protocol/format.ts';
import type { Report } from '../protocol/report.ts';
import { t } from '../protocol/words.ts';

export interface ParameterTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Tensors of the report's draws; none for a report of another kind, or of a version that did not say. */
export function parameterTensors({ result }: Report): ParameterTensor[] {
  if (typeof result !== 'object' || result === null || !('tensors' in result)) return [];
  const { tensors } = result as { readonly tensors: unknown };
  return Array.isArray(tensors) ? tensors.filter(isTensor) : [];
}

function isTensor(value: unknown): value is ParameterTensor {
  return typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string'
    && 'shape' in value && Array.isArray(value.shape) && value.shape.every((size) => Number.isSafeInteger(size));
}

/** All names in order, or undefined when there are more than `most`: too many to choose from a list. */
export function parameterNames(tensors: readonly ParameterTensor[], most: number): string[] | undefined {
  const sizes = tensors.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  if (sizes.reduce((a, b) => a + b, 0) > most) return undefined;
  return tensors.flatMap(({ name, shape }, t) => Array.from({ length: sizes[t] ?? 0 }, (_, k) => `${name}[${indexOf(k, shape).join(',')}]`));
}

/** Position k of a row-major array as an index a dimension. */
function indexOf(k: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = k;
  for (const size of shape.toReversed()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return index;
}

/** What is wrong with a name that was typed, in one sentence; undefined when there is such a parameter. */
export function parameterProblem(typed: string, tensors: readonly ParameterTensor[]): string | undefined {
  const text = typed.replaceAll(' ', '');
  const [, name, inside] = /^(.*)\[([\d,]*)\]$/.exec(text) ?? [];
  if (name === undefined || inside === undefined) return t('A parameter is a tensor and an index, such as 0.weight[0,1].');
  const tensor = tensors.find((candidate) => candidate.name === name);
  if (tensor === undefined) return t('There is no tensor {0}; there are {1}.', name, `${tensors.slice(0, 6).map((candidate) => candidate.name).join(', ')}${tensors.length > 6 ? ', …' : ''}`);
  const index = inside.split(',');
  const fits = index.length === tensor.shape.length && index.every((part, axis) => part !== '' && Number(part) < (tensor.shape[axis] ?? 0));
  return fits ? undefined : t('{0} is {1}: indices count from 0 and stay below these sizes.', name, formatShape(tensor.shape));
}
