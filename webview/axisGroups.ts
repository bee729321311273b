/**
 * Panels with equal axes form a group: they are zoomed together, and one colour means one count in all of them. Between groups
 * neither would be honest, because their bins have different areas.
 */
import type { BinAxis, DensityPanel } from '../src/protocol/report.ts';
import type { PlotView } from './plotView.ts';

export interface AxisGroup {
  readonly x: BinAxis;
  readonly y: BinAxis;
  /** Positions of its panels in the section, ascending. */
  readonly panels: readonly number[];
  /** Largest count in any bin of its panels; at least 1. */
  readonly largest: number;
}

export const isSameAxis = (a: BinAxis, b: BinAxis): boolean => a.min === b.min && a.max === b.max && a.bins === b.bins;

/** In the order of their first panels; every panel is in exactly one. */
export function axisGroups(panels: readonly DensityPanel[]): AxisGroup[] {
  const groups: { readonly x: BinAxis; readonly y: BinAxis; readonly panels: number[]; largest: number }[] = [];
  panels.forEach((panel, i) => {
    const largest = panel.counts.reduce((a, b) => Math.max(a, b), 1);
    const group = groups.find(({ x, y }) => isSameAxis(x, panel.x) && isSameAxis(y, panel.y));
    if (group === undefined) {
      groups.push({ x: panel.x, y: panel.y, panels: [i], largest });
    } else {
      group.panels.push(i);
      group.largest = Math.max(group.largest, largest);
    }
  });
  return groups;
}

/** The ranges that show all bins. */
export const wholeView = ({ x, y }: { readonly x: BinAxis; readonly y: BinAxis }): PlotView => ({ x: [x.min, x.max], y: [y.min, y.max] });
