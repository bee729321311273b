/** The bars of a waterfall: from the total each step takes its part off the right end, and what is left must be the remainder. */
import type { WaterfallSection } from '../src/protocol/report.ts';

export interface WaterfallBar {
  readonly kind: 'total' | 'step' | 'remainder';
  readonly label: string;
  readonly meaning: string;
  readonly value: number;
  /** Share of the total, 0 to 1. */
  readonly share: number;
  /** Left and right end. */
  readonly from: number;
  readonly to: number;
}

/** @throws Error when total ≠ steps + remainder: a picture that does not add up would be a lie. */
export function waterfallBars({ total, steps, remainder }: WaterfallSection): WaterfallBar[] {
  const share = (value: number): number => (total.value === 0 ? 0 : value / total.value);
  const bars: WaterfallBar[] = [{ kind: 'total', ...total, share: share(total.value), from: 0, to: total.value }];
  let running = total.value;
  for (const step of steps) {
    bars.push({ kind: 'step', ...step, share: share(step.value), from: running - step.value, to: running });
    running -= step.value;
  }
  if (Math.abs(running - remainder.value) > 1e-9 * Math.max(1, Math.abs(total.value))) {
    throw new Error(`the parts do not add up: ${total.value} less the steps leaves ${running}, not ${remainder.value}.`);
  }
  bars.push({ kind: 'remainder', ...remainder, share: share(remainder.value), from: 0, to: remainder.value });
  return bars;
}
