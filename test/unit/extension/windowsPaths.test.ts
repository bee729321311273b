/** The code that takes paths apart, with the paths of Windows: drives, backslashes, shares. Node's own `path.win32` stands in for `path`. */
import type * as nodePath from 'node:path';
import { expect, it, vi } from 'vitest';

vi.mock('node:path', async (original) => {
  const { win32 } = await original<typeof nodePath>();
  return { ...win32, default: win32 };
});

const { isInside, pathCandidates } = await import('../../../src/extension/pathLiteral.ts');
const { workspaceFile } = await import('../../../src/extension/modelTools.ts');
const { readResult, writeResult } = await import('../../../src/extension/resultFile.ts');
const { alignedName, canonicalName, dataCandidates, kindByName, viewTypeOf } = await import('../../../src/extension/weightFiles.ts');
const { drawsAmong, isWeightFile, stemOf } = await import('../../../src/protocol/weightFileNames.ts');
const { outputFiles } = await import('../../../src/analyses/outputFiles.ts');

const workspace = 'c:\\Users\\me\\runs';

it('names are those behind the last separator, of either kind', () => {
  for (const file of [`${workspace}\\net.v2.PT`, 'c:/Users/me/runs/net.v2.PT']) {
    expect([isWeightFile(file), stemOf(file), kindByName(file), viewTypeOf(file)]).toEqual([true, 'net.v2', 'PyTorch weight file', 'quotient.weights']);
    expect([canonicalName(file), alignedName(file)]).toEqual(['net.v2.canonical.safetensors', 'net.v2.aligned.safetensors']);
    expect(outputFiles([file], { folder: 'd:\\out' }, 'canonical')).toEqual(['d:\\out\\net.v2.canonical.safetensors']);
  }
  expect(drawsAmong(['draw10.pt', 'draw2.pt'])).toEqual(['draw2.pt', 'draw10.pt']);
  expect(dataCandidates(['data.npz', 'net.pt'], `${workspace}\\net.pt`)[0]).toBe('data.npz');
});

it('a path in a program is looked up beside it, with either separator, as strings write them', () => {
  for (const text of ['sub/net.pt', 'sub\\net.pt', 'sub\\\\net.pt', './sub/net.pt']) expect(pathCandidates(text, [workspace], [workspace]), text).toEqual([`${workspace}\\sub\\net.pt`]);
  for (const text of ['D:\\models\\net.pt', 'D:\\\\models\\\\net.pt', 'D:/models/net.pt']) expect(pathCandidates(text, [workspace], [workspace]), text).toEqual(['D:\\models\\net.pt']);
});

it('a relative path does not leave its folders, and a share is never asked', () => {
  for (const text of ['..\\net.pt', '../net.pt', 'a\\..\\..\\net.pt', 'd:net.pt', '\\\\server\\share\\net.pt', '//server/share/net.pt', '\\\\?\\c:\\net.pt']) expect(pathCandidates(text, [workspace], [workspace]), text).toEqual([]);
  expect(isInside(`${workspace}\\..net.pt`, workspace)).toBe(true);
  // Drives and folders have no case.
  expect(isInside('C:\\USERS\\me\\runs\\net.pt', workspace)).toBe(true);
  expect(isInside('d:\\Users\\me\\runs\\net.pt', workspace)).toBe(false);
});

it('language models read files of the workspace alone', () => {
  const other = 'd:\\models';
  expect(workspaceFile('sub/net.pt', [workspace])).toBe(`${workspace}\\sub\\net.pt`);
  expect(workspaceFile('models\\net.pt', [workspace, other])).toBe('d:\\models\\net.pt');
  expect(workspaceFile('models/net.pt', [workspace, other])).toBe('d:\\models\\net.pt');
  for (const file of ['..\\net.pt', 'd:\\net.pt', '\\\\server\\share\\net.pt', 'c:\\Windows\\net.pt']) expect(() => workspaceFile(file, [workspace]), file).toThrow('not in the workspace');
});

it('a saved result says its files with slashes, holds wherever it is, and keeps what is on another drive', () => {
  const report = {
    analysis: 'rank' as const, title: 'net', summary: 'Rank 3.', sources: [`${workspace}\\net.pt`, 'd:\\data\\x.npz'], sections: [], warnings: [], result: {},
    provenance: { version: '1', seed: 0, seconds: 1 },
  };
  const question = { method: 'rank' as const, title: 'net', request: { file: `${workspace}\\net.pt`, data: 'd:\\data\\x.npz', inputs: 9, likelihood: 'gaussian' as const, noise: 1, priorPrecision: 1, seed: 0 } };
  const text = writeResult({ question, report }, workspace);
  expect(text).toContain('"./net.pt"');
  expect(text).not.toContain('Users');
  expect(readResult(text, 'e:\\clone\\net.rank.quotient.json').question.request).toMatchObject({ file: 'e:\\clone\\net.pt', data: 'd:\\data\\x.npz' });
});

it('results whose names differ in case alone are one file on Windows and macOS', () => {
  expect(() => outputFiles(['a\\Net.pt', 'b\\net.pt'], { folder: 'out' }, 'aligned')).toThrow('two of the files would both be written to out\\net.aligned.safetensors');
});
