// The command line as a process that does not come to its end: asked to stop in the middle of its work, out of room, where nothing may be
// written, without its pipes. It says so in one line, with the exit code of the contract, and leaves nothing half-written.
import { spawn } from 'node:child_process';
import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { denseWeights, description, safetensors, workspace } from '../checkpoints.ts';

const cli = path.resolve('dist/cli.mjs');
/** Progress is for terminals alone, so the process takes its standard error for one; and the signal of a file that may not grow does not end it, as on a full disk. */
const PRELOAD = `data:text/javascript,${encodeURIComponent("process.stderr.isTTY = true; process.on('SIGXFSZ', () => undefined);")}`;
let folder = '';

beforeAll(async () => {
  folder = await workspace({
    'small.safetensors': safetensors(denseWeights([3, 6, 2], 1)), 'small.network.json': description([3, 6, 2], 'relu'),
    'a.safetensors': safetensors(denseWeights([512, 1024, 1024, 10], 1)), 'a.network.json': description([512, 1024, 1024, 10], 'tanh'),
    'b.safetensors': safetensors(denseWeights([512, 1024, 1024, 10], 2)), 'b.network.json': description([512, 1024, 1024, 10], 'tanh'),
    'middle.safetensors': safetensors(denseWeights([64, 128, 128, 10], 1)), 'middle.network.json': description([64, 128, 128, 10], 'tanh'),
    'data.csv': [[...Array.from({ length: 64 }, (_, k) => `x${k}`), 'y'].join(','), ...Array.from({ length: 60 }, (_, n) => [...Array.from({ length: 64 }, (_, k) => Math.cos(1.3 * (64 * n + k))), n % 10].join(','))].join('\n'),
    'full/README': 'A folder for what does not fit.',
    'locked/README': 'A folder for nothing else.',
    'tmp/README': 'Temporary files go here.',
  });
});
afterAll(async () => {
  await chmod(path.join(folder, 'locked'), 0o755);
  await rm(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  /** Without the lines of progress. */
  readonly err: string;
}

/** @param shell what the shell does around the command, which is `"$@"` */
function quotient(args: readonly string[], { shell, onProgress }: { readonly shell?: string; readonly onProgress?: (text: string, stop: (signal: NodeJS.Signals) => void) => void } = {}): Promise<Ended> {
  const command = [process.execPath, '--import', PRELOAD, cli, ...args];
  const [program = '', ...rest] = shell === undefined ? command : ['sh', '-c', shell, 'sh', ...command];
  const child = spawn(program, rest, { cwd: folder, env: { ...process.env, TMPDIR: path.join(folder, 'tmp') }, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString(); });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
    onProgress?.(err, (signal) => { child.kill(signal); });
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => { resolve({ code, out, err: err.split('\r\u001b[K').at(-1) ?? '' }); });
  });
}

const files = async (): Promise<string[]> => (await readdir(folder, { recursive: true })).sort();

describe('asked to stop in the middle', () => {
  test.each([
    ['canonicalize', ['canonicalize', 'a.safetensors', 'b.safetensors', '--out', 'new/deep'], /Canonical form/, 'SIGINT', 130],
    ['align', ['align', 'a.safetensors', 'b.safetensors', '--out', 'new'], /2 networks/, 'SIGINT', 130],
    ['align, once the units are matched', ['align', 'a.safetensors', 'b.safetensors', '--out', 'new', '--restarts', '0'], /Between the networks/, 'SIGINT', 130],
    ['compare', ['compare', 'a.safetensors', 'b.safetensors'], /2 networks/, 'SIGINT', 130],
    ['rank', ['rank', 'middle.safetensors'], /%/, 'SIGINT', 130],
    ['rank, by a closed terminal', ['rank', 'middle.safetensors'], /%/, 'SIGHUP', 129],
    ['posterior', ['posterior', 'a.safetensors', 'b.safetensors'], /2 draws/, 'SIGINT', 130],
    ['predict', ['predict', 'middle.safetensors', '--data', 'data.csv', '--likelihood', 'categorical'], /%/, 'SIGINT', 130],
    ['predict by HMC', ['predict', 'middle.safetensors', '--data', 'data.csv', '--likelihood', 'categorical', '--method', 'hmc'], /HMC: \d/, 'SIGTERM', 143],
    ['example two-neurons', ['example', 'two-neurons', '--networks', '500000', '--out', 'new'], /Training network/, 'SIGTERM', 143],
    ['example sine', ['example', 'sine', '--out', 'new/deep'], /Training/, 'SIGINT', 130],
    ['example digits', ['example', 'digits', '--out', 'new'], /Training/, 'SIGINT', 130],
  ] as const)('%s', async (_, args, message, signal, code) => {
    const before = await files();
    let asked = false;
    const ended = await quotient([...args, '--html', 'page.html'], {
      onProgress: (text, stop) => {
        if (asked || !message.test(text)) return;
        asked = true;
        stop(signal);
      },
    });
    expect(asked, ended.err).toBe(true);
    expect(ended).toEqual({ code, out: '', err: 'Cancelled.\n' });
    expect(await files()).toEqual(before);
  });
});

/** The shell counts in blocks of 512 bytes. */
const smallFiles = (kibibytes: number): string => `ulimit -f ${2 * kibibytes}; exec "$@"`;

/** With the file that is the first to have no room when none may have more than so many KiB. */
const writing = [
  ['canonicalize', ['canonicalize', 'middle.safetensors'], 'middle.canonical.safetensors', 8],
  ['align', ['align', 'middle.safetensors', 'middle.safetensors', '--restarts', '0'], 'middle.aligned.safetensors', 8],
  // Their READMEs have been written before the file that has no room.
  ['example two-neurons', ['example', 'two-neurons', '--networks', '300'], 'data.npz', 8],
  ['example sine', ['example', 'sine'], 'network.safetensors', 4],
  ['example digits', ['example', 'digits'], 'data.npz', 8],
] as const;

describe.runIf(process.platform === 'linux')('out of room', () => {
  test.each(writing)('%s', async (_, args, file, kibibytes) => {
    const before = await files();
    for (const out of ['full', 'new/deep']) {
      const ended = await quotient([...args, '--out', out], { shell: smallFiles(kibibytes) });
      expect(ended).toEqual({ code: 1, out: '', err: `quotient: ${path.join(out, file)}: cannot be written: the file would become larger than this system lets it be\n` });
      expect(await files()).toEqual(before);
    }
  });

  test('the page', async () => {
    const before = await files();
    const ended = await quotient(['inspect', 'small.safetensors', '--html', 'full/page.html'], { shell: smallFiles(8) });
    expect(ended).toEqual({ code: 1, out: '', err: 'quotient: full/page.html: cannot be written: the file would become larger than this system lets it be\n' });
    expect(await files()).toEqual(before);
  });

  test('standard output', async () => {
    for (const json of [[], ['--json']]) {
      const ended = await quotient(['inspect', 'small.safetensors', ...json], { shell: 'exec "$@" > /dev/full' });
      expect(ended).toEqual({ code: 1, out: '', err: 'quotient: the result cannot be written to standard output: the disk is full\n' });
    }
  });
});

describe.runIf(process.platform === 'linux')('where nothing may be written', () => {
  // Root may write anywhere but where there are no files.
  const locked = process.getuid?.() === 0 ? '/sys' : 'locked';
  test.each(writing)('%s', async (_, args) => {
    await chmod(path.join(folder, 'locked'), 0o555);
    const before = await files();
    for (const out of [locked, `${locked}/new`, '/proc/new']) {
      const ended = await quotient([...args, '--out', out]);
      expect(ended).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^quotient: \S+: cannot be written: (permission denied|the file system is read-only|the folder does not exist)\n$/) as unknown });
    }
    expect(await files()).toEqual(before);
  });

  test('the page: refused before the analysis', async () => {
    const ended = await quotient(['inspect', 'small.safetensors', '--html', '/proc/page.html']);
    expect(ended).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^quotient: \S+: cannot be written: [a-z -]+\n$/) as unknown });
  });
});

describe.runIf(process.platform !== 'win32')('without pipes', () => {
  test('closed, they change nothing of the end', async () => {
    for (const closed of ['<&-', '>&-', '2>&-', '<&- >&- 2>&-']) {
      expect((await quotient(['rank', 'small.safetensors'], { shell: `exec "$@" ${closed}` })).code, closed).toBe(0);
      expect((await quotient(['rank', 'none.pt'], { shell: `exec "$@" ${closed}` })).code, closed).toBe(1);
    }
  });

  test('a reader that goes away ends it without a word', async () => {
    const ended = await quotient(['rank', 'small.safetensors'], { shell: '{ "$@"; echo "code $?" >&2; } | true' });
    expect(ended).toMatchObject({ code: 0, out: '', err: expect.stringMatching(/^code 0\n$/) as unknown });
  });

  test('the page is written all the same when nobody reads what is said of it', async () => {
    await mkdir(path.join(folder, 'pages'));
    expect((await quotient(['inspect', 'small.safetensors', '--html', 'pages/page.html'], { shell: 'exec "$@" 2> /dev/full' })).code).toBe(0);
    expect(await readdir(path.join(folder, 'pages'))).toEqual(['page.html']);
  });
});
