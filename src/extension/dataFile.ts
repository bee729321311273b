/** What the header of a file says of it as data: inputs `x`, targets `y`, and what they weigh, as the analyses read them. */
import { formatCount, formatShape } from '../protocol/format.ts';
import type { Likelihood, WeightSummary } from '../protocol/service.ts';
import { t } from '../protocol/words.ts';

type Header = Pick<WeightSummary, 'shapes' | 'tensors'>;

/** "x 200 × 64, y 200"; undefined when there are no inputs in it. */
export function dataIn({ shapes, tensors }: Header): string | undefined {
  const [x, y] = ['x', 'y'].map((name) => shapes.find((tensor) => tensor.name === name));
  if (x !== undefined) return y === undefined ? t('inputs x {0}', formatShape(x.shape)) : t('inputs x {0}, targets y {1}', formatShape(x.shape), formatShape(y.shape));
  const [classes, points] = tensors === 1 && shapes[0]?.shape.length === 3 ? shapes[0].shape : [];
  return classes === undefined || points === undefined ? undefined : t('{0} classes of {1} points', formatCount(classes), formatCount(points));
}

/** Inputs and what belongs to them and nothing else, so that it is not a file of weights. */
export const isDataAlone = ({ shapes, tensors }: Header): boolean =>
  shapes.length === tensors && shapes.some(({ name }) => name === 'x') && shapes.every(({ name }) => ['x', 'y', 'sample_weight'].includes(name));

/** What whole numbers as targets speak for, one a row and stored as such; the analyses ask the values and the network's outputs besides. */
export function likelihoodIn({ shapes }: Header): Likelihood | undefined {
  const y = shapes.find(({ name }) => name === 'y');
  return y !== undefined && /^(I|U|BOOL)/.test(y.dtype) && y.shape.slice(1).every((size) => size === 1) ? 'categorical' : undefined;
}
