// What the Explorer and the question for data say of a file by its header: data are called data, and weights never are.
import { expect, it } from 'vitest';
import { dataIn, isDataAlone, likelihoodIn } from '../../../src/extension/dataFile.ts';

const header = (shapes: Readonly<Record<string, readonly number[]>>, tensors = Object.keys(shapes).length): Parameters<typeof dataIn>[0] =>
  ({ tensors, shapes: Object.entries(shapes).map(([name, shape]) => ({ name, shape, dtype: 'F64' })) });

it.each([
  [header({ x: [200, 64], y: [200] }), 'inputs x 200 × 64, targets y 200', true],
  [header({ x: [40, 1] }), 'inputs x 40 × 1', true],
  [header({ x: [40, 1], y: [40, 1], sample_weight: [40] }), 'inputs x 40 × 1, targets y 40 × 1', true],
  // Points by class in one array could also be draws of a tensor: offered as data, yet marked like a file of weights.
  [header({ classes: [2, 200, 2] }), '2 classes of 200 points', false],
  // Data among other things.
  [header({ x: [40, 1], '0.weight': [10, 1] }), 'inputs x 40 × 1', false],
  // Longer than what the summary lists.
  [header({ x: [40, 1] }, 3000), 'inputs x 40 × 1', false],
  [header({ '0.weight': [10, 1], '0.bias': [10] }), undefined, false],
  [header({ y: [200] }), undefined, false],
  [header({}), undefined, false],
])('%j', (summary, said, alone) => {
  expect(dataIn(summary)).toBe(said);
  expect(isDataAlone(summary)).toBe(alone);
});

it.each([
  ['I64', [200], 'categorical'], ['U8', [200, 1], 'categorical'], ['BOOL', [200], 'categorical'],
  // Values, and several a row, are a regression as far as a header tells.
  ['F32', [200], undefined], ['I64', [200, 3], undefined],
] as const)('takes targets y of %s %j for %s', (dtype, shape, likelihood) => {
  expect(likelihoodIn({ tensors: 2, shapes: [{ name: 'x', dtype: 'F32', shape: [200, 2] }, { name: 'y', dtype, shape }] })).toBe(likelihood);
});
