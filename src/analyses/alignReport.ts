/** The report of `align`: how much closer the networks came, which units moved, and what lies on the line between them. */
import path from 'node:path';
import type { Network } from '../network/network.ts';
import type { Interpolation } from '../posterior/interpolation.ts';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { JsonValue, LinePanel, LineSeries, LinesSection, Report } from '../protocol/report.ts';
import type { AlignRequest } from '../protocol/service.ts';
import { smallerInputsSentence } from '../symmetry/comparedInputs.ts';
import type { MatchingClass } from '../symmetry/matchingClasses.ts';
import { showName } from '../weights/weightFileError.ts';
import { optimizerWarning } from './savedNetwork.ts';
import type { AlignedFile } from './align.ts';
import { describeNetwork } from './describeNetwork.ts';
import { inputsText, type Lines } from './lines.ts';

/** Pictures of more lines than this would not be read. */
const SHOWN_FILES = 6;

export function alignReport(request: AlignRequest, network: Network, classes: readonly MatchingClass[], files: readonly AlignedFile[], lines: Lines): Omit<Report, 'provenance'> {
  const before = mean(files.map(({ distanceBefore }) => distanceBefore));
  const after = mean(files.map(({ distanceAfter }) => distanceAfter));
  const barrier = files[0]?.lineAfter.barrier === undefined ? '' : ` The loss barrier ${change(mean(files.map(({ lineBefore }) => lineBefore.barrier ?? NaN)), mean(files.map(({ lineAfter }) => lineAfter.barrier ?? NaN)))}${files.length === 1 ? '' : ' on average'}.`;
  const withSigns = classes.some(({ signed }) => signed);
  return {
    analysis: 'align',
    title: files.length === 1 ? `Alignment of ${path.basename(files[0]!.from)} to ${path.basename(request.reference)}` : `Alignment of ${files.length} networks`,
    summary: `${describeNetwork(network)}: the distance ${request.method === 'universe' ? 'to the first network' : 'to the reference'} ${change(before, after)}${files.length === 1 ? '' : ' on average'}.${barrier} Functions are unchanged within ${formatNumber(Math.max(...files.map((file) => file.function.relative)), 2)} relative.`,
    sources: [request.reference, ...request.files, ...(request.data === undefined ? [] : [request.data])],
    sections: [
      {
        kind: 'table', id: 'files', title: 'Files',
        meaning: 'The objective is the inner product of all parameters with those of the reference; matching never lowers it. The function error is the largest relative difference of the outputs between the file read and the file written.',
        columns: [
          { label: 'From', align: 'left' }, { label: 'To', align: 'left' }, { label: 'Objective before', align: 'right' }, { label: 'after', align: 'right' },
          { label: 'Distance before', align: 'right' }, { label: 'after', align: 'right' }, { label: 'Units moved', align: 'right' }, { label: 'Function error', align: 'right' },
        ],
        rows: files.map((file) => [path.basename(file.from), path.basename(file.out), file.objectiveBefore, file.objectiveAfter, file.distanceBefore, file.distanceAfter, movedText(file, classes), file.function.relative]),
      },
      ...lineSections(network, files, lines, request),
      {
        kind: 'table', id: 'classes', title: 'Units by layer',
        meaning: `Units of a class move together wherever they occur. ${files.length === 1 ? '' : `Of ${path.basename(files[0]!.from)}.`}`.trim(),
        columns: [{ label: 'Layer', align: 'left' }, { label: 'Units', align: 'right' }, { label: 'Moved', align: 'right' }, ...(withSigns ? [{ label: 'Sign changed', align: 'right' } as const] : [])],
        rows: classes.map(({ units, signed }, c) => {
          const { order, signs } = files[0]!.orders[c]!;
          return [showName(units.name), units.units, order.filter((from, i) => from !== i).length, ...(withSigns ? [signed ? signs.filter((sign) => sign === -1).length : null] : [])];
        }),
      },
    ],
    warnings: warnings(network, files, lines),
    result: { files: files.map((file) => fileResult(file, classes)) },
  };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function change(before: number, after: number): string {
  const [a, b] = [formatNumber(before, 3), formatNumber(after, 3)];
  return a === b ? `stays at ${a}` : `${after < before ? 'falls' : 'rises'} from ${a} to ${b}`;
}

function movedText({ orders }: AlignedFile, classes: readonly MatchingClass[]): string {
  const moved = orders.reduce((sum, { order, signs }) => sum + order.filter((from, i) => from !== i || signs[i] === -1).length, 0);
  return `${formatCount(moved)} of ${formatCount(classes.reduce((sum, { units }) => sum + units.units, 0))}`;
}

function lineSections(network: Network, files: readonly AlignedFile[], lines: Lines, { method }: AlignRequest): LinesSection[] {
  const shown = files.filter(({ lineAfter }) => lineAfter.functionDistance.some((distance) => distance > 0) || files.length === 1).slice(0, SHOWN_FILES);
  const series = (line: Interpolation, values: Float64Array, label: string): LineSeries => ({ label, x: [...line.t], y: [...values] });
  const panels = (of: (line: Interpolation) => Float64Array | undefined): LinePanel[] => shown.map((file): LinePanel => ({
    title: shown.length === 1 ? '' : path.basename(file.from), meaning: '',
    series: [[file.lineBefore, 'as stored'] as const, [file.lineAfter, 'aligned'] as const].flatMap(([line, label]) => {
      const values = of(line);
      return values === undefined ? [] : [series(line, values, label)];
    }),
  }));
  const onInputs = inputsText(lines);
  const to = method === 'universe' ? 'the first network' : 'the reference';
  const loss: LinesSection[] = lines.data.targets === undefined ? [] : [{
    kind: 'lines', id: 'loss', title: 'Loss along the straight line', xLabel: `share of the network (0 is ${to})`, yLabel: 'negative log-likelihood', xScale: 'linear', yScale: 'linear',
    meaning: `Mean negative log-likelihood on ${onInputs} at the weights between ${to} and each network. Where the curve rises above the straight line between its ends there is a barrier: the two networks are separated, or their units are not in one order.`,
    panels: panels(({ loss: values }) => values),
  }];
  return [...loss, {
    kind: 'lines', id: 'function', title: 'Function along the straight line', xLabel: `share of the network (0 is ${to})`, yLabel: 'relative distance', xScale: 'linear', yScale: 'linear',
    meaning: `How far the outputs at the weights in between are from mixing the outputs of both ends, on ${onInputs}, relative to their size${uncertainty(shown)}. Zero: the weights can be averaged like predictions.${lines.available === undefined ? ` ${smallerInputsSentence(network)}` : ''}`.trim(),
    panels: panels(({ functionDistance: values }) => values),
  }];
}

/** What other inputs of this kind would have shown. */
function uncertainty(files: readonly AlignedFile[]): string {
  const most = Math.max(0, ...files.flatMap(({ lineBefore, lineAfter }) => [...lineBefore.standardError, ...lineAfter.standardError]).filter(Number.isFinite));
  return most === 0 ? '' : `; which inputs these are makes a difference of ${formatNumber(most, 1)} at most (one standard error, by leaving out one at a time)`;
}

function warnings(network: Network, files: readonly AlignedFile[], { data: { targets } }: Lines): string[] {
  const norms = network.nodes.some(({ op }) => op === 'batchnorm');
  return [
    ...(norms ? ['Between the two networks running statistics of batch normalisation are interpolated like weights; measured anew at each point (as Jordan et al. 2023 do) the barrier would be lower. Recompute them on training data before using an average of these networks.'] : []),
    ...files.filter(({ objectiveBefore, objectiveAfter }) => objectiveAfter < objectiveBefore).map(({ from }) => `${showName(from)}: matched by its responses, the network is further from the reference in its weights than before; match by weights when it is weights that are to be averaged.`),
    ...files.filter(({ optimizer }) => optimizer).map(({ from }) => optimizerWarning(from)),
    ...(targets === undefined ? ['Without data and targets there is no loss to compare; pass the training data to see the barrier.'] : []),
  ];
}

function fileResult(file: AlignedFile, classes: readonly MatchingClass[]): JsonValue {
  const line = ({ t, loss, functionDistance, standardError, barrier }: Interpolation): JsonValue => ({ t: [...t], loss: loss === undefined ? null : [...loss], functionDistance: [...functionDistance], standardError: [...standardError], barrier: barrier ?? null });
  return {
    in: file.from, out: file.out, objectiveBefore: file.objectiveBefore, objectiveAfter: file.objectiveAfter, distanceBefore: file.distanceBefore, distanceAfter: file.distanceAfter,
    permutations: Object.fromEntries(classes.map(({ units }, c) => [units.name, [...file.orders[c]!.order]])),
    signs: Object.fromEntries(classes.flatMap(({ units, signed }, c) => (signed ? [[units.name, [...file.orders[c]!.signs]]] : []))),
    functionError: file.function.relative, reached: [...file.reached], before: line(file.lineBefore), after: line(file.lineAfter),
  };
}
