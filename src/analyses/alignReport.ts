/** The report of `align`: how much closer the networks came, which units moved, and what lies on the line between them. */
import path from 'node:path';
import type { Network } from '../network/network.ts';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { JsonValue, LinesSection, Report } from '../protocol/report.ts';
import { namesApart } from '../protocol/shownPaths.ts';
import type { AlignRequest } from '../protocol/service.ts';
import type { MatchingClass } from '../symmetry/matchingClasses.ts';
import { showName } from '../weights/weightFileError.ts';
import { optimizerWarning } from './savedNetwork.ts';
import type { AlignedFile } from './align.ts';
import { describeNetwork } from './describeNetwork.ts';
import { lineResult, lineSections } from './linePictures.ts';
import type { Lines } from './lines.ts';

/** Pictures of more lines than this would not be read. */
const SHOWN_FILES = 6;

export function alignReport(request: AlignRequest, network: Network, classes: readonly MatchingClass[], files: readonly AlignedFile[], lines: Lines): Omit<Report, 'provenance'> {
  const before = mean(files.map(({ distanceBefore }) => distanceBefore));
  const after = mean(files.map(({ distanceAfter }) => distanceAfter));
  const barrier = files[0]?.lineAfter.barrier === undefined ? '' : ` The loss barrier ${change(mean(files.map(({ lineBefore }) => lineBefore.barrier ?? NaN)), mean(files.map(({ lineAfter }) => lineAfter.barrier ?? NaN)))} nats a data point${files.length === 1 ? '' : ' on average'}.`;
  const [only = '', reference = ''] = namesApart([files[0]!.from, request.reference]);
  const withSigns = classes.some(({ signed }) => signed);
  return {
    analysis: 'align',
    title: files.length === 1 ? `Alignment of ${only} to ${reference}` : `Alignment of ${files.length} networks`,
    summary: `${describeNetwork(network)}: the distance ${request.method === 'universe' ? 'to the first network' : 'to the reference'} ${change(before, after)}${files.length === 1 ? '' : ' on average'}.${barrier} Functions are unchanged within ${formatNumber(Math.max(...files.map((file) => file.function.relative)), 2)} relative.`,
    sources: [request.reference, ...request.files, ...(request.data === undefined ? [] : [request.data])],
    sections: [
      {
        kind: 'table', id: 'files', title: 'Files',
        meaning: 'The objective is the inner product of all parameters with those of the reference; matching never lowers it. The function error is the largest relative difference of the outputs between the file read and the file written.',
        columns: [
          { label: 'From', align: 'left' }, { label: 'To', align: 'left' }, { label: 'Objective before', align: 'right' }, { label: 'Objective after', align: 'right' },
          { label: 'Distance before', align: 'right' }, { label: 'Distance after', align: 'right' }, { label: 'Units moved', align: 'right' }, { label: 'Function error', align: 'right' },
        ],
        rows: files.map((file) => [path.basename(file.from), path.basename(file.out), file.objectiveBefore, file.objectiveAfter, file.distanceBefore, file.distanceAfter, movedText(file, classes), file.function.relative]),
      },
      ...pictures(network, files, lines, request),
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

function pictures(network: Network, files: readonly AlignedFile[], lines: Lines, { method }: AlignRequest): LinesSection[] {
  const shown = files.filter(({ lineAfter }) => lineAfter.functionDistance.some((distance) => distance > 0) || files.length === 1).slice(0, SHOWN_FILES);
  const from = method === 'universe' ? 'the first network' : 'the reference';
  return lineSections(network, shown.map(({ from: file, lineBefore, lineAfter }) => ({
    title: shown.length === 1 ? '' : path.basename(file), lines: [{ label: 'as stored', line: lineBefore }, { label: 'aligned', line: lineAfter }],
  })), lines, { from, to: 'each network', xLabel: `share of the network (0 is ${from})` });
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
  return {
    in: file.from, out: file.out, objectiveBefore: file.objectiveBefore, objectiveAfter: file.objectiveAfter, distanceBefore: file.distanceBefore, distanceAfter: file.distanceAfter,
    permutations: Object.fromEntries(classes.map(({ units }, c) => [units.name, [...file.orders[c]!.order]])),
    signs: Object.fromEntries(classes.flatMap(({ units, signed }, c) => (signed ? [[units.name, [...file.orders[c]!.signs]]] : []))),
    functionError: file.function.relative, reached: [...file.reached], before: lineResult(file.lineBefore), after: lineResult(file.lineAfter),
  };
}
