/**
 * The whole machine-readable result of a report that was asked for in brief: what its result leaves out stands in a section, in
 * columns. For whoever saves or copies it as JSON.
 */
import { differenceRows, type DifferenceRow } from './differenceTable.ts';
import type { JsonValue, Report } from './report.ts';
import { tensorRows, type TensorKind } from './tensorTable.ts';

export function fullResult({ analysis, result, sections }: Report): JsonValue {
  if (!isRecord(result)) return result;
  if (analysis === 'inspect' && Array.isArray(result['files'])) {
    const tables = sections.filter((section) => section.kind === 'tensors');
    return {
      ...result,
      files: (result['files'] as readonly JsonValue[]).map((file, i) => {
        const table = tables[i];
        return !isRecord(file) || 'tensors' in file || table === undefined ? file : { ...file, tensors: plain(tensorRows(table.tensors)) };
      }),
    };
  }
  if (analysis === 'diff') {
    const table = sections.find((section) => section.kind === 'differences');
    return 'tensors' in result || table === undefined ? result : { ...result, tensors: differenceRows(table.tensors).map(differenceResult) };
  }
  if (analysis === 'predict' || analysis === 'posterior') return withDraws(result, sections);
  return result;
}

/** Where the draws lie, which the section of projections has in its planes. */
function withDraws(result: Readonly<Record<string, JsonValue>>, sections: Report['sections']): JsonValue {
  const { projections } = result;
  const section = sections.find(({ kind }) => kind === 'projections');
  if (projections === undefined || !isRecord(projections) || !Array.isArray(projections['planes']) || section?.kind !== 'projections') return result;
  const planes = (projections['planes'] as readonly JsonValue[]).map((plane): JsonValue => {
    if (!isRecord(plane) || !isRecord(plane['methods'] ?? null)) return plane;
    const shown = section.planes.find(({ id, stage }) => id === plane['plane'] && stage === plane['stage']);
    const methods = Object.entries(plane['methods'] as Readonly<Record<string, JsonValue>>).map(([name, said], k): [string, JsonValue] => {
      const panel = shown?.panels[k];
      return [name, panel === undefined || !isRecord(said) ? said : { ...said, x: panel.x, y: panel.y }];
    });
    return { ...plane, methods: Object.fromEntries(methods) };
  });
  return { ...result, projections: { ...projections, planes } };
}

/** One tensor of a comparison, as programs read it. */
export function differenceResult({ name, change, before, after, distance }: DifferenceRow): JsonValue {
  const side = (kind: TensorKind | undefined): JsonValue => (kind === undefined ? null : { dtype: kind.dtype, shape: kind.shape, elements: kind.elements, bytes: kind.bytes });
  return { name, change, before: side(before), after: side(after), distance: distance === undefined ? null : { ...distance } };
}

const isRecord = (value: JsonValue): value is Readonly<Record<string, JsonValue>> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Rows as the plain data that they are. */
const plain = (rows: unknown): JsonValue => rows as JsonValue;
