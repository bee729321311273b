// The numbers behind the pictures: export round trips, orders are orders, grids and bars say what the report says.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantileLevels, type DensitySection } from '../../../src/protocol/report.ts';
import { tensorRows } from '../../../src/protocol/tensorTable.ts';
import { csv, tsv, type Cell } from '../../../webview/csv.ts';
import { binCentres, binEdges, densityRows, legendTicks, logCounts } from '../../../webview/densityGrid.ts';
import { suggestedName } from '../../../webview/fileName.ts';
import { histogramNumbers } from '../../../webview/histogramNumbers.ts';
import { fromKey, isSameView, parseView, storedView, type PlotView } from '../../../webview/plotView.ts';
import { isClipped, partLabels, spectrumScale } from '../../../webview/spectrumScale.ts';
import { nextOrder, parseOrder, rowOrder, storedOrder } from '../../../webview/tableOrder.ts';
import { tensorColumns, tensorNumbers } from '../../../webview/tensorColumns.ts';
import { waterfallBars } from '../../../webview/waterfallBars.ts';
import { densitySection, hostileNames, posteriorReport, spectrumSection, tensorsSection, waterfallSection } from './sampleReports.ts';

/** An RFC 4180 reader, written from its grammar. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let [row, field, quoted]: [string[], string, boolean] = [[], '', false];
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (quoted) {
      if (c !== '"') field += c;
      else if (text[i + 1] === '"') { field += '"'; i++; }
      else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ',') { row.push(field); field = ''; }
    else if (c === '\n') { rows.push([...row, field]); row = []; field = ''; }
    else field += c;
  }
  return rows;
}

describe('export', () => {
  const cell: fc.Arbitrary<Cell> = fc.oneof(fc.double(), fc.constant(null), fc.constantFrom(...hostileNames), fc.string());
  it('CSV reads back: numbers exactly, text up to the formula guard', () => {
    fc.assert(fc.property(fc.array(fc.array(cell, { minLength: 1, maxLength: 5 }), { maxLength: 6 }), (rows) => {
      const back = readCsv(csv(rows));
      expect(back).toHaveLength(rows.length);
      rows.forEach((row, r) => { row.forEach((value, c) => {
        const text = back[r]![c]!;
        if (typeof value === 'number') expect(Number(text)).toBe(value === 0 ? 0 : value);
        else expect([value ?? '', `'${value ?? ''}`]).toContain(text);
      }); });
    }));
  });
  it('no exported text starts a formula', () => {
    const text = ['=1+1', '+cmd', '-cmd', '@x', '\tx', '-1', '+2.5e3', 'plain'];
    expect(csv(text.map((t) => [t])).split('\n').slice(0, -1)).toEqual(["'=1+1", "'+cmd", "'-cmd", "'@x", "'\tx", '-1', '+2.5e3', 'plain']);
  });
  it('TSV has one line a row and one tab between cells, whatever the cells hold', () => {
    fc.assert(fc.property(fc.array(fc.tuple(cell, cell, cell), { maxLength: 6 }), (rows) => {
      const lines = tsv(rows).split(/\r\n|\n|\r/);
      expect(lines).toHaveLength(rows.length + 1);
      lines.slice(0, -1).forEach((line) => { expect(line.split('\t')).toHaveLength(3); });
    }));
  });
  it('a histogram of estimates has the standard error beside each count', () => {
    const axis = { min: 0, max: 2, bins: 2 };
    expect(histogramNumbers({ axis, series: [{ label: 'eigenvalues', counts: [3, 4], errors: [0.5, 0] }, { label: 'other', counts: [1, 2] }] })).toEqual([
      ['from', 'to', 'eigenvalues', 'standard error of eigenvalues', 'other'], [0, 1, 3, 0.5, 1], [1, 2, 4, 0, 2],
    ]);
  });
  it('file names come from sources without their paths or anything harmful', () => {
    expect(suggestedName(posteriorReport, 'density', 'png')).toBe('draws-posterior-density.png');
    for (const source of ['../../etc/passwd', 'C:\\x\\..\\con', '<b>.safetensors', '\u202e', '']) {
      expect(suggestedName({ ...posteriorReport, sources: [source] }, 'a/b', 'csv')).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_.-]*\.csv$/);
    }
  });
  it('tensors export one line each with every statistic', () => {
    const tensors = tensorRows(tensorsSection(1, true).tensors);
    const rows = tensorNumbers(tensors);
    expect(rows).toHaveLength(tensors.length + 1);
    expect(new Set(rows.map((row) => row.length))).toEqual(new Set([14 + quantileLevels.length]));
    expect(tensorColumns(tensors).length - tensorColumns(tensorRows(tensorsSection(1, false).tensors)).length).toBe(7);
  });
});

describe('order of rows', () => {
  const value = fc.oneof(fc.double(), fc.constant(null), fc.string());
  it('is a permutation; turned round it is the reverse up to ties, and what is missing stays last', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.double(), fc.constant(null)), { maxLength: 30 }), fc.boolean(), (values, descending) => {
      const order = rowOrder(values.length, (row) => values[row] ?? null, { column: 0, descending });
      expect([...order].sort((a, b) => a - b)).toEqual(values.map((_, i) => i));
      const sorted = order.map((row) => values[row] ?? null);
      const present = sorted.filter((v): v is number => v !== null && !Number.isNaN(v));
      expect(sorted.slice(0, present.length)).toEqual(present);
      present.forEach((v, i) => { if (i > 0) expect(descending ? v <= present[i - 1]! : v >= present[i - 1]!).toBe(true); });
    }));
    fc.assert(fc.property(fc.array(value), (values) => { expect(rowOrder(values.length, (row) => values[row]!, null)).toEqual(values.map((_, i) => i)); }));
  });
  it('reads names as people count', () => {
    const names = ['layer10', 'layer2', 'layer1'];
    expect(rowOrder(3, (row) => names[row]!, { column: 0, descending: false }).map((row) => names[row])).toEqual(['layer1', 'layer2', 'layer10']);
  });
  it('three presses of one head come back to the order of the file; state survives storage', () => {
    const first = nextOrder(null, 2);
    const second = nextOrder(first, 2);
    expect([first, second, nextOrder(second, 2)]).toEqual([{ column: 2, descending: false }, { column: 2, descending: true }, null]);
    for (const order of [first, second, null]) expect(parseOrder(storedOrder(order), 3)).toEqual(order);
    expect(parseOrder({ column: 3, descending: true }, 3)).toBeNull();
  });
});

describe('views', () => {
  const view: PlotView = { x: [-5, 5], y: [0, 2] };
  it('zooming in and out again, and going there and back, changes nothing', () => {
    for (const [there, back] of [['+', '-'], ['ArrowLeft', 'ArrowRight'], ['ArrowUp', 'ArrowDown']] as const) {
      expect(isSameView(fromKey(back, fromKey(there, view) ?? view) ?? null, view)).toBe(true);
      expect(isSameView(fromKey(there, view) ?? null, view)).toBe(false);
    }
    expect(fromKey('0', view)).toBeNull();
    expect(fromKey('Tab', view)).toBeUndefined();
  });
  it('survives storage, and forgets what is no view', () => {
    expect(parseView(storedView(view))).toEqual(view);
    for (const broken of [null, 3, {}, { x: [1], y: [0, 1] }, { x: ['a', 2], y: [0, 1] }, { x: [1, 1], y: [0, 1] }]) expect(parseView(broken)).toBeNull();
  });
});

describe('densities', () => {
  const section = densitySection(2000, 30);
  it('shows every count once: the grid and the export add up to the total less what lies outside', () => {
    for (const panel of section.panels) {
      const cells = logCounts(panel).flat();
      const shown = cells.reduce<number>((sum, cell) => sum + (cell === null ? 0 : Math.round(10 ** cell)), 0);
      expect(shown).toBe(panel.total - panel.outside);
      expect(cells.filter((cell) => cell === null)).toHaveLength(panel.counts.filter((count) => count === 0).length);
    }
    const exported = densityRows(section).slice(1).reduce((sum, row) => sum + Number(row[5]), 0);
    expect(exported).toBe(section.panels.reduce((sum, panel) => sum + panel.total - panel.outside, 0));
  });
  it('is y-major: one point in bin (ix, iy) is drawn and exported there', () => {
    const axis = { min: 0, max: 4, bins: 4 };
    const panel = { title: 'p', meaning: '', x: axis, y: { min: 0, max: 2, bins: 2 }, total: 1, outside: 0, counts: [0, 0, 0, 0, 0, 0, 0, 1], sample: { x: [3.5], y: [1.5] } };
    const one: DensitySection = { ...section, panels: [panel] };
    expect(logCounts(panel)).toEqual([[null, null, null, null], [null, null, null, 0]]);
    expect(densityRows(one)[1]).toEqual(['p', 3, 4, 1, 2, 1, 1]);
  });
  it('centres lie half-way between edges', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 50 }), fc.double({ min: -1e3, max: 1e3, noNaN: true }), fc.double({ min: 1e-3, max: 1e3, noNaN: true }), (bins, min, width) => {
      const axis = { min, max: min + width, bins };
      const edges = binEdges(axis);
      expect(edges).toHaveLength(bins + 1);
      binCentres(axis).forEach((centre, i) => { expect(centre).toBeCloseTo((edges[i]! + edges[i + 1]!) / 2, 8); });
    }));
  });
  it('the legend begins at one and ends at the largest count, few marks, no two close together', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 1e9 }), (largest) => {
      const ticks = legendTicks(largest);
      expect(ticks[0]).toBe(1);
      expect(ticks.at(-1)).toBe(largest);
      expect(ticks.length).toBeLessThanOrEqual(6);
      ticks.forEach((tick, i) => { if (i > 0) expect(Math.log10(tick / ticks[i - 1]!)).toBeGreaterThan(0.15 * Math.log10(largest)); });
    }));
  });
});

describe('spectra', () => {
  it('the axis holds every value above the noise, tolerance and resolution', () => {
    const section = spectrumSection();
    const scale = spectrumScale(section);
    expect(scale.floor).toBeLessThan(section.resolution);
    expect(scale.ceiling).toBeGreaterThan(section.values[0]!);
    for (const value of section.values) expect(isClipped(value, scale)).toBe(!(value > scale.floor));
    expect(section.values.filter((value) => isClipped(value, scale))).toHaveLength(section.values.filter((v) => v <= 0).length);
  });
  it('is a proper interval for any values, none positive included', () => {
    const any = fc.double({ noNaN: false });
    fc.assert(fc.property(fc.array(any, { maxLength: 20 }), fc.double({ min: 0, max: 1e10, noNaN: true }), fc.double({ min: 0, max: 1e10, noNaN: true }), (values, tolerance, resolution) => {
      const { floor, ceiling } = spectrumScale({ values, tolerance, resolution });
      expect(ceiling).toBeGreaterThan(floor);
      expect(floor).toBeGreaterThanOrEqual(0);
    }));
  });
  it('image and kernel add up to the dimension, at both ends of the bracket', () => {
    expect(partLabels({ rank: 452, rankBracket: [452, 452], dimension: 484 })).toEqual({ image: 'image: rank 452', kernel: 'kernel: 32' });
    expect(partLabels({ rank: 452, rankBracket: [440, 460], dimension: 484 })).toEqual({ image: 'image: rank 452 (440 to 460)', kernel: 'kernel: 32 (24 to 44)' });
  });
});

describe('waterfalls', () => {
  it('step down without gaps and end at the remainder; parts that do not add up are refused', () => {
    fc.assert(fc.property(fc.array(fc.nat(1e6), { maxLength: 6 }), fc.nat(1e6), (parts, rest) => {
      const step = (value: number) => ({ label: 'x', value, meaning: '' });
      const total = parts.reduce((a, b) => a + b, rest);
      const bars = waterfallBars({ ...waterfallSection, total: step(total), steps: parts.map(step), remainder: step(rest) });
      expect(bars[0]).toMatchObject({ from: 0, to: total });
      bars.slice(1, -1).forEach((bar, i) => { expect(bar.to).toBe(i === 0 ? total : bars[i]!.from); });
      expect(bars.at(-1)).toMatchObject({ from: 0, to: rest });
      expect(() => waterfallBars({ ...waterfallSection, total: step(total + 1), steps: parts.map(step), remainder: step(rest) })).toThrow('do not add up');
    }));
  });
});
