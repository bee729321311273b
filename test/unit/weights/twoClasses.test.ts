/** The companion data of Laurent et al. (2023) as its authors saved it: two classes of 200 points in R². */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { openWeightFile } from '../../../src/weights/openWeights.ts';

const file = resolve(import.meta.dirname, '../../../../shared/data/two-classes.pt');

it.skipIf(!existsSync(file))("reads the authors' own two-classes.pt (skipped when ../shared/data/two-classes.pt is not there)", async () => {
  const opened = await openWeightFile(file);
  expect(opened.format).toBe('PyTorch zip');
  expect(opened.tensors).toEqual([{ name: 'two-classes', dtype: 'F64', shape: [2, 200, 2], elements: 800, bytes: 6400 }]);
  expect(opened.warnings).toEqual([]);
  const points = await opened.read('two-classes');
  // Means of the classes, to two decimals, as documented with the data.
  const mean = (from: number): number => points.filter((_, i) => i >= from && i < from + 400 && (i - from) % 2 === 0).reduce((sum, x) => sum + x, 0) / 200;
  expect([mean(0), mean(1), mean(400), mean(401)].map((value) => Number(value.toFixed(2)))).toEqual([-2.09, -1.89, 2.19, 2.17]);
  await opened.close();
});
