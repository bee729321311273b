/** What a field's axes and colours reach over. */
import type { FieldPanel, FieldsSection } from '../src/protocol/report.ts';
import type { PlotView } from './plotView.ts';

/** Values at the two ends of the colours; exponents for `log`. */
export interface ColourRange {
  readonly low: number;
  readonly high: number;
}

/** Decades that a logarithmic scale of colours shows; what is smaller, zero too, has its lowest colour. */
const DECADES = 8;

/** One range for all panels, so that a colour means one value. */
export function colourRange({ panels, colours }: Pick<FieldsSection, 'panels' | 'colours'>): ColourRange {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const { values } of panels) {
    for (const value of values) {
      const shown = value === null ? NaN : colours === 'log' ? Math.log10(value) : value;
      if (!Number.isFinite(shown)) continue;
      low = Math.min(low, shown);
      high = Math.max(high, shown);
    }
  }
  if (low > high) return { low: 0, high: 1 };
  if (colours === 'diverging') {
    const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
    return { low: -most, high: most };
  }
  if (colours === 'log') low = Math.max(low, high - DECADES);
  return low === high ? { low: low - 0.5, high: high + 0.5 } : { low, high };
}

export const fieldHome = ({ x, y }: FieldPanel): PlotView => ({ x: [x.min, x.max], y: y.direction === 'up' ? [y.min, y.max] : [y.max, y.min] });
