/**
 * Points chosen by a box in one panel, followed into all others (linked brushing: Becker and Cleveland 1987). The box is what is
 * kept; which points lie in it is found anew from the report.
 */
import { formatCount } from '../src/protocol/format.ts';
import type { DensityPanel, JsonValue } from '../src/protocol/report.ts';
import { visible } from '../src/protocol/untrustedText.ts';
import { t } from '../src/protocol/words.ts';
import { wholeView } from './axisGroups.ts';
import { parseView, storedView, type PlotView } from './plotView.ts';

export interface Selection {
  /** Position of the panel in which the box was drawn. */
  readonly panel: number;
  /** In that panel's coordinates; low before high. */
  readonly box: PlotView;
}

export interface Points {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** A box drawn in any direction, as a selection. */
export function boxSelection(panel: number, { x, y }: PlotView): Selection {
  return { panel, box: { x: [Math.min(...x), Math.max(...x)], y: [Math.min(...y), Math.max(...y)] } };
}

/** Indices of the points in the box, edges included, ascending. A point with a coordinate that is no number is in no box. */
export function pointsIn({ x, y }: Points, box: PlotView): number[] {
  const chosen: number[] = [];
  for (let k = 0; k < Math.min(x.length, y.length); k++) {
    if (x[k]! >= box.x[0] && x[k]! <= box.x[1] && y[k]! >= box.y[0] && y[k]! <= box.y[1]) chosen.push(k);
  }
  return chosen;
}

/** The same points in every panel, one entry a panel. */
export function chosenPoints(panels: readonly DensityPanel[], selection: Selection | null): readonly Points[] {
  const source = selection === null ? undefined : panels[selection.panel];
  const chosen = source === undefined || selection === null ? [] : pointsIn(source.sample, selection.box);
  return panels.map(({ sample }) => ({ x: chosen.map((k) => sample.x[k] ?? NaN), y: chosen.map((k) => sample.y[k] ?? NaN) }));
}

/** "312 of 1,500 shown draws selected in “Original posterior”", and how many of them other panels' axes do not reach. */
export function selectionSentence(panels: readonly DensityPanel[], selection: Selection | null): string {
  const source = selection === null ? undefined : panels[selection.panel];
  if (source === undefined || selection === null) return '';
  const points = chosenPoints(panels, selection);
  const chosen = points[selection.panel]?.x.length ?? 0;
  const beyond = panels.flatMap((panel, i) => {
    const count = chosen - pointsIn(points[i] ?? { x: [], y: [] }, wholeView(panel)).length;
    return count === 0 || i === selection.panel ? [] : [count === 1 ? t('1 of them lies outside the axes of {0}', quoted(panel)) : t('{0} of them lie outside the axes of {1}', formatCount(count), quoted(panel))];
  });
  return t('{0} of {1} shown draws selected in {2}.', formatCount(chosen), formatCount(source.sample.x.length), [quoted(source), ...beyond].join('; '));
}

const quoted = (panel: DensityPanel): string => `“${visible(panel.title)}”`;

export const storedSelection = (selection: Selection | null): JsonValue => (selection === null ? null : { panel: selection.panel, box: storedView(selection.box) });

/** A selection from storage, or null when it is anything else or no such panel is there. */
export function parseSelection(value: JsonValue | undefined, panels: number): Selection | null {
  if (typeof value !== 'object' || value === null || !('panel' in value) || !('box' in value)) return null;
  const box = parseView(value['box']);
  const panel = value['panel'];
  return box === null || typeof panel !== 'number' || !Number.isInteger(panel) || panel < 0 || panel >= panels ? null : boxSelection(panel, box);
}
