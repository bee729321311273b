// The analysis host as it is packed, asked by the tools of language models about every committed bad file: each answer is one sentence that
// names the file, and it is the same process that gives all of them.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { AnalysisError } from '../../../src/extension/analysisError.ts';
import { HostClient } from '../../../src/extension/hostClient.ts';
import { modelTools } from '../../../src/extension/modelTools.ts';

const bad = path.join(import.meta.dirname, '../../fixtures/bad');
const logged: string[] = [];
const host = new HostClient({
  hostPath: path.resolve('dist/host.mjs'), memoryLimitBytes: () => 2 ** 31, idleMilliseconds: () => 600_000,
  log: (level, text) => { if (level !== 'info') logged.push(`${level}: ${text}`); },
});
afterAll(() => { host.dispose(); });

const formats = (await readdir(bad)).filter((name) => name !== 'data' && name !== 'network');
let process: number | undefined;

test.each(formats)('%s', async (format) => {
  const files = await readdir(path.join(bad, format));
  expect(files.length).toBeGreaterThan(5);
  for (const file of files) {
    // A sound shard of a set that is not.
    if (file === 'one.safetensors') continue;
    const asked: readonly [string, object][] = [['quotient_summarizeWeights', { file, statistics: true }], ['quotient_rank', { file }], ['quotient_compare', { first: file, second: file }]];
    // A second of processor time each until the HDF5 library is stopped.
    for (const [tool, input] of file === 'loop.h5' ? asked.slice(0, 1) : asked) {
      const error: unknown = await modelTools[tool]!(input, {
        roots: [path.join(bad, format)], seed: 0, rank: { inputs: 10, noise: 1, priorPrecision: 1 },
        known: () => Promise.resolve({}),
        ask: ({ method, request }) => host.call(method, request),
      }).then((answer) => answer, (thrown: unknown) => thrown);
      expect(error, `${tool} ${file}`).toBeInstanceOf(AnalysisError);
      expect((error as AnalysisError).message).toContain(file);
      expect((error as AnalysisError).kind, (error as AnalysisError).message).toBe('input');
    }
  }
  process ??= host.processId;
  expect(host.processId).toBe(process);
  expect(process).toBeGreaterThan(0);
});

test('the host had nothing to complain of', () => {
  expect(logged).toEqual([]);
});
