/** Vectors of weight space as pictures: every entry where its tensor has it, the largest where not all can be shown. */
import { describe, expect, test } from 'vitest';
import { weightPictures } from '../../../src/curvature/weightPictures.ts';
import { distance } from '../linalg/matrices.ts';
import { Layers } from '../network/networks.ts';
import { network as dense, normal } from './problems.ts';

describe('weight pictures', () => {
  test('pictures keep the entry of the largest magnitude in each cell', () => {
    const network = dense([6, 4, 1], 'relu');
    const direction = Float64Array.from({ length: network.parameters }, (_, k) => (k % 2 === 0 ? 1 : -1) * k);
    const [weight, bias] = weightPictures(network, direction, 2);
    expect(weight).toMatchObject({ rows: 2, columns: 2, block: { tensor: '0.weight' } });
    // Rows 0–1 and 2–3, columns 0–2 and 3–5 of entries (−1)^k k.
    expect([...weight!.values]).toEqual([8, -11, 20, -23]);
    expect(bias).toMatchObject({ rows: 1, columns: 2 });
    expect([...bias!.values]).toEqual([-25, -27]);
  });

  test.each([
    [[3, 9, 9], 8, [3, 3], 1], [[1, 14, 14], 6, [5, 5], 1], [[6, 7, 7], 6, [3, 2], 6], [[2, 20], 5, [7], 1], [[1, 6, 6, 6], 4, [2, 3, 3], 1],
  ] as const)('input %j, %i output channels, kernels of %j, %i groups: every kernel stands whole beside its neighbours', (shape, outputs, kernel, groups) => {
    const network = new Layers(shape).conv(outputs, kernel, { groups, bias: false }).build();
    const direction = normal(1, network.parameters);
    const [{ rows, columns, values, kernels, share }] = weightPictures(network, direction) as [ReturnType<typeof weightPictures>[number]];
    if (kernels === undefined) throw new Error('a matrix and no kernels');
    const inputs = shape[0] / groups;
    const { height, width } = kernels;
    expect(share).toBe(1);
    expect([kernels.outputs, kernels.inputs]).toEqual([Array.from({ length: outputs }, (_, o) => o), Array.from({ length: inputs }, (_, i) => i)]);
    expect([height * width, width]).toEqual([kernel.reduce((a: number, b) => a * b, 1), kernel.at(-1)]);
    // Each entry once, and gaps between.
    const shown = values.filter((value) => !Number.isNaN(value));
    expect(distance(shown.toSorted(), direction.toSorted())).toBe(0);
    expect(values).toHaveLength(rows * columns);
    // A kernel's rows stand below each other: each entry has its right neighbour beside it and its lower neighbour below.
    const at = new Map(Array.from(values, (value, cell) => [value, cell]));
    direction.forEach((value, k) => {
      const [y, x] = [Math.floor((k % (height * width)) / width), k % width];
      if (x + 1 < width) expect(at.get(direction[k + 1]!)! - at.get(value)!).toBe(1);
      if (y + 1 < height) expect(at.get(direction[k + width]!)! - at.get(value)!).toBe(columns);
      // Kernels of one output channel side by side, a cell apart.
      if (Math.floor(k / (height * width)) % inputs < inputs - 1) expect(at.get(direction[k + height * width]!)! - at.get(value)!).toBe(width + 1);
    });
  });

  test('of many channels those with most of the vector, in their order', () => {
    const network = new Layers([40, 5, 5]).conv(70, [3, 3], { bias: false }).build();
    const direction = normal(2, network.parameters, 0.01);
    const loud = { outputs: [5, 33, 69], inputs: [0, 17, 39] };
    for (const o of loud.outputs) for (const i of loud.inputs) direction[(o * 40 + i) * 9 + 4] = 1;
    const [{ rows, columns, kernels }] = weightPictures(network, direction) as [ReturnType<typeof weightPictures>[number]];
    expect(kernels?.outputs).toHaveLength(16);
    expect(kernels?.inputs).toHaveLength(15);
    expect(kernels?.outputs).toEqual(expect.arrayContaining(loud.outputs));
    expect(kernels?.inputs).toEqual(expect.arrayContaining(loud.inputs));
    expect(kernels?.outputs.every((o, k, all) => k === 0 || o > all[k - 1]!)).toBe(true);
    expect([rows, columns]).toEqual([16 * 4 - 1, 15 * 4 - 1]);
  });
});
