/** Finds the Chromium that draws the workbench in the end-to-end tests, or installs it where that is allowed without asking. */
import { execFile, spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'microsoft-edge'];
const ELSEWHERE = [
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];
/** The fonts are for pages that would otherwise show boxes on a bare machine. */
const PACKAGES = ['chromium', 'fonts-dejavu-core', 'fonts-liberation'];

export type Chromium = { readonly path: string } | { readonly missing: string };

export async function chromium(say: (message: string) => void): Promise<Chromium> {
  const named = process.env['CHROMIUM'];
  if (named !== undefined && named !== '') {
    return (await isExecutable(named)) ? { path: named } : { missing: `CHROMIUM names ${named}, which cannot be run` };
  }
  return (await find()) ?? (await install(say));
}

async function find(): Promise<Chromium | undefined> {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter((folder) => folder !== '');
  const candidates = [...NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name))), ...ELSEWHERE];
  for (const candidate of candidates) if (await isExecutable(candidate)) return { path: candidate };
  return undefined;
}

async function install(say: (message: string) => void): Promise<Chromium> {
  const hint = 'install Chromium or Chrome, or set CHROMIUM to its path';
  if (!(await runs('apt-get', '--version'))) return { missing: `no Chromium, and no apt-get to install it with; ${hint}` };
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && !(await runs('sudo', '-n', 'true'))) return { missing: `no Chromium, and no permission to install it; ${hint}` };
  const apt = [...(isRoot ? [] : ['sudo', '-n']), 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get'];
  say(`installing ${PACKAGES.join(', ')} with apt-get`);
  // Lists that are some days old name packages that the mirror no longer has; a fresh machine has no lists at all.
  const failure = (await fails([...apt, '-q', 'update'])) ?? (await fails([...apt, '-q', 'install', '-y', '--no-install-recommends', ...PACKAGES]));
  const found = failure === undefined ? await find() : undefined;
  return found ?? { missing: `no Chromium, and apt-get could not install it (${failure ?? 'it is not on the PATH'}); ${hint}` };
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(() => true, () => false);
}

async function runs(command: string, ...args: readonly string[]): Promise<boolean> {
  return promisify(execFile)(command, args).then(() => true, () => false);
}

/** Undefined, or the last thing the command said. */
async function fails(command: readonly string[]): Promise<string | undefined> {
  const [program = '', ...args] = command;
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const read = (chunk: Buffer): void => { output = (output + chunk.toString()).slice(-2000); };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', (error) => { resolve(error.message); });
    child.once('close', (code) => { resolve(code === 0 ? undefined : (output.trim().split('\n').at(-1) ?? `exit ${String(code)}`)); });
  });
}
