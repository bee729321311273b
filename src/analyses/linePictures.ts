/** Pictures of the straight line between networks, for `align` and `compare`: the loss along it, and how far the function is from a mixture of the ends. */
import type { Network } from '../network/network.ts';
import type { Interpolation } from '../posterior/interpolation.ts';
import { formatNumber } from '../protocol/format.ts';
import type { JsonValue, LinePanel, LinesSection } from '../protocol/report.ts';
import { smallerInputsSentence } from '../symmetry/comparedInputs.ts';
import { inputsText, type Lines } from './lines.ts';

/** The lines between two networks, as they are and after something was done to them. */
export interface LinesBetween {
  /** Empty where there is one panel only. */
  readonly title: string;
  readonly lines: readonly { readonly label: string; readonly line: Interpolation }[];
}

/** The ends, as a sentence calls them: "the reference", "a.pt"; "each network", "b.pt". */
export interface Ends {
  readonly from: string;
  readonly to: string;
  /** Names the horizontal axis. */
  readonly xLabel: string;
}

export function lineSections(network: Network, shown: readonly LinesBetween[], lines: Lines, { from, to, xLabel }: Ends): LinesSection[] {
  const panels = (of: (line: Interpolation) => Float64Array | undefined): LinePanel[] => shown.map(({ title, lines: drawn }): LinePanel => ({
    title, meaning: '',
    series: drawn.flatMap(({ label, line }) => {
      const values = of(line);
      return values === undefined ? [] : [{ label, x: [...line.t], y: [...values] }];
    }),
  }));
  const onInputs = inputsText(lines);
  const loss: LinesSection[] = lines.data.targets === undefined ? [] : [{
    kind: 'lines', id: 'loss', title: 'Loss along the straight line', xLabel, yLabel: 'loss, nats a point', xScale: 'linear', yScale: 'linear',
    meaning: `Mean negative log-likelihood on ${onInputs} at the weights between ${from} and ${to}.`,
    drawing: 'Where the curve rises above the straight line between its ends there is a barrier: the two networks are separated, or their units are not in one order.',
    panels: panels(({ loss: values }) => values),
  }];
  return [...loss, {
    kind: 'lines', id: 'function', title: 'Function along the straight line', xLabel, yLabel: 'relative distance', xScale: 'linear', yScale: 'linear',
    meaning: `How far the outputs at the weights in between are from mixing the outputs of both ends, on ${onInputs}, relative to their size${uncertainty(shown)}. Zero: the weights can be averaged like predictions.${lines.available === undefined ? ` ${smallerInputsSentence(network)}` : ''}`.trim(),
    panels: panels(({ functionDistance: values }) => values),
  }];
}

export function lineResult({ t, loss, functionDistance, standardError, barrier }: Interpolation): JsonValue {
  return { t: [...t], loss: loss === undefined ? null : [...loss], functionDistance: [...functionDistance], standardError: [...standardError], barrier: barrier ?? null };
}

/** What other inputs of this kind would have shown. */
function uncertainty(shown: readonly LinesBetween[]): string {
  const most = Math.max(0, ...shown.flatMap(({ lines }) => lines.flatMap(({ line }) => [...line.standardError])).filter(Number.isFinite));
  return most === 0 ? '' : `; which inputs these are makes a difference of ${formatNumber(most, 1)} at most (one standard error, by leaving out one at a time)`;
}
