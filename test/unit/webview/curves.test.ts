// One curve, one colour in all pictures of a report; what it is held against has none.
import { expect, it } from 'vitest';
import type { LinesSection } from '../../../src/protocol/report.ts';
import { curvesOf, placesOf } from '../../../webview/curves.ts';

const lines = (id: string, ...labels: readonly string[]): LinesSection => ({
  kind: 'lines', id, title: id, meaning: '', xLabel: 'x', yLabel: 'y', xScale: 'linear', yScale: 'linear',
  panels: labels.map((label) => ({ title: label, meaning: '', series: [{ label, x: [0], y: [0] }, { label: 'alike', reference: true, x: [0], y: [0] }] })),
});
const placesIn = (section: LinesSection, all: readonly LinesSection[]): Readonly<Record<string, number | null>> => Object.fromEntries(curvesOf(section, placesOf(all)).map(({ label, place }) => [label, place]));

it('a method has one colour, also where others are missing', () => {
  const [bands, sweep] = [lines('bands', 'sampled', 'linearised', 'projected', 'mode'), lines('sweep', 'sampled', 'projected', 'mode')];
  expect(placesIn(bands, [bands, sweep])).toEqual({ sampled: 0, linearised: 1, projected: 2, mode: 3, alike: null });
  expect(placesIn(sweep, [bands, sweep])).toEqual({ sampled: 0, projected: 2, mode: 3, alike: null });
});

it('no two curves of a picture have the same colour as long as there are enough of them', () => {
  const many = lines('many', 'a', 'b', 'c', 'd', 'e', 'f', 'g');
  const few = lines('few', 'a', 'g');
  expect(placesIn(few, [many, few])).toEqual({ a: 0, g: 1, alike: null });
});

it('a section that is none of the report has colours of its own', () => {
  expect(placesIn(lines('alone', 'x', 'y'), [])).toEqual({ x: 0, y: 1, alike: null });
});
