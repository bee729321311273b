/** Numbers as people type them. */
import { expect, it } from 'vitest';
import { positiveNumber, priorPrecisionFrom, rateFrom } from '../../../src/extension/typedNumber.ts';

it('takes numbers above zero as people type them', () => {
  expect(['0.1', ' 1 ', '1e-3', '.5', '2.', '+3', '1E5'].map(positiveNumber)).toEqual([0.1, 1, 0.001, 0.5, 2, 3, 1e5]);
});

it('takes nothing else', () => {
  for (const text of ['', ' ', '0', '-1', '0x10', '1,5', '1 2', 'Infinity', 'NaN', '1e999', '1e-999', 'a little', '.', 'e5']) expect(positiveNumber(text), text).toBeUndefined();
});

it('takes a word in place of a precision, and rates below one', () => {
  expect(['evidence', ' Evidence', '0.5', 'evidences', ''].map(priorPrecisionFrom)).toEqual(['evidence', 'evidence', 0.5, undefined, undefined]);
  expect(['0.1', '1', '0', '0.999'].map(rateFrom)).toEqual([0.1, undefined, undefined, 0.999]);
});
