// Other windows than one trusted folder: a workspace that is not trusted, with several folders, and one file in two editors at a time.
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, packAsker } from '../asker.ts';
import { denseWeights, description, safetensors, workspace } from '../checkpoints.ts';
import { installServer } from '../installServer.ts';
import { figures } from '../plots.ts';
import { startServer, type Server } from '../server.ts';
import { Workbench } from '../workbench.ts';

let server: Server | undefined;
let opened: Workbench | undefined;
const window = (): Workbench => {
  if (opened === undefined) throw new Error('no window was opened');
  return opened;
};

beforeAll(async () => {
  // Trust is asked of nobody and given to nothing.
  server = await startServer(await installServer(), {
    vsix: [process.env['QUOTIENT_VSIX'] ?? 'out/quotient.vsix', await packAsker()],
    settings: { 'security.workspace.trust.enabled': true, 'security.workspace.trust.startupPrompt': 'never', 'security.workspace.trust.banner': 'never' },
  });
  const folder = await workspace({
    'first/net.safetensors': safetensors(denseWeights([3, 5, 2], 1)),
    'first/net.network.json': description([3, 5, 2], 'relu'),
    'second/net.safetensors': safetensors(denseWeights([3, 4, 2], 2)),
    'second/net.network.json': description([3, 4, 2], 'relu'),
    'second/train.py': 'weights = "net.safetensors"\n',
  });
  await writeFile(path.join(folder, 'both.code-workspace'), JSON.stringify({ folders: [{ path: 'first' }, { path: 'second' }], settings: { 'quotient.host.memoryLimit': 300, 'quotient.rank.inputs': 77 } }));
  opened = await Workbench.open(folder, { server, workspace: 'both.code-workspace' });
});

afterAll(async () => {
  const folder = opened?.folder;
  await opened?.close();
  await server?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

/** Unfolds a folder of the workspace, alone. */
async function unfold(name: string): Promise<void> {
  const w = window();
  const files = w.file('net.safetensors');
  // A new window unfolds its folders a moment after it has listed them.
  await w.until(`${name} to be unfolded alone`, async () => {
    await w.command('Collapse Folders in Explorer');
    await w.page.waitForTimeout(300);
    if (await files.count() > 0) return false;
    await w.file(name).click();
    await files.first().waitFor();
    await w.page.waitForTimeout(1000);
    return (await files.count()) === 1;
  });
}

test('not trusted: the window says so, and weight files are shown and analysed all the same', async () => {
  const w = window();
  await w.page.locator('.statusbar-item', { hasText: 'Restricted Mode' }).waitFor();
  await unfold('first');
  // Before a new window knows its extensions, a file opens as text.
  await w.decoration('net.safetensors', 'W');
  await w.openFile('net.safetensors');
  expect(await (await w.shown()).locator('body').innerText()).toMatch(/\b32\b/);
  await w.shot('places-untrusted');
  await w.explorerCommand(['net.safetensors'], 'Quotient', 'Rank and Kernel of the GGN');
  await w.pick('Generic inputs');
  await w.tab('Rank and kernel').waitFor();
  const said = await figures(await w.shown('shown', 60_000));
  // D − the scalings of five hidden units; a setting that only says how many inputs to draw is not restricted.
  expect(Object.values(said).join(' ')).toMatch(/\b27\b/);
  expect(said['Inputs']).toBe('77');
  await w.closeEditors();
});

test('not trusted: the workspace does not say how much memory the host may take', async () => {
  const w = window();
  await w.command('Quotient: Show Environment');
  // What the 300 MB of the workspace would leave is less than 300 MiB; half of a machine that runs this is more than a GiB.
  expect(await w.question()).toMatch(/Memory a job may use\s*[\d.]+ GiB/);
  await w.dismissQuestion();
});

test('not trusted, several folders: a tool of language models answers, and names a file by its folder', async () => {
  const w = window();
  w.complaints.expect(/#invokeTool\] Error from tool quotient_/);
  const of = async (file: string): Promise<string> => {
    const answer = await ask(w, { tool: 'quotient_rank', input: { file } });
    return answer.kind === 'tools' ? answer.kind : answer.kind === 'text' ? answer.text : answer.message;
  };
  // 26 and 32 parameters; the first folder is meant where none is named.
  expect(await of('second/net.safetensors')).toMatch(/rank 22 of 26 parameters on 77 generic inputs/);
  expect(await of('net.safetensors')).toMatch(/rank 27 of 32 parameters/);
  expect(await of('second/none.pt')).toBe('second/none.pt: there is no such file');
});

test('several folders: a path means the file beside its document, and files of one name are told apart', async () => {
  const w = window();
  await unfold('second');
  await w.openFile('train.py');
  // 3·4 + 4 + 4·2 + 2 parameters; its namesake in the other folder has 32.
  expect(await w.hover('net.safetensors', 'parameters')).toContain('26 parameters');
  await w.closeEditors();
  await w.command('Quotient: Inspect Weights');
  const asked = await w.question();
  for (const folder of ['first', 'second']) expect(asked).toContain(folder);
  await w.shot('places-several-folders');
  await w.dismissQuestion();
});

test('several folders: the example asks which of them it goes to', async () => {
  const w = window();
  await w.command('Quotient: Open Example');
  await w.pick('Two neurons');
  const asked = await w.question();
  expect(asked).toMatch(/first[^]*second/);
  await w.dismissQuestion();
});

test('two editors on one file both follow it', async () => {
  const w = window();
  await unfold('first');
  await w.openFile('net.safetensors');
  await w.shown();
  await w.command('View: Split Editor Right');
  const frames = w.page.locator('iframe.webview.ready:visible');
  await expect.poll(() => frames.count()).toBe(2);
  await writeFile(path.join(w.folder, 'first/net.safetensors'), safetensors({ ...denseWeights([3, 5, 2], 1), 'extra.bias': { shape: [7], values: Array.from({ length: 7 }, () => 1) } }));
  for (const index of [0, 1]) {
    await frames.nth(index).contentFrame().locator('#active-frame').contentFrame().locator('[data-section=tensors]', { hasText: 'extra' }).waitFor({ timeout: 60_000 });
  }
  await w.shot('places-two-editors');
});
