/** The numbers behind curves and fields, as rows with a head. */
import type { FieldsSection, LinesSection } from '../src/protocol/report.ts';
import type { Cell } from './csv.ts';
import { binCentres } from './densityGrid.ts';

/** One row a point of a curve, then the single points. */
export function lineRows(section: LinesSection): Cell[][] {
  const rows: Cell[][] = [['panel', 'series', section.xLabel, section.yLabel, 'lower', 'upper']];
  for (const { title, series, points } of section.panels) {
    for (const { label, x, y, band } of series) x.forEach((at, i) => { rows.push([title, label, at, y[i] ?? NaN, band?.lower[i] ?? null, band?.upper[i] ?? null]); });
    points?.x.forEach((at, i) => { rows.push([title, points.label, at, points.y[i] ?? NaN, null, null]); });
  }
  return rows;
}

/** One row a cell, then the points of curves. */
export function fieldRows(section: FieldsSection): Cell[][] {
  const rows: Cell[][] = [['panel', 'what', section.xLabel, section.yLabel, section.valueLabel]];
  for (const panel of section.panels) {
    const [xs, ys] = [binCentres(panel.x), binCentres(panel.y)];
    panel.values.forEach((value, i) => { rows.push([panel.title, 'field', xs[i % panel.x.bins] ?? NaN, ys[Math.floor(i / panel.x.bins)] ?? NaN, value]); });
    for (const { label, x, y } of [...panel.curves, ...panel.points]) x.forEach((at, i) => { rows.push([panel.title, label, at, y[i] ?? NaN, null]); });
  }
  return rows;
}
