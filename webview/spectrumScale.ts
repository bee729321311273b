/** Where the logarithmic axis of a spectrum begins and ends, and which eigenvalues lie below it. */
import { formatCount, formatNumber } from '../src/protocol/format.ts';
import type { SpectrumSection } from '../src/protocol/report.ts';
import { t } from '../src/protocol/words.ts';

export interface SpectrumScale {
  /** Values at or below it, zero and negative ones included, are drawn on it with their own mark. */
  readonly floor: number;
  readonly ceiling: number;
}

/** How many decades below the smaller of tolerance and resolution still deserve room: further down is rounding noise. */
const decadesOfNoise = 3;

export function spectrumScale({ values, tolerance, resolution }: Pick<SpectrumSection, 'values' | 'tolerance' | 'resolution'>): SpectrumScale {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value));
  const limits = [tolerance, resolution].filter((value) => value > 0 && Number.isFinite(value));
  const known = [...positive, ...limits];
  if (known.length === 0) return { floor: 1e-16, ceiling: 1 };
  const largest = known.reduce((a, b) => Math.max(a, b));
  const smallest = known.reduce((a, b) => Math.min(a, b));
  const lowest = limits.length === 0 ? smallest : Math.max(smallest, Math.min(...limits) / 10 ** decadesOfNoise);
  const floorExponent = Math.floor(Math.log10(lowest) - 0.2);
  const ceilingExponent = Math.max(Math.log10(largest) + 0.5, floorExponent + 1);
  return { floor: 10 ** floorExponent, ceiling: 10 ** ceilingExponent };
}

export const isClipped = (value: number, { floor }: SpectrumScale): boolean => !(value > floor);

/** What the left and the right part of the picture are called. */
export function partLabels(section: Pick<SpectrumSection, 'rank' | 'rankBracket' | 'dimension'>): { readonly image: string; readonly kernel: string } {
  const [low, high] = section.rankBracket;
  const { rank, dimension } = section;
  if (low === high) return { image: t('image: rank {0}', formatCount(rank)), kernel: t('kernel: {0}', formatCount(dimension - rank)) };
  return {
    image: t('image: rank {0} ({1} to {2})', formatCount(rank), formatCount(low), formatCount(high)),
    kernel: t('kernel: {0} ({1} to {2})', formatCount(dimension - rank), formatCount(dimension - high), formatCount(dimension - low)),
  };
}

export const valueText = (index: number, value: number, label: string, clipped: boolean): string =>
  `${formatCount(index)}: ${label} ${formatNumber(value)}${clipped ? ` ${t('(below the axis)')}` : ''}`;
