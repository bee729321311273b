// Curves with bands and quantities over planes: nothing is lost on the way to the picture or to the exported numbers.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FieldsSection, LinesSection } from '../../../src/protocol/report.ts';
import { contrast, divergingRamp, luminance, parseColour } from '../../../webview/colour.ts';
import { colourRange, fieldHome } from '../../../webview/fieldRange.ts';
import { linesHome } from '../../../webview/linesRange.ts';
import { fieldRows, lineRows } from '../../../webview/curveNumbers.ts';

const number = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const lines = (xScale: 'linear' | 'log', series: readonly (readonly [number, number, number])[]): LinesSection => ({
  kind: 'lines', id: 'l', title: '', meaning: '', xLabel: 'x', yLabel: 'y', xScale, yScale: 'linear',
  panels: [{ title: 'p', meaning: '', series: [{ label: 's', x: series.map(([x]) => x), y: series.map(([, y]) => y), band: { label: 'b', lower: series.map(([, y, w]) => y - Math.abs(w)), upper: series.map(([, y, w]) => y + Math.abs(w)) } }], points: { label: 'data', x: [3], y: [-2] } }],
});

describe('curves', () => {
  it('the first view holds every curve, band and point', () => {
    fc.assert(fc.property(fc.array(fc.tuple(number, number, number), { minLength: 1, maxLength: 20 }), (series) => {
      const section = lines('linear', series);
      const { x, y } = linesHome(section);
      for (const [at, value, width] of [...series, [3, -2, 0] as const]) {
        expect(at).toBeGreaterThanOrEqual(x[0]);
        expect(at).toBeLessThanOrEqual(x[1]);
        expect(value - Math.abs(width)).toBeGreaterThanOrEqual(y[0]);
        expect(value + Math.abs(width)).toBeLessThanOrEqual(y[1]);
      }
    }));
  });
  it('is in exponents on a logarithmic axis, and leaves out what has none', () => {
    const { x } = linesHome(lines('log', [[10, 0, 0], [1000, 0, 0], [0, 0, 0], [-5, 0, 0]]));
    expect(x[0]).toBeLessThanOrEqual(Math.log10(3));
    expect(x[1]).toBeGreaterThanOrEqual(3);
    expect(x[1]).toBeLessThan(3.2);
  });
  it('exports one row a point', () => {
    const rows = lineRows(lines('linear', [[0, 1, 0.5], [2, 3, 1]]));
    expect(rows).toEqual([['panel', 'series', 'x', 'y', 'lower', 'upper'], ['p', 's', 0, 1, 0.5, 1.5], ['p', 's', 2, 3, 2, 4], ['p', 'data', 3, -2, null, null]]);
  });
});

const field = (colours: FieldsSection['colours'], values: readonly (number | null)[], direction: 'up' | 'down' = 'up'): FieldsSection => ({
  kind: 'fields', id: 'f', title: '', meaning: '', xLabel: 'a', yLabel: 'b', valueLabel: 'loss', colours,
  panels: [{ title: 'p', meaning: '', x: { min: 0, max: 2, bins: 2 }, y: { min: 0, max: 2, bins: 2, direction }, values, curves: [], points: [{ label: 'ŵ', x: [1], y: [1] }] }],
});

describe('fields', () => {
  it('signed colours are neutral at zero', () => {
    expect(colourRange(field('diverging', [-3, 1, null, 2]))).toEqual({ low: -3, high: 3 });
    expect(colourRange(field('log', [1, 100, 0, null]))).toEqual({ low: 0, high: 2 });
    expect(colourRange(field('log', [1e-30, 100, 0, null]))).toEqual({ low: -6, high: 2 });
    expect(colourRange(field('sequential', [null, null, null, null]))).toEqual({ low: 0, high: 1 });
  });
  it('rows of a matrix run downwards', () => {
    expect(fieldHome(field('log', [1, 1, 1, 1], 'down').panels[0]!).y).toEqual([2, 0]);
  });
  it('exports the middle of every cell, then the points', () => {
    expect(fieldRows(field('sequential', [1, 2, 3, null])).slice(1)).toEqual([['p', 'field', 0.5, 0.5, 1], ['p', 'field', 1.5, 0.5, 2], ['p', 'field', 0.5, 1.5, 3], ['p', 'field', 1.5, 1.5, null], ['p', 'ŵ', 1, 1, null]]);
  });
  it.each(['#1f1f1f', '#ffffff', '#000000'])('both ends of the signed ramp stand off %s, evenly', (ground) => {
    const background = parseColour(ground)!;
    const ramp = divergingRamp(background, parseColour('#1a85ff')!, parseColour('#d18616')!);
    const ends = [ramp[0]![1], ramp.at(-1)![1]] as const;
    for (const end of ends) expect(contrast(end, background)).toBeGreaterThan(4.5);
    expect(contrast(...ends)).toBeLessThan(1.5);
    expect(ramp[(ramp.length - 1) / 2]![1]).toEqual({ ...background, r: expect.closeTo(background.r, 3) as number, g: expect.closeTo(background.g, 3) as number, b: expect.closeTo(background.b, 3) as number });
    const half = ramp.slice(0, (ramp.length + 1) / 2).map(([, colour]) => Math.abs(luminance(colour) - luminance(background)));
    expect(half).toEqual(half.toSorted((a, b) => b - a));
  });
});
