// Columns give way to a narrow window in the order of their worth, and never the name.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fittingColumns, type OutlineColumn } from '../../../webview/outlineColumns.ts';
import type { OutlineRow } from '../../../webview/tensorTree.ts';

const column = (em: number, expendable: number): OutlineColumn<OutlineRow> => ({ label: '', title: '', align: 'left', em, expendable, key: () => null, text: () => '' });
const columns = fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.nat(5)), { maxLength: 12 }).map((list) => [column(0, 0), ...list.map(([em, expendable]) => column(em, expendable))]);
const width = fc.integer({ min: 1, max: 200 });

describe('columns of an outline', () => {
  it('fit, unless all that may go have gone', () => {
    fc.assert(fc.property(columns, width, (list, widthEm) => {
      const { shown, nameEm } = fittingColumns(list, 20, widthEm, false, 0);
      const taken = shown.reduce((sum, i) => sum + 0.8 + (i === 0 ? nameEm : list[i]!.em), 0.8);
      if (shown.some((i) => list[i]!.expendable > 0)) expect(taken).toBeLessThanOrEqual(widthEm);
    }));
  });

  it('go by worth: none that is hidden is worth more than one that is shown', () => {
    fc.assert(fc.property(columns, width, (list, widthEm) => {
      const { shown, hidden } = fittingColumns(list, 20, widthEm, false, 0);
      expect(shown).toContain(0);
      expect(shown.length + hidden).toBe(list.length);
      const gone = list.flatMap(({ expendable }, i) => (shown.includes(i) ? [] : [expendable]));
      expect(Math.min(Infinity, ...gone)).toBeGreaterThanOrEqual(Math.max(0, ...shown.map((i) => list[i]!.expendable)));
    }));
  });

  it('stay when they are sorted by, and when all are wanted', () => {
    fc.assert(fc.property(columns, width, fc.nat(12), (list, widthEm, sorted) => {
      if (sorted < list.length) expect(fittingColumns(list, 20, widthEm, false, sorted).shown).toContain(sorted);
      expect(fittingColumns(list, 20, widthEm, true, 0).hidden).toBe(0);
    }));
  });
});
