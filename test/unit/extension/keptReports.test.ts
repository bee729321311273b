/** What survives a reload of the window, against a real folder. */
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { KeptReports, type Kept } from '../../../src/extension/keptReports.ts';

const kept = (title: string, summary: string): Kept => ({
  title,
  question: { method: 'inspect', title, request: { files: ['/a.pt'], statistics: true } },
  report: { analysis: 'inspect', title, summary, sources: ['/a.pt'], sections: [], warnings: [], result: null, provenance: { version: '1', seed: null, seconds: 0 } },
});

let folder = '';
beforeEach(async () => {
  folder = path.join(await mkdtemp(path.join(os.tmpdir(), 'kept-')), 'reports');
});
afterEach(async () => {
  await rm(path.dirname(folder), { recursive: true, force: true });
});

it('comes back as it was, by key and by title, until it is removed', async () => {
  const reports = new KeptReports(folder);
  expect(await reports.get('a')).toBeUndefined();
  expect(await reports.titled('A')).toBeUndefined();
  await reports.put('a', kept('A', 'first'));
  await reports.put('a', kept('A', 'second'));
  expect(await new KeptReports(folder).get('a')).toEqual(kept('A', 'second'));
  expect(await reports.titled('A')).toEqual(kept('A', 'second'));
  await reports.remove('a');
  expect(await reports.get('a')).toBeUndefined();
});

it('of two under one title is the newer', async () => {
  const reports = new KeptReports(folder);
  await reports.put('new', kept('A', 'newer'));
  const [first] = await readdir(folder);
  await utimes(path.join(folder, first ?? ''), 2000, 2000);
  await reports.put('old', kept('A', 'older'));
  const other = (await readdir(folder)).find((name) => name !== first);
  await utimes(path.join(folder, other ?? ''), 1000, 1000);
  expect((await reports.titled('A'))?.report.summary).toBe('newer');
});

it('is nothing when the file is damaged or means something else', async () => {
  const reports = new KeptReports(folder);
  await reports.put('a', kept('A', 'x'));
  const [name] = await readdir(folder);
  const foreign = { ...kept('A', 'x'), question: { method: 'constructor', title: 'A', request: {} } };
  for (const text of ['', '{"title":"A"', '[]', 'null', '{"title":"A","question":{},"report":{}}', JSON.stringify(foreign)]) {
    await writeFile(path.join(folder, name ?? ''), text);
    expect(await reports.get('a')).toBeUndefined();
    expect(await reports.titled('A')).toBeUndefined();
  }
});

it('does not pile up', async () => {
  const reports = new KeptReports(folder);
  for (let i = 0; i < 40; i++) await reports.put(String(i), kept('A', String(i)));
  expect(await readdir(folder)).toHaveLength(32);
});
