// What links the panels of a density: groups of equal axes, and draws that a box in one panel selects in all.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BinAxis, DensityPanel } from '../../../src/protocol/report.ts';
import { axisGroups, isSameAxis, wholeView } from '../../../webview/axisGroups.ts';
import { densityRows, shortened } from '../../../webview/densityGrid.ts';
import type { PlotView } from '../../../webview/plotView.ts';
import { boxSelection, chosenPoints, parseSelection, pointsIn, selectionSentence, storedSelection } from '../../../webview/pointSelection.ts';
import { densitySection } from './sampleReports.ts';

const axes: readonly BinAxis[] = [{ min: -1, max: 1, bins: 2 }, { min: -1, max: 1, bins: 3 }, { min: -1, max: 2, bins: 2 }, { min: -2, max: 1, bins: 2 }];
const axis = fc.constantFrom(...axes).map((chosen) => ({ ...chosen }));
// Tenths, so that points on an edge come up.
const coordinate = fc.integer({ min: -30, max: 30 }).map((tenths) => tenths / 10);
const panel: fc.Arbitrary<DensityPanel> = fc.record({ x: axis, y: axis, seed: fc.nat(40) }).map(({ x, y, seed }) => ({
  title: 'p', meaning: '', x, y, total: 40, outside: 0, counts: Array.from({ length: x.bins * y.bins }, (_, i) => (seed + i) % 17), sample: { x: [], y: [] },
}));

describe('groups of axes', () => {
  it('every panel is in one group, with exactly the panels that have its axes', () => {
    fc.assert(fc.property(fc.array(panel, { maxLength: 6 }), (panels) => {
      const groups = axisGroups(panels);
      expect(groups.flatMap((group) => [...group.panels]).sort((a, b) => a - b)).toEqual(panels.map((_, i) => i));
      const groupOf = panels.map((_, i) => groups.findIndex((group) => group.panels.includes(i)));
      panels.forEach((a, i) => { panels.forEach((b, j) => {
        expect(groupOf[i] === groupOf[j]).toBe(isSameAxis(a.x, b.x) && isSameAxis(a.y, b.y));
      }); });
    }));
  });
  it('a group’s colours reach to its own largest count, and one point alone is a count', () => {
    fc.assert(fc.property(fc.array(panel, { minLength: 1, maxLength: 6 }), (panels) => {
      for (const group of axisGroups(panels)) expect(group.largest).toBe(Math.max(1, ...group.panels.flatMap((i) => [...panels[i]!.counts])));
    }));
  });
  it('removing the scaling changes the unit: two groups, the second with two panels', () => {
    expect(axisGroups(densitySection(200, 20).panels).map(({ panels }) => panels)).toEqual([[0], [1, 2]]);
  });
});

describe('selection by a box', () => {
  const { panels } = densitySection(3000, 20);
  const corners = fc.tuple(coordinate, coordinate, coordinate, coordinate).filter(([a, b, c, d]) => a !== b && c !== d);
  it('holds the points between its corners, in whichever direction it was drawn', () => {
    fc.assert(fc.property(corners, fc.array(fc.tuple(coordinate, coordinate)), ([a, b, c, d], points) => {
      const sample = { x: points.map(([x]) => x), y: points.map(([, y]) => y) };
      const inside = points.flatMap(([x, y], k) => ((x - a) * (x - b) <= 0 && (y - c) * (y - d) <= 0 ? [k] : []));
      for (const [x, y] of [[[a, b], [c, d]], [[b, a], [c, d]], [[a, b], [d, c]], [[b, a], [d, c]]] as const) {
        expect(pointsIn(sample, boxSelection(0, { x, y }).box)).toEqual(inside);
      }
    }));
  });
  it('finds the same draws in every panel', () => {
    fc.assert(fc.property(corners, fc.nat(2), ([a, b, c, d], source) => {
      const selection = boxSelection(source, { x: [a, b], y: [c, d] });
      const chosen = pointsIn(panels[source]!.sample, selection.box);
      chosenPoints(panels, selection).forEach((points, i) => {
        expect(points.x).toEqual(chosen.map((k) => panels[i]!.sample.x[k]));
        expect(points.y).toEqual(chosen.map((k) => panels[i]!.sample.y[k]));
      });
    }));
  });
  it('removing the permutation folds both sides of the diagonal onto one: a draw selected there was at (a, b) or (b, a)', () => {
    const below: PlotView = { x: [0, 4], y: [-4, 0] };
    const points = chosenPoints(panels, boxSelection(2, below));
    expect(points[2]!.x.length).toBeGreaterThan(1000);
    points[2]!.x.forEach((x, k) => {
      const y = points[2]!.y[k]!;
      expect([[x, y], [y, x]]).toContainEqual([points[1]!.x[k], points[1]!.y[k]]);
    });
    expect(points[1]!.x.some((x) => x < 0) && points[1]!.x.some((x) => x > 0)).toBe(true);
  });
  it('no number is in no box; nothing is selected by nothing, or in a panel that is not there', () => {
    expect(pointsIn({ x: [NaN, 0, Infinity], y: [0, NaN, 0] }, { x: [-1, 1], y: [-1, 1] })).toEqual([]);
    for (const selection of [null, boxSelection(3, { x: [-9, 9], y: [-9, 9] })]) {
      expect(chosenPoints(panels, selection)).toEqual(panels.map(() => ({ x: [], y: [] })));
      expect(selectionSentence(panels, selection)).toBe('');
    }
  });
  it('says how many of how many, where, and how many other panels cannot show', () => {
    const everything: PlotView = { x: [-99, 99], y: [-99, 99] };
    expect(selectionSentence(panels, boxSelection(1, everything))).toBe('1,500 of 1,500 shown draws selected in “Scaling removed”.');
    const source = panels[0]!;
    const far = { ...source, title: 'far', sample: { x: [0, 0, 99], y: [0, 0, 0] } };
    const near = { ...source, title: 'near', sample: { x: [1, 2, 3], y: [1, 1, 1] } };
    expect(selectionSentence([near, far], boxSelection(0, { x: [1.5, 3.5], y: [0, 2] }))).toBe('2 of 3 shown draws selected in “near”; 1 of them lies outside the axes of “far”.');
  });
  it('survives storage as JSON, and forgets what is no selection', () => {
    fc.assert(fc.property(corners, fc.nat(2), ([a, b, c, d], source) => {
      const selection = boxSelection(source, { x: [a, b], y: [c, d] });
      expect(parseSelection(storedSelection(selection), 3)).toEqual(selection);
    }));
    expect(parseSelection(storedSelection(null), 3)).toBeNull();
    const box = { x: [0, 1], y: [0, 1] };
    for (const broken of [undefined, 3, {}, { panel: 3, box }, { panel: -1, box }, { panel: 0.5, box }, { panel: '0', box }, { panel: 0, box: { x: [0, 1] } }]) expect(parseSelection(broken, 3)).toBeNull();
  });
});

describe('panels with axes of their own', () => {
  it('export bins in their own coordinates: all counts, inside the panel’s axes, side by side without gaps', () => {
    const section = densitySection(2000, 30);
    const rows = densityRows(section).slice(1);
    for (const { title, x, y, total, outside } of section.panels) {
      const own = rows.filter(([name]) => name === title).map((row) => row.slice(1).map(Number));
      expect(own.reduce((sum, row) => sum + row[4]!, 0)).toBe(total - outside);
      const whole = wholeView({ x, y });
      for (const [x0, x1, y0, y1, count, share] of own as [number, number, number, number, number, number][]) {
        expect(x0 >= whole.x[0] && x1 <= whole.x[1] && y0 >= whole.y[0] && y1 <= whole.y[1]).toBe(true);
        expect((x1 - x0) * x.bins).toBeCloseTo(x.max - x.min, 9);
        expect((y1 - y0) * y.bins).toBeCloseTo(y.max - y.min, 9);
        expect(share * total).toBeCloseTo(count, 9);
      }
    }
  });
  it('a long parameter name keeps both ends and fits', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.', '[', '0', ']'), maxLength: 120 });
    fc.assert(fc.property(name, fc.integer({ min: 0, max: 60 }), (whole, width) => {
      const label = shortened(whole, width);
      expect(label.length).toBeLessThanOrEqual(Math.max(8, width / 0.55));
      const [head = '', tail] = label.split('…');
      if (tail === undefined) expect(label).toBe(whole);
      else expect(whole.startsWith(head) && whole.endsWith(tail) && head.length >= 2 && tail.length >= 4).toBe(true);
    }));
    expect(shortened('encoder.block.0.SelfAttention.q.weight[0,1]', 14)).not.toBe(shortened('encoder.block.0.SelfAttention.q.weight[0,2]', 14));
  });
});
