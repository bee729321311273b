/** The part of a plot that is shown, in axis coordinates (exponents on a logarithmic axis), and how keys move it. */
import type { JsonValue } from '../src/protocol/report.ts';

export type Range = readonly [low: number, high: number];

export interface PlotView {
  readonly x: Range;
  readonly y: Range;
}

/** Equal up to a millionth of the span, which is less than a pixel. */
export function isSameView(a: PlotView | null, b: PlotView | null): boolean {
  if (a === null || b === null) return a === b;
  const same = (r: Range, s: Range): boolean => Math.abs(r[0] - s[0]) + Math.abs(r[1] - s[1]) <= 1e-6 * Math.abs(s[1] - s[0]);
  return same(a.x, b.x) && same(a.y, b.y);
}

const zoomed = ([low, high]: Range, factor: number): Range => {
  const [centre, half] = [(low + high) / 2, (factor * (high - low)) / 2];
  return [centre - half, centre + half];
};

const shifted = ([low, high]: Range, share: number): Range => [low + share * (high - low), high + share * (high - low)];

/** The next view after a key press: null is everything, undefined means that the key is not one of ours. */
export function fromKey(key: string, { x, y }: PlotView): PlotView | null | undefined {
  switch (key) {
    case '+':
    case '=': return { x: zoomed(x, 0.75), y: zoomed(y, 0.75) };
    case '-': return { x: zoomed(x, 1 / 0.75), y: zoomed(y, 1 / 0.75) };
    case '0': return null;
    case 'ArrowLeft': return { x: shifted(x, -0.1), y };
    case 'ArrowRight': return { x: shifted(x, 0.1), y };
    case 'ArrowDown': return { x, y: shifted(y, -0.1) };
    case 'ArrowUp': return { x, y: shifted(y, 0.1) };
    default: return undefined;
  }
}

export const storedView = (view: PlotView | null): JsonValue => (view === null ? null : { x: [...view.x], y: [...view.y] });

/** A view from storage, or null when it is anything else. */
export function parseView(value: JsonValue | undefined): PlotView | null {
  if (typeof value !== 'object' || value === null || !('x' in value) || !('y' in value)) return null;
  const [x, y] = [parseRange(value['x']), parseRange(value['y'])];
  return x === null || y === null ? null : { x, y };
}

function parseRange(value: JsonValue | undefined): Range | null {
  if (!Array.isArray(value)) return null;
  const [low, high] = value as readonly JsonValue[];
  return typeof low === 'number' && typeof high === 'number' && low !== high ? [low, high] : null;
}
