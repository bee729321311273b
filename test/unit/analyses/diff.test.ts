/** The analysis `diff`: what is added, removed, reshaped and changed between two files, with distances known beforehand. */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { diff } from '../../../src/analyses/diff.ts';
import { differenceRows, type DifferenceRow } from '../../../src/protocol/differenceTable.ts';
import { fullResult } from '../../../src/protocol/fullResult.ts';
import type { Report } from '../../../src/protocol/report.ts';
import { encodeElements, type RealDtype } from '../../../src/weights/dtype.ts';
import { writeSafetensors } from '../../../src/weights/safetensorsWriter.ts';
import { context, temporaryFolder } from './workspace.ts';

type Tensors = Readonly<Record<string, { readonly shape: readonly number[]; readonly values: readonly number[]; readonly dtype?: RealDtype }>>;

async function written(name: string, tensors: Tensors): Promise<string> {
  const file = path.join(await temporaryFolder(), name);
  await writeSafetensors(file, Object.entries(tensors).map(([key, { shape, values, dtype = 'F64' }]) => ({ name: key, dtype, shape, bytes: encodeElements(dtype, Float64Array.from(values)) })), {}, { overwrite: false });
  return file;
}

const rows = (report: Report): Map<string, DifferenceRow> => {
  const section = report.sections.find(({ kind }) => kind === 'differences');
  return new Map(section?.kind === 'differences' ? differenceRows(section.tensors).map((row) => [row.name, row]) : []);
};

const before: Tensors = { a: { shape: [2], values: [3, 4] }, b: { shape: [2, 2], values: [1, 2, 3, 4] }, c: { shape: [3], values: [1, 2, 3] }, gone: { shape: [1], values: [1] }, half: { shape: [2], values: [1, 2], dtype: 'F32' } };
const after: Tensors = { a: { shape: [2], values: [3, 9] }, b: { shape: [4], values: [1, 2, 3, 4] }, c: { shape: [3], values: [1, 2, 3] }, new: { shape: [1], values: [1] }, half: { shape: [2], values: [1, 2], dtype: 'F16' } };

describe('the difference of two files', () => {
  it('names what was added, removed, reshaped, changed and left alone', async () => {
    const report = await diff({ files: [await written('a.safetensors', before), await written('b.safetensors', after)] }, context);
    const found = rows(report);
    expect(Object.fromEntries(Array.from(found, ([name, { change }]) => [name, change]))).toEqual({ a: 'changed', b: 'reshaped', c: 'equal', new: 'added', gone: 'removed', half: 'changed' });
    expect(found.get('a')?.distance).toMatchObject({ l2: 5, relative: 1, largest: 5 });
    // Another dtype is a change, though every element is the same.
    expect(found.get('half')).toMatchObject({ before: { dtype: 'F32' }, after: { dtype: 'F16' }, distance: { l2: 0, different: 0 } });
    expect(report.title).toBe('b.safetensors compared with a.safetensors');
    expect(report.summary).toBe('2 tensors changed, 1 added, 1 removed, 1 of another shape, 1 equal; the largest relative change is 1, in a.');
    // Over a, c and half: ‖(0, 5, 0…)‖ / ‖(3, 4, 1, 2, 3, 1, 2)‖
    expect(report.result).toMatchObject({ counts: { changed: 2, equal: 1 }, distance: { l2: 5, relative: 5 / Math.sqrt(25 + 14 + 5) } });
  });

  it('of a file and itself is nothing', async () => {
    const file = await written('a.safetensors', before);
    const report = await diff({ files: [file, file], brief: true }, context);
    expect(report.summary).toBe('The two files hold the same 5 tensors.');
    expect(report.result).not.toHaveProperty('tensors');
    expect(fullResult(report)).toEqual((await diff({ files: [file, file] }, context)).result);
  });

  it('turned round has the same distances, with added and removed exchanged', async () => {
    const files = [await written('a.safetensors', before), await written('b.safetensors', after)] as const;
    const [there, back] = [rows(await diff({ files: [files[0], files[1]] }, context)), rows(await diff({ files: [files[1], files[0]] }, context))];
    const turned = { added: 'removed', removed: 'added', reshaped: 'reshaped', changed: 'changed', equal: 'equal', unread: 'unread' } as const;
    for (const [name, row] of there) {
      expect(back.get(name)?.change).toBe(turned[row.change]);
      expect(back.get(name)?.distance?.l2).toBe(row.distance?.l2);
    }
  });

  it('says so when there is nothing to compare', async () => {
    const report = await diff({ files: [await written('a.safetensors', { x: { shape: [1], values: [1] } }), await written('b.safetensors', { 'module.x': { shape: [1], values: [1] } })] }, context);
    expect(report.warnings).toEqual(['The two files have no tensor in common that could be compared. If one of them prefixes its names ("module.", "model."), save both in the same way.']);
  });

  it('stops when it is cancelled', async () => {
    const file = await written('a.safetensors', before);
    await expect(diff({ files: [file, file] }, { ...context, signal: AbortSignal.abort(new Error('stopped')) })).rejects.toThrow('stopped');
  });
});
