/** Tools asked as a language model asks, answered by the real analyses: the numbers are those of the reports, and nothing outside the workspace is read. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { analyses } from '../../../src/analyses/service.ts';
import { modelTools, workspaceFile, type ToolSurroundings } from '../../../src/extension/modelTools.ts';
import type { Report } from '../../../src/protocol/report.ts';
import type { JobContext } from '../../../src/protocol/rpc.ts';
import { denseWeights, description, safetensors } from '../../e2e/checkpoints.ts';

const context: JobContext = { signal: new AbortController().signal, progress: () => undefined, memoryLimitBytes: 2 ** 30 };
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'tools-'));
  const weights = denseWeights([3, 6, 2], 3);
  await writeFile(path.join(folder, 'net.safetensors'), safetensors(weights));
  await writeFile(path.join(folder, 'net.network.json'), description([3, 6, 2], 'relu'));
  // Twice as large into each hidden unit and half as large out of it: the same function.
  const scaled = Object.entries(weights).map(([name, { shape, values }]) => [name, { shape, values: values.map((w) => (name.startsWith('0.') ? 2 * w : name === '2.weight' ? w / 2 : w)) }] as const);
  await writeFile(path.join(folder, 'scaled.safetensors'), safetensors(Object.fromEntries(scaled)));
  await writeFile(path.join(folder, 'scaled.network.json'), description([3, 6, 2], 'relu'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const surroundings = (): ToolSurroundings => ({
  roots: [folder], seed: 0, rank: { inputs: 200, noise: 1, priorPrecision: 1 },
  known: () => Promise.resolve({}),
  // A question holds the request of its own method.
  ask: ({ method, request }) => (analyses[method] as (request: unknown, context: JobContext) => Promise<Report>)(request, context),
});
const use = (name: string, input: unknown): Promise<string> => {
  const tool = modelTools[name];
  if (tool === undefined) throw new Error(`no tool ${name}`);
  return tool(input, surroundings());
};

it('are those that package.json describes, with the parameters that they read', async () => {
  const manifest = JSON.parse(await readFile('package.json', 'utf8')) as { contributes: { languageModelTools: { name: string; inputSchema: { required: string[] } }[] } };
  const described = manifest.contributes.languageModelTools;
  expect(described.map(({ name }) => name)).toEqual(Object.keys(modelTools));
  for (const { name, inputSchema } of described) await expect(use(name, {})).rejects.toThrow(`"${inputSchema.required[0]}" is missing`);
});

it('summarise a file: 3·6 + 6 + 6·2 + 2 = 38 parameters', async () => {
  const text = await use('quotient_summarizeWeights', { file: 'net.safetensors', statistics: true });
  expect(text).toMatch(/\b38 parameters/);
  expect(text).toContain('2.weight: F64 2 × 6');
});

it('rank it: a scaling of each of six hidden ReLU units is in the kernel, 38 − 6 = 32', async () => {
  expect(await use('quotient_rank', { file: 'net.safetensors' })).toMatch(/rank 32 of 38/i);
});

it('compare it with a rescaled copy', async () => {
  expect(await use('quotient_compare', { first: 'net.safetensors', second: './scaled.safetensors' })).toMatch(/the same function/i);
});

it('read nothing outside the workspace, whatever the path', async () => {
  for (const file of ['../net.safetensors', '/etc/passwd', 'a/../../b.pt', '.', '']) await expect(use('quotient_summarizeWeights', { file })).rejects.toThrow(/workspace/);
  await expect(use('quotient_rank', { file: 'net.safetensors', data: '/etc/passwd' })).rejects.toThrow(/not in the workspace/);
  expect(() => workspaceFile('a.pt', [])).toThrow('No folder is open');
  expect(workspaceFile('b/x.pt', ['/w/a', '/w/b'])).toBe(path.resolve('/w/b/x.pt'));
  expect(workspaceFile('x.pt', ['/w/a', '/w/b'])).toBe(path.resolve('/w/a/x.pt'));
  expect(workspaceFile('/w/b/x.pt', ['/w/a', '/w/b'])).toBe(path.resolve('/w/b/x.pt'));
});

it('refuse what is no input, in a sentence', async () => {
  for (const [input, message] of [
    [null, /"file" is missing/], [{ file: 3 }, /"file" is not a text/], [{ file: 'net.safetensors', noise: -1 }, /"noise" is -1; expected a positive number/],
    [{ file: 'net.safetensors', likelihood: 'poisson' }, /expected gaussian, categorical or bernoulli/], [{ file: 'none.pt' }, /none\.pt/],
  ] as const) await expect(use('quotient_rank', input)).rejects.toThrow(message);
});
