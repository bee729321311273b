/** Rank against data, and effective dimension against the prior: the curves of the rank report. */
import type { RankEstimate } from '../curvature/rank.ts';
import type { RemainderParts } from '../curvature/kernel.ts';
import type { RankGrowth } from '../curvature/rankGrowth.ts';
import { formatCount, formatCountOf, formatNumber } from '../protocol/format.ts';
import type { LineSeries, LinesSection } from '../protocol/report.ts';

/** @param noun what the inputs are: data points, or generic inputs */
export function growthSection({ points, omitted }: RankGrowth, remainder: RemainderParts, noun: string): LinesSection[] {
  if (points.length < 2) return [];
  const x = points.map(({ data }) => data);
  const uncertain = points.some(({ bracket }) => bracket[0] !== bracket[1]);
  const rank: LineSeries = {
    label: 'rank', x, y: points.map((point) => point.rank),
    ...(uncertain ? { band: { label: 'the bracket of ranks that rounding leaves open', lower: points.map(({ bracket }) => bracket[0]), upper: points.map(({ bracket }) => bracket[1]) } } : {}),
  };
  return [{
    kind: 'lines', id: 'growth', title: 'Rank and the number of data', xLabel: noun, yLabel: 'rank of the GGN', xScale: points[points.length - 1]!.data > 30 * points[0]!.data ? 'log' : 'linear', yScale: 'linear',
    meaning: growthMeaning(points, remainder, noun) + (uncertain ? ' Where the bracket is open, float64 cannot tell the smallest singular values from zero.' : '') + (omitted.length === 0 ? '' : ` Sizes in between (${omitted.map(formatCount).join(', ')}) are left out: they would take as long as the whole.`),
    panels: [{ title: '', meaning: '', series: [rank, { label: 'largest possible', x, y: points.map(({ bound }) => bound) }] }],
  }];
}

function growthMeaning(points: RankGrowth['points'], remainder: RemainderParts, noun: string): string {
  const last = points[points.length - 1]!;
  const reached = points.find((point) => point.rank === last.rank) ?? last;
  const missing = remainder.kind === 'separated' ? remainder.dataLimited : remainder.dimension;
  const rank = formatCount(last.rank);
  if (missing <= 0) {
    return reached === last
      ? `The rank reaches ${rank}, all that the generic inputs tried here show, only on all ${formatCount(last.data)} ${noun}.`
      : `Saturated: ${formatCount(reached.data)} ${noun} already give the rank of ${rank}, all that the generic inputs tried here show; inputs of that kind will not remove what is left of the kernel.`;
  }
  const more = `${formatCountOf(missing, 'more direction')}${remainder.kind === 'separated' ? '' : ' at most'} could be constrained`;
  if (reached !== last) return `Flat at ${rank} from ${formatCount(reached.data)} ${noun} on, although ${more}: ${noun} of another kind would do it, more of the same would not.`;
  const before = points[points.length - 2]!;
  const perPoint = (last.rank - before.rank) / (last.data - before.data);
  return `Still growing at ${formatCount(last.data)} ${noun}, by ${formatNumber(perPoint, 2)} for each of the last: part of the kernel is for want of data, and ${more} by more of them.`;
}

/** Σ λ/(λ + α) (MacKay 1992). */
export function effectiveDimension(eigenvalues: Float64Array, priorPrecision: number): number {
  return eigenvalues.reduce((sum, eigenvalue) => sum + eigenvalue / (eigenvalue + priorPrecision), 0);
}

export interface EffectiveDimensionCurve {
  readonly priorPrecision: readonly number[];
  readonly value: readonly number[];
}

/**
 * Over the decades in which it falls from the rank to zero, and the present α.
 * @param eigenvalues those that the rank counts, descending, all positive
 */
export function effectiveDimensionCurve(eigenvalues: Float64Array, present: number): EffectiveDimensionCurve {
  const points = 121;
  const from = Math.min(Math.log10(eigenvalues.at(-1) ?? 1) - 2, Math.log10(present) - 1);
  const to = Math.max(Math.log10(eigenvalues[0] ?? 1) + 2, Math.log10(present) + 1);
  const grid = Array.from({ length: points }, (_, k) => 10 ** (from + ((to - from) * k) / (points - 1)));
  const priorPrecision = [...new Set([...grid, present])].sort((a, b) => a - b);
  return { priorPrecision, value: priorPrecision.map((alpha) => effectiveDimension(eigenvalues, alpha)) };
}

/** @param eigenvalues as `effectiveDimensionCurve` takes them */
export function effectiveDimensionSection(curve: EffectiveDimensionCurve, eigenvalues: Float64Array, { rank, bracket }: Pick<RankEstimate, 'rank' | 'bracket'>, present: number): LinesSection[] {
  if (rank === 0) return [];
  const { priorPrecision: x, value: y } = curve;
  const here = effectiveDimension(eigenvalues, present);
  const half = precisionAt(eigenvalues, rank / 2);
  const outweighed = eigenvalues.reduce((count, eigenvalue) => count + Number(eigenvalue < present), 0);
  const doubt = bracket[0] === bracket[1] ? '' : ' What the bracket of the rank leaves open matters only at an α as small as those eigenvalues.';
  return [{
    kind: 'lines', id: 'effective-dimension', title: 'Effective dimension and the prior', xLabel: 'prior precision α', yLabel: 'Σ λ/(λ + α)', xScale: 'log', yScale: 'linear',
    meaning: `At α = ${formatNumber(present)} the data determine ${formatNumber(here, 4)} of ${formatCount(rank)} image directions against the prior${outweighed === 0 ? '' : ` (in ${outweighed === rank ? 'all' : formatCount(outweighed)} of them the prior outweighs the data)`}; half of them at α = ${formatNumber(half, 2)}.${doubt}`,
    drawing: 'Left of the curve’s fall the prior is felt in the kernel alone.',
    panels: [{
      title: '', meaning: '',
      series: [{ label: 'effective dimension', x, y }, { label: 'rank', x: [x[0]!, x[x.length - 1]!], y: [rank, rank] }],
      points: { label: `the present α, ${formatNumber(present)}`, x: [present], y: [here] },
    }],
  }];
}

/** The α at which the effective dimension has a value between 0 and the number of eigenvalues: bisection in log α. */
function precisionAt(eigenvalues: Float64Array, value: number): number {
  // λ/(λ + α) < value/n for the largest, > value/n for the smallest.
  const odds = eigenvalues.length / value - 1;
  let low = Math.log(eigenvalues[eigenvalues.length - 1]! * odds);
  let high = Math.log(eigenvalues[0]! * odds);
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (effectiveDimension(eigenvalues, Math.exp(middle)) > value) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}
