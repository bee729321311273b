// The language-model tools in a real window: another extension asks them through VS Code, as an agent does. What comes back is what the
// command line says of the same files, and what was asked is in the view "Analyses".
import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ask, begin, packAsker } from '../asker.ts';
import { denseWeights, description, safetensors, workspace } from '../checkpoints.ts';
import { installServer } from '../installServer.ts';
import { startServer, type Server } from '../server.ts';
import { Workbench } from '../workbench.ts';

let server: Server | undefined;
let opened: Workbench | undefined;
const window = (): Workbench => {
  if (opened === undefined) throw new Error('no window was opened');
  return opened;
};

beforeAll(async () => {
  server = await startServer(await installServer(), { vsix: [process.env['QUOTIENT_VSIX'] ?? 'out/quotient.vsix', await packAsker()] });
  opened = await Workbench.open(await workspace({
    'net.safetensors': safetensors(denseWeights([3, 6, 2], 3)),
    'net.network.json': description([3, 6, 2], 'relu'),
    'models/other.safetensors': safetensors(denseWeights([3, 6, 2], 4)),
    'models/other.network.json': description([3, 6, 2], 'relu'),
    // Minutes of work.
    'large.safetensors': safetensors(denseWeights([128, 256, 256, 10], 3)),
    'large.network.json': description([128, 256, 256, 10], 'tanh'),
    'broken.safetensors': Buffer.from('not tensors'),
  }), { server });
  // VS Code writes what a tool refuses.
  opened.complaints.expect(/#invokeTool\] Error from tool quotient_/);
  // A new server takes a while to start its extensions.
  await opened.decoration('net.safetensors', 'W', 60_000);
});

afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await opened?.shot(`failed ${task.name}`);
  expect(opened?.complaints.ours).toEqual([]);
});

afterAll(async () => {
  const folder = opened?.folder;
  await opened?.close();
  await server?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

/** What the command line says in the folder that is open, with single blanks. */
async function quotient(...args: readonly string[]): Promise<string> {
  const said = await promisify(execFile)(process.execPath, [path.resolve('dist/cli.mjs'), ...args], { cwd: window().folder }).then(({ stdout }) => stdout, (error: unknown) => (error as { readonly stderr: string }).stderr);
  return said.replace(/\s+/g, ' ').trim();
}

const rows = (title: string) => window().page.locator('.pane-body .monaco-list-row', { has: window().page.locator('.monaco-icon-label') }).filter({ hasText: title });
const stateOf = (title: string): Promise<string | null> => rows(title).first().getAttribute('aria-label');
const showView = async (): Promise<void> => {
  await window().command('View: Show Quotient');
  await window().page.locator('.composite.title', { hasText: 'Quotient' }).first().waitFor();
};

test('are offered as package.json describes them', async () => {
  const manifest = JSON.parse(await readFile('package.json', 'utf8')) as { readonly contributes: { readonly languageModelTools: readonly { readonly name: string; readonly modelDescription: string; readonly tags: readonly string[]; readonly inputSchema: object }[] } };
  const answer = await ask(window(), {});
  const ours = answer.kind === 'tools' ? answer.tools.filter(({ name }) => name.startsWith('quotient_')) : [];
  expect(ours).toEqual(manifest.contributes.languageModelTools.map(({ name, modelDescription, tags, inputSchema }) => ({ name, description: modelDescription, tags, inputSchema })));
  expect(ours).toHaveLength(3);
});

test.each([
  ['quotient_summarizeWeights', { file: 'net.safetensors' }, ['inspect', 'net.safetensors', '--no-stats'], 'Weights of net.safetensors'],
  ['quotient_summarizeWeights', { file: 'models/other.safetensors', statistics: true }, ['inspect', 'models/other.safetensors'], 'Weights of other.safetensors'],
  ['quotient_rank', { file: 'net.safetensors', noise: 0.5 }, ['rank', 'net.safetensors', '--noise', '0.5'], 'Rank and kernel of net.safetensors'],
  ['quotient_compare', { first: 'net.safetensors', second: 'models/other.safetensors' }, ['compare', 'net.safetensors', 'models/other.safetensors'], 'Functions of net.safetensors and other.safetensors'],
] as const)('%s says of %o what the command line does, and is in the view', async (tool, input, args, title) => {
  const answer = await ask(window(), { tool, input });
  const text = answer.kind === 'text' ? answer.text : JSON.stringify(answer);
  const command = await quotient(...args);
  const lines = text.split('\n').filter((line) => line !== '');
  expect(lines.length).toBeGreaterThan(10);
  // Sentences, headings, figures and tables are the same; lists of tensors and of parts are set in another way, with the same names and numbers.
  const missing = lines.filter((line) => !command.includes(line.replace(/^(?:## |- )/, '').replaceAll(' | ', ' ')) && !command.includes(line.replace(/^- /, '').replace(': ', ' ')));
  expect(missing.filter((line) => !line.startsWith('- '))).toEqual([]);
  for (const line of missing) for (const [part] of line.matchAll(/[\w.-]*\d[\d,.e-]*|^- [^:]+(?=:)/g)) expect(command, line).toContain(part.replace(/^- /, '').replace(/[.,]$/, ''));
  expect(text).not.toContain(window().folder);
  await showView();
  await expect.poll(() => stateOf(title)).toContain('done');
});

test('what was asked opens from the view as a report, with the sentence that the model got', async () => {
  const w = window();
  const answer = await ask(w, { tool: 'quotient_rank', input: { file: 'net.safetensors' } });
  await showView();
  await rows('Rank and kernel of net.safetensors').first().click();
  const summary = await (await w.shown()).locator('.summary').first().innerText();
  expect(answer.kind === 'text' && answer.text.split('\n')[1]).toBe(summary);
  await w.shot('model-tools');
  await w.closeEditors();
});

test('a bad file gives the sentence of the command line, and is listed as failed', async () => {
  for (const [tool, input] of [['quotient_rank', { file: 'broken.safetensors' }], ['quotient_summarizeWeights', { file: 'broken.safetensors' }], ['quotient_compare', { first: 'net.safetensors', second: 'broken.safetensors' }]] as const) {
    const answer = await ask(window(), { tool, input });
    expect(answer).toMatchObject({ kind: 'error', cancelled: false });
    expect(`quotient: ${answer.kind === 'error' ? answer.message : ''}`).toBe(await quotient('rank', 'broken.safetensors'));
  }
  await showView();
  await expect.poll(() => stateOf('Rank and kernel of broken.safetensors')).toContain('failed');
});

test('what a model makes up is refused in a sentence, and nothing outside the folder is read', async () => {
  for (const [input, message] of [
    [{}, '"file" is missing: give the path of a weight file, relative to the workspace folder.'],
    [{ file: 3 }, '"file" is not a text.'],
    [{ file: '../net.safetensors' }, `../net.safetensors is not in the workspace: only files below ${path.basename(window().folder)} are read. Give a path relative to that folder.`],
    [{ file: 'none.pt' }, 'none.pt: there is no such file'],
  ] as const) expect(await ask(window(), { tool: 'quotient_rank', input })).toEqual({ kind: 'error', cancelled: false, message });
});

test('it is cancelled by who asked, from its notification, and from the view; the next question is answered', async () => {
  const w = window();
  const title = 'Rank and kernel of large.safetensors';
  const question = { tool: 'quotient_rank', input: { file: 'large.safetensors' } };
  await showView();
  const began = async (cancelAfter?: number) => {
    const answer = await begin(w, { ...question, ...(cancelAfter === undefined ? {} : { cancelAfter }) });
    await expect.poll(() => stateOf(title)).toContain('running');
    return answer;
  };
  for (const cancel of [
    undefined,
    () => w.notificationButton(title, 'Cancel'),
    () => w.contextCommand(rows(title).first(), 'Cancel'),
  ]) {
    const answer = await began(cancel === undefined ? 3000 : undefined);
    await cancel?.();
    expect(await answer()).toMatchObject({ kind: 'error', cancelled: true });
    await expect.poll(() => stateOf(title)).toContain('cancelled');
  }
  expect(await ask(w, { tool: 'quotient_rank', input: { file: 'net.safetensors' } })).toMatchObject({ kind: 'text' });
});
