/**
 * What changed between two weight files? Tensors that one of them lacks, shapes and dtypes that differ, and for the rest how far the
 * weights moved. By name and element, so that two copies of one function by a symmetry count as different here.
 */
import { packDifferences, type DifferenceRow, type TensorChange, type TensorDistance } from '../protocol/differenceTable.ts';
import { formatCount, formatCountOf, formatNumber } from '../protocol/format.ts';
import { differenceResult } from '../protocol/fullResult.ts';
import type { Figure, Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { DiffRequest } from '../protocol/service.ts';
import { namesApart } from '../protocol/shownPaths.ts';
import type { TensorKind } from '../protocol/tensorTable.ts';
import { tensorDistance } from '../weights/distance.ts';
import { isReal } from '../weights/dtype.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import type { TensorInfo, WeightFile } from '../weights/weightFile.ts';
import { showName } from '../weights/weightFileError.ts';
import { startProvenance } from './provenance.ts';

export async function diff(request: DiffRequest, context: JobContext): Promise<Report> {
  const provenance = startProvenance(null);
  const [before, after] = request.files;
  const a = await openWeightFile(before);
  try {
    const b = await openWeightFile(after);
    try {
      const rows = await differences(a, b, context);
      return { ...report(request, rows), provenance: provenance() };
    } finally {
      await b.close();
    }
  } finally {
    await a.close();
  }
}

/** The second file's tensors in its order, then those that only the first has. */
async function differences(a: WeightFile, b: WeightFile, context: JobContext): Promise<DifferenceRow[]> {
  const comparable = (tensor: TensorInfo): boolean => {
    const other = a.tensor(tensor.name);
    return other !== undefined && isReal(tensor.dtype) && isReal(other.dtype) && other.shape.join() === tensor.shape.join();
  };
  const total = b.tensors.filter(comparable).reduce((sum, { elements }) => sum + elements, 0);
  const rows: DifferenceRow[] = [];
  let done = 0;
  for (const tensor of b.tensors) {
    const { name } = tensor;
    const other = a.tensor(name);
    const after = kindOf(tensor);
    if (other === undefined) {
      rows.push({ name, change: 'added', after });
      continue;
    }
    const sides = { before: kindOf(other), after };
    if (!comparable(tensor)) {
      rows.push({ name, change: other.shape.join() === tensor.shape.join() ? 'unread' : 'reshaped', ...sides });
      continue;
    }
    const say = (): void => {
      context.progress({ message: `Comparing ${showName(name)}`, fraction: total === 0 ? 1 : done / total });
    };
    say();
    const distance = await tensorDistance(a, b, name, context.signal, (elements) => {
      done += elements;
      say();
    });
    rows.push({ name, change: distance.different === 0 && other.dtype === tensor.dtype ? 'equal' : 'changed', ...sides, distance });
  }
  for (const tensor of a.tensors) if (b.tensor(tensor.name) === undefined) rows.push({ name: tensor.name, change: 'removed', before: kindOf(tensor) });
  return rows;
}

const kindOf = ({ dtype, shape, elements, bytes }: TensorInfo): TensorKind => ({ dtype, shape, elements, bytes });

function report(request: DiffRequest, rows: readonly DifferenceRow[]): Omit<Report, 'provenance'> {
  const [before, after] = request.files;
  const [from = '', to = ''] = namesApart([before, after]);
  const counts: Record<TensorChange, number> = { added: 0, removed: 0, reshaped: 0, unread: 0, changed: 0, equal: 0 };
  for (const { change } of rows) counts[change]++;
  const total = wholeDistance(rows);
  const incomparable = rows.reduce((sum, { distance }) => sum + (distance?.incomparable ?? 0), 0);
  const compared = counts.changed + counts.equal;
  return {
    analysis: 'diff',
    title: `${showName(to)} compared with ${showName(from)}`,
    summary: summary(rows, counts),
    sources: request.files,
    sections: [
      {
        kind: 'figures',
        id: 'figures',
        title: 'At a glance',
        meaning: compared === 0
          ? 'No tensor has the same name and shape in both files.'
          : `Distances are from ${showName(from)} to ${showName(to)}, over all tensors that have the same name and shape in both.`,
        figures: [
          { label: 'Changed', value: formatCount(counts.changed), detail: `of ${formatCount(compared)} compared` },
          { label: 'Added', value: formatCount(counts.added) },
          { label: 'Removed', value: formatCount(counts.removed) },
          ...count('Other shape', counts.reshaped),
          ...count('Not readable', counts.unread),
          ...(compared === 0 ? [] : [
            { label: 'Distance', value: formatNumber(total.l2), detail: 'Euclidean' },
            { label: 'Relative', value: formatNumber(total.relative), detail: 'by the norm of the first' },
          ]),
        ],
      },
      {
        kind: 'differences',
        id: 'differences',
        title: 'Tensors',
        meaning: 'Relative is the Euclidean distance divided by the norm of the first file’s tensor. Tensors are matched by name: units in another order count as changed.',
        before: from,
        after: to,
        tensors: packDifferences(rows),
      },
    ],
    warnings: [
      ...(incomparable === 0 ? [] : [`${formatCount(incomparable)} elements are NaN or infinite in one file and not in the other; distances leave them out.`]),
      ...(compared === 0 && rows.length > 0 ? ['The two files have no tensor in common that could be compared. If one of them prefixes its names ("module.", "model."), save both in the same way.'] : []),
    ],
    result: {
      before,
      after,
      counts,
      distance: compared === 0 ? null : { l2: total.l2, relative: total.relative },
      ...(request.brief === true ? {} : { tensors: rows.map(differenceResult) }),
    },
  };
}

/** Of all compared tensors as one vector. */
function wholeDistance(rows: readonly DifferenceRow[]): { readonly l2: number; readonly relative: number } {
  const length = (read: (distance: TensorDistance) => number): number => rows.reduce((sum, { distance }) => (distance === undefined ? sum : Math.hypot(sum, read(distance))), 0);
  const l2 = length((distance) => distance.l2);
  return { l2, relative: l2 === 0 ? 0 : l2 / length((distance) => distance.norm) };
}

const count = (label: string, value: number): Figure[] => (value === 0 ? [] : [{ label, value: formatCount(value) }]);

function summary(rows: readonly DifferenceRow[], counts: Readonly<Record<TensorChange, number>>): string {
  if (rows.every(({ change }) => change === 'equal')) return rows.length === 0 ? 'Neither file holds a tensor.' : `The two files hold the same ${formatCountOf(rows.length, 'tensor')}.`;
  const words = ([['changed', 'changed'], ['added', 'added'], ['removed', 'removed'], ['reshaped', 'of another shape'], ['unread', 'not readable'], ['equal', 'equal']] as const)
    .filter(([change]) => counts[change] > 0)
    .map(([change, word], i) => `${i === 0 ? formatCountOf(counts[change], 'tensor') : formatCount(counts[change])} ${word}`);
  const farthest = rows.reduce<DifferenceRow | undefined>((most, row) => ((row.distance?.relative ?? 0) > (most?.distance?.relative ?? 0) ? row : most), undefined);
  return `${words.join(', ')}${farthest?.distance === undefined ? '' : `; the largest relative change is ${formatNumber(farthest.distance.relative, 3)}, in ${showName(farthest.name)}`}.`;
}
