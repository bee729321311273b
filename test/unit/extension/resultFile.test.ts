/** Saved results: the same after reading, in another folder about that folder's files, and small to compare. */
import path from 'node:path';
import { expect, it } from 'vitest';
import { readableJson, readResult, writeResult, type SavedResult } from '../../../src/extension/resultFile.ts';

const folder = path.resolve('/work space/models');
const net = path.join(folder, 'net.pt');
const data = path.resolve('/work space/data/x.npz');

const saved: SavedResult = {
  question: { method: 'rank', title: 'Rank and kernel of net.pt', request: { file: net, data, inputs: 10, likelihood: 'gaussian', noise: 1, priorPrecision: 1, seed: 0 } },
  report: {
    analysis: 'rank', title: 'GGN rank of net.pt', summary: 'Rank 3 of 5.', sources: [net, data], warnings: [], result: { file: net, spectrum: [3, 2, 1e-30], units: [{ unit: 1 }], nothing: {} },
    sections: [{ kind: 'figures', id: 'f', title: 'net.pt', meaning: 'It is so.', figures: [] }],
    provenance: { version: '1', seed: 0, seconds: 0.5 },
  },
};

it('comes back as it was, under the title of the report', () => {
  const german = { ...saved, question: { ...saved.question, title: 'Rang und Kern von net.pt' } };
  expect(writeResult(german, folder)).toBe(writeResult(saved, folder));
  expect(readResult(writeResult(german, folder), path.join(folder, 'net.rank.quotient.json'))).toEqual({ ...saved, question: { ...saved.question, title: saved.report.title } });
});

it('names no folder of the machine that wrote it, and means the files beside it elsewhere', () => {
  const text = writeResult(saved, folder);
  expect(text).not.toContain('work space');
  expect(text).toContain('"./net.pt"');
  expect(text).toContain('"../data/x.npz"');
  const elsewhere = readResult(text, path.resolve('/clone/models/net.rank.quotient.json'));
  expect(elsewhere.report.sources).toEqual([path.resolve('/clone/models/net.pt'), path.resolve('/clone/data/x.npz')]);
  expect(elsewhere.question.request).toMatchObject({ file: path.resolve('/clone/models/net.pt'), data: path.resolve('/clone/data/x.npz') });
  expect(elsewhere.report.result).toMatchObject({ file: path.resolve('/clone/models/net.pt') });
  // A title that happens to be a file's name stays a title.
  expect(elsewhere.report.sections[0]?.title).toBe('net.pt');
});

it('differs in one line where one number does', () => {
  const other = { ...saved, report: { ...saved.report, summary: 'Rank 2 of 5.' } };
  const [a, b] = [writeResult(saved, folder).split('\n'), writeResult(other, folder).split('\n')];
  expect(a.length).toBe(b.length);
  expect(a.filter((line, i) => line !== b[i])).toHaveLength(1);
});

it('is JSON of the same value', () => {
  for (const value of [saved, [], {}, [[1, 2], [3]], { a: undefined, b: [null, 'x'] }, 'text', 0, null]) {
    expect(JSON.parse(readableJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
  }
});

it('anything else is refused in a sentence that names the file', () => {
  const file = path.join(folder, 'a.quotient.json');
  const text = writeResult(saved, folder);
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /^a\.quotient\.json is not JSON/],
    ['<<<<<<< HEAD', /is not JSON .*save the result again/],
    ['[]', /not a result saved by Quotient/],
    ['null', /not a result saved by Quotient/],
    [text.replace('"version": 1', '"version": 2'), /another version/],
    [text.replace('"analysis": "rank"', '"analysis": "toString"'), /no whole report/],
    [text.replace('"method": "rank"', '"method": "__proto__"'), /no whole report/],
  ];
  for (const [wrong, message] of cases) expect(() => readResult(wrong, file)).toThrow(message);
});
