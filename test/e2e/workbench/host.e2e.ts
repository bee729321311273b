// The analysis process as a user meets it: work can be cancelled, a crash is one message, and the next command works.
import { readdir, readFile } from 'node:fs/promises';
import { beforeAll, expect, inject, test } from 'vitest';
import { denseWeights, description, safetensors } from '../checkpoints.ts';
import { windowWith } from '../window.ts';

const window = windowWith({
  'net.safetensors': safetensors(denseWeights([3, 5, 2], 3)),
  'net.network.json': description([3, 5, 2], 'relu'),
});

/** Hosts of windows that earlier tests have closed: the server keeps those for a while, in case they come back. */
let strangers: readonly number[] = [];
beforeAll(async () => {
  strangers = await hosts();
});

/** Analysis hosts of this window: among the processes of the server under test, and of no other. */
async function hosts(): Promise<number[]> {
  const group = inject('server').processId;
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    // Fields after the parenthesised name: state, parent, process group.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(fields[2]) !== group) continue;
    const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (line.includes('dist/host.mjs') && !strangers.includes(Number(name))) found.push(Number(name));
  }
  return found;
}

async function startTraining(): Promise<void> {
  const w = window();
  await w.command('Quotient: Open Example');
  await w.pick('Two neurons');
  await w.pick('two-neurons');
  await w.notification(/Training network/);
}

test('the environment says which process computes, and the log keeps it', async () => {
  const w = window();
  await w.decoration('net.safetensors', 'W');
  await w.command('Quotient: Show Environment');
  const said = await w.question();
  const pid = Number(/process (\d+)/.exec(said)?.[1]);
  expect(await hosts()).toEqual([pid]);
  await w.shot('environment');
  await w.dismissQuestion();
  if (inject('hasOutput')) await w.output('Quotient', `process ${pid}`);
  await w.command('View: Hide Panel');
});

test('cancelling stops the work and says nothing more', async () => {
  const w = window();
  await startTraining();
  await w.shot('progress');
  await w.notificationButton(/Training network/, 'Cancel');
  await expect.poll(() => w.notifications().count()).toBe(0);
  // The notification goes at once, the folder when the host has heard of it.
  await expect.poll(() => readdir(w.folder)).not.toContain('two-neurons');
  // The host that was asked to stop answers the next question.
  await w.explorerCommand(['net.safetensors'], 'Quotient', 'Inspect Weights');
  await w.tab('Weights').waitFor();
  await w.shown();
  await w.closeEditors();
});

test('a host that dies at work is one clear error, and the next command has a new one', async () => {
  const w = window();
  await startTraining();
  const [pid, ...others] = await hosts();
  expect(others).toEqual([]);
  if (pid === undefined) throw new Error('no analysis host is running');
  process.kill(pid, 'SIGKILL');
  const said = await w.notification(/analysis host/i);
  // The progress goes away, and nothing else comes.
  await expect.poll(() => w.notifications().count()).toBe(1);
  await w.shot('killed');
  expect(said).not.toMatch(/\bat \S+:\d+|undefined/);
  await w.clearNotifications();
  await w.explorerCommand(['net.safetensors'], 'Quotient', 'Rank and Kernel of the GGN');
  await w.pick('Generic inputs');
  await w.tab('Rank and kernel').waitFor();
  const view = await w.shown();
  expect(await view.locator('body').innerText()).toMatch(/\b27\b/);
  const [next] = await hosts();
  expect(next).not.toBe(pid);
  await w.closeEditors();
});

test('restarting the host ends it', async () => {
  const w = window();
  const [pid] = await hosts();
  await w.command('Quotient: Restart Analysis Host');
  await w.notification(/new one/);
  await expect.poll(hosts).not.toContain(pid);
  await w.clearNotifications();
});
