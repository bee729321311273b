/** The client against real forked processes: whatever happens to the host, every call ends once and the next one works. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AnalysisError } from '../../../src/extension/analysisError.ts';
import { HostClient, type HostClientOptions } from '../../../src/extension/hostClient.ts';
import { RUNTIME_RESERVE_BYTES } from '../../../src/protocol/hostProcess.ts';
import type { AnalysisFailure, Progress } from '../../../src/protocol/rpc.ts';

const hostPath = fileURLToPath(new URL('fixtureHost.ts', import.meta.url));
const MB = 2 ** 20;

let log: string[] = [];
const clients: HostClient[] = [];

function client(options: Partial<HostClientOptions> = {}): HostClient {
  const made = new HostClient({
    hostPath,
    memoryLimitBytes: () => 1024 * MB,
    idleMilliseconds: () => 60_000,
    log: (_level, text) => log.push(text),
    ...options,
  });
  clients.push(made);
  return made;
}

const ask = async (host: HostClient, file: string): Promise<string> => (await host.call('summarize', { file })).format;

async function failure(call: Promise<unknown>): Promise<Pick<AnalysisFailure, 'kind' | 'message'>> {
  try {
    await call;
  } catch (error) {
    if (error instanceof AnalysisError) return { kind: error.kind, message: error.message };
    throw error;
  }
  throw new Error('the call succeeded');
}

/** Starts a job and returns once the host has begun it. */
async function begun(host: HostClient, method: 'summarize' | 'rank', file: string, signal?: AbortSignal): Promise<{ result: Promise<unknown> }> {
  const started = Promise.withResolvers<Progress>();
  const options = { onProgress: started.resolve, ...(signal === undefined ? {} : { signal }) };
  const result: Promise<unknown> = method === 'summarize'
    ? host.call('summarize', { file }, options)
    : host.call('rank', { file, inputs: 1, likelihood: 'gaussian', noise: 1, priorPrecision: 1, seed: 0 }, options);
  result.catch(() => undefined);
  await Promise.race([started.promise, result]);
  return { result };
}

function processGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

beforeEach(() => {
  log = [];
});
afterEach(() => {
  for (const made of clients.splice(0)) made.dispose();
});

describe('calls', () => {
  it('start no process before the first one, and share it afterwards', async () => {
    const host = client();
    expect(host.processId).toBeUndefined();
    const [first, second] = await Promise.all([ask(host, 'pid'), ask(host, 'pid')]);
    expect(first).toBe(String(host.processId));
    expect(second).toBe(first);
  });

  it('that run side by side each get their own result', async () => {
    const host = client();
    const words = Array.from({ length: 50 }, (_, i) => `word ${i}`);
    expect(await Promise.all(words.map((word) => ask(host, `echo:${word}`)))).toEqual(words);
  });

  it('do not wait for a longer one that was asked first', async () => {
    const host = client();
    const abort = new AbortController();
    const long = await begun(host, 'rank', 'wait', abort.signal);
    expect(await ask(host, 'echo:short')).toBe('short');
    abort.abort();
    expect(await failure(long.result)).toEqual({ kind: 'cancelled', message: 'The analysis was cancelled.' });
  });

  it('bring errors over the border by their kind', async () => {
    const host = client();
    expect(await failure(ask(host, 'user'))).toEqual({ kind: 'input', message: 'weights.pt: header: is empty' });
    expect(await failure(ask(host, 'too-big'))).toEqual({ kind: 'memory', message: 'this would need 9 GiB' });
    expect(await failure(ask(host, 'defect'))).toEqual({ kind: 'internal', message: 'undefined is not a tensor' });
    const defect: unknown = await ask(host, 'defect').catch((error: unknown) => error);
    expect(defect instanceof AnalysisError && defect.hostStack).toContain('fixtureHost.ts');
  });

  it('end with an error when the result cannot cross the border', async () => {
    expect(await failure(ask(client(), 'function'))).toMatchObject({ kind: 'internal' });
  });

  it('end with an error when the request cannot cross the border', async () => {
    const file = (() => 'a function') as unknown as string;
    expect(await failure(client().call('summarize', { file }))).toMatchObject({ kind: 'internal' });
  });

  it('refuse a method that the service does not have, though every object inherits it', async () => {
    const method = 'constructor' as unknown as 'summarize';
    expect(await failure(client().call(method, { file: '' }))).toEqual({ kind: 'internal', message: 'The analysis host has no method "constructor".' });
  });

  it('receive progress in order, the last one included', async () => {
    const seen: Progress[] = [];
    await client().call('summarize', { file: 'steps:2000' }, { onProgress: (progress) => seen.push(progress) });
    const fractions = seen.map((progress) => progress.fraction ?? -1);
    expect(fractions[0]).toBe(1 / 2000);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(fractions.length).toBeLessThan(2000);
  });

  it('survive messages that are not part of the protocol', async () => {
    const host = client();
    expect(await ask(host, 'nonsense')).toBe('spoke nonsense');
    expect(await ask(host, 'echo:still here')).toBe('still here');
    expect(log.filter((line) => line.includes('not part of the protocol'))).toHaveLength(2);
  });
});

describe('the process', () => {
  it('runs as Node, with its own options and with the limits that were set', async () => {
    const before = process.env['NODE_OPTIONS'];
    process.env['NODE_OPTIONS'] = '--no-warnings';
    try {
      expect(await ask(client({ memoryLimitBytes: () => 512 * MB }), 'environment')).toBe('1  --max-old-space-size=512');
    } finally {
      if (before === undefined) delete process.env['NODE_OPTIONS'];
      else process.env['NODE_OPTIONS'] = before;
    }
    expect(await ask(client({ memoryLimitBytes: () => 512 * MB }), 'limit')).toBe(String(512 * MB - RUNTIME_RESERVE_BYTES));
  });

  it('writes its standard error to the log', async () => {
    const host = client();
    await ask(host, 'stderr:a native library complains');
    await until(() => log.includes('a native library complains'));
  });

  it('that was killed fails each of its jobs with one sentence, and the next call works', async () => {
    const host = client();
    const rank = await begun(host, 'rank', 'wait');
    const summarize = await begun(host, 'summarize', 'wait');
    const first = host.processId;
    if (first === undefined) throw new Error('no host');
    process.kill(first, 'SIGKILL');
    const sentence = (job: string): string => `The analysis host ended while the ${job} analysis was running (${process.platform === 'win32' ? 'exit code 1' : 'signal SIGKILL'}). Run the command again; a new host will start.`;
    expect(await failure(rank.result)).toEqual({ kind: 'crash', message: sentence('rank') });
    expect(await failure(summarize.result)).toEqual({ kind: 'crash', message: sentence('summarize') });
    expect(Number(await ask(host, 'pid'))).not.toBe(first);
  });

  it('that exits is reported with its exit code', async () => {
    const host = client();
    expect(await failure(ask(host, 'exit:7'))).toEqual({
      kind: 'crash',
      message: 'The analysis host ended while the summarize analysis was running (exit code 7). Run the command again; a new host will start.',
    });
    expect(await ask(host, 'echo:back')).toBe('back');
  });

  it('that cannot run at all fails its job', async () => {
    const host = client({ hostPath: '/there/is/no/host.js' });
    expect(await failure(ask(host, 'echo:x'))).toMatchObject({ kind: 'crash', message: expect.stringContaining('exit code 1') as string });
  });

  it('ends when it was restarted, disposed of, or left idle', async () => {
    const host = client({ idleMilliseconds: () => 50 });
    const first = Number(await ask(host, 'pid'));
    await until(() => processGone(first));
    expect(host.processId).toBeUndefined();

    const long = await begun(host, 'rank', 'wait');
    const second = host.processId;
    expect(second).not.toBe(first);
    host.restart();
    expect(await failure(long.result)).toEqual({ kind: 'crash', message: 'The rank analysis was ended: the analysis host was restarted. Run the command again.' });
    const third = Number(await ask(host, 'pid'));
    expect(third).not.toBe(second);
    host.dispose();
    await until(() => processGone(third));
    expect(await failure(ask(host, 'pid'))).toMatchObject({ kind: 'cancelled' });
  });

  it('is not stopped as idle while a job runs', async () => {
    const host = client({ idleMilliseconds: () => 1 });
    const abort = new AbortController();
    const long = await begun(host, 'rank', 'wait', abort.signal);
    const pid = host.processId;
    await ask(host, 'echo:x');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(host.processId).toBe(pid);
    abort.abort();
    await failure(long.result);
  });

  it('ends by itself when the client is gone', async () => {
    const { fork } = await import('node:child_process');
    const orphan = fork(hostPath, [], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'], execArgv: [] });
    await once(orphan, 'message');
    orphan.disconnect();
    expect(await once(orphan, 'exit')).toEqual([0, null]);
  });
});

describe('cancelling', () => {
  it('leaves the process as it is when the job answers', async () => {
    const host = client();
    const abort = new AbortController();
    const long = await begun(host, 'rank', 'wait', abort.signal);
    const pid = host.processId;
    abort.abort();
    expect(await failure(long.result)).toMatchObject({ kind: 'cancelled' });
    expect(Number(await ask(host, 'pid'))).toBe(pid);
  });

  it('replaces the process when the job does not answer, and says so to the others in it', async () => {
    const host = client({ cancelGraceMilliseconds: 200 });
    const abort = new AbortController();
    const other = await begun(host, 'summarize', 'wait');
    const hanging = await begun(host, 'rank', 'hang', abort.signal);
    const pid = host.processId;
    if (pid === undefined) throw new Error('no host');
    abort.abort();
    expect(await failure(hanging.result)).toEqual({ kind: 'cancelled', message: 'The analysis was cancelled.' });
    expect(await failure(other.result)).toEqual({
      kind: 'crash',
      message: 'The summarize analysis was ended: the analysis host had to be replaced because a cancelled job did not stop. Run the command again.',
    });
    expect(Number(await ask(host, 'pid'))).not.toBe(pid);
    await until(() => processGone(pid));
  });

  it('before the call starts nothing', async () => {
    const host = client();
    const call = host.call('summarize', { file: 'pid' }, { signal: AbortSignal.abort() });
    expect(await failure(call)).toMatchObject({ kind: 'cancelled' });
    expect(host.processId).toBeUndefined();
  });
});

describe('the memory limit', () => {
  const limited = (): HostClient => client({ memoryLimitBytes: () => 256 * MB });
  const message = 'The summarize analysis was stopped: the analysis host passed its memory limit of 256 MiB. '
    + 'Raise "quotient.host.memoryLimit" in the settings, or analyse less at once.';

  it('ends a job that takes more in array buffers', async () => {
    const host = limited();
    expect(await failure(ask(host, 'allocate'))).toEqual({ kind: 'memory', message });
    expect(await ask(host, 'echo:again')).toBe('again');
  });

  it('ends a job that never pauses', async () => {
    const host = limited();
    expect(await failure(ask(host, 'allocate-blocking'))).toEqual({ kind: 'memory', message });
    expect(await ask(host, 'echo:again')).toBe('again');
  });

  it('ends a job that fills the heap of objects', async () => {
    const host = limited();
    expect(await failure(ask(host, 'heap'))).toEqual({ kind: 'memory', message });
    expect(await ask(host, 'echo:again')).toBe('again');
  });
});
