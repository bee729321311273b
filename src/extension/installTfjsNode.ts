/**
 * Native TensorFlow (`@tensorflow/tfjs-node`, with libtensorflow) installed by the user's npm into a folder of the extension. The work is done in a
 * folder beside it, which takes its name at the very end, when the library has been seen to load: what is half installed is never used, and goes.
 * Knows nothing of VS Code, so that tests drive it with an npm of their own.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../protocol/userError.ts';
import { t } from '../protocol/words.ts';

export const TFJS_NODE_VERSION = '4.22.0';
export const LIBTENSORFLOW_VERSION = '2.9.1';

/** Those for which there is a libtensorflow that tfjs-node downloads. */
const platforms = new Set(['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'win32-x64']);

export interface InstallOptions {
  /** Where it is to be; what was there before is replaced. */
  readonly folder: string;
  /** The program `npm`. */
  readonly npm: string;
  /** `linux-x64` and the like. */
  readonly platform: string;
  /** Of npm; its registry and proxy, and tfjs-node's mirror, are the user's. */
  readonly environment: NodeJS.ProcessEnv;
  /** The script of the process that runs TensorFlow.js. */
  readonly tensorflowScript: string;
  readonly signal: AbortSignal;
  /** Each line that npm writes. */
  readonly said: (line: string) => void;
}

/** Where libtensorflow comes from, by the variables that tfjs-node reads. */
export function libtensorflowHost(environment: NodeJS.ProcessEnv): string {
  const from = [environment['TFJS_NODE_BASE_URI'], environment['TFJS_NODE_CDN_STORAGE'], environment['CDN_STORAGE']].find((each) => each !== undefined && each !== '');
  if (from === undefined) return 'storage.googleapis.com';
  return URL.canParse(from) ? new URL(from).host : from;
}

/** @returns the version of the native library @throws UserError that says why it is not installed; what aborts the signal */
export async function installTfjsNode(options: InstallOptions): Promise<string> {
  const { folder, platform, signal } = options;
  if (!platforms.has(platform)) throw new UserError(t('Native TensorFlow is not published for {0}; models run on WebAssembly here.', platform));
  await mkdir(path.dirname(folder), { recursive: true });
  const unfinished = await mkdtemp(`${folder}.unfinished-`);
  try {
    await writeFile(path.join(unfinished, 'package.json'), '{ "private": true }\n');
    await runNpm(unfinished, options);
    signal.throwIfAborted();
    const library = await loaded(unfinished, options);
    await rm(folder, { recursive: true, force: true });
    await rename(unfinished, folder);
    return library;
  } finally {
    await rm(unfinished, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

function runNpm(cwd: string, { npm, environment, signal, said, platform }: InstallOptions): Promise<void> {
  const isWindows = platform.startsWith('win32');
  // Not inherited: options for other Node programs, and what makes a program of VS Code's a Node.
  const env = { ...environment, NODE_OPTIONS: undefined, ELECTRON_RUN_AS_NODE: undefined };
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    // On Windows npm is a script of the shell. Elsewhere it leads a group of its own, so that what it starts ends with it.
    const child = spawn(npm, ['install', '--no-audit', '--no-fund', '--no-package-lock', '--no-progress', '--ignore-scripts=false', '--foreground-scripts', `@tensorflow/tfjs-node@${TFJS_NODE_VERSION}`], { cwd, env, shell: isWindows, detached: !isWindows, stdio: ['ignore', 'pipe', 'pipe'] });
    const lines: string[] = [];
    const take = (data: Buffer): void => {
      for (const line of data.toString('utf8').split(/\r?\n/).map((each) => each.trim()).filter((each) => each !== '')) {
        lines.push(line);
        if (lines.length > 400) lines.shift();
        said(line);
      }
    };
    const cancel = (): void => { endTree(child, isWindows); };
    signal.addEventListener('abort', cancel, { once: true });
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (error: NodeJS.ErrnoException) => {
      signal.removeEventListener('abort', cancel);
      reject(new UserError(error.code === 'ENOENT' ? t('npm was not found; it comes with Node.js (nodejs.org). Install it, restart the window and run the command again.') : t('npm could not be started: {0}', error.message)));
    });
    child.on('close', (code) => {
      signal.removeEventListener('abort', cancel);
      if (signal.aborted) reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      else if (code === 0) resolve();
      else reject(new UserError(npmFailure(lines, code, environment)));
    });
  });
}

function endTree(child: ChildProcess, isWindows: boolean): void {
  if (child.pid === undefined) return;
  if (isWindows) spawn('taskkill', ['/pid', String(child.pid), '/t', '/f'], { stdio: 'ignore' });
  else {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  }
}

/** One sentence from what npm and the package's own script wrote. */
function npmFailure(lines: readonly string[], code: number | null, environment: NodeJS.ProcessEnv): string {
  const quoted = (line: string): string => line.replace(/^npm (?:error|ERR!)\s*/, '').slice(0, 300);
  const network = lines.find((line) => /\b(?:ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ERR_SOCKET_TIMEOUT|E40[1347]|E50\d|SELF_SIGNED_CERT\w*|UNABLE_TO_\w+)\b|TAR_BAD_ARCHIVE|Unrecognized archive format|tunneling socket/.test(line));
  const nothing = t('Nothing was installed; models run on WebAssembly.');
  if (network !== undefined) {
    const isLibrary = lines.some((line) => line.includes('Downloading libtensorflow'));
    return isLibrary
      ? t('The download from {0} was refused: {1}. {2} A mirror can be named in TFJS_NODE_CDN_STORAGE or TFJS_NODE_BASE_URI.', libtensorflowHost(environment), quoted(network), nothing)
      : t('The download from npm’s registry was refused: {0}. {1} A mirror can be named in npm’s setting "registry".', quoted(network), nothing);
  }
  if (lines.some((line) => /gyp (?:ERR!|error)/.test(line))) return t('There is no finished binding of TensorFlow for this platform, and it could not be built here, for which a C++ compiler, make and Python are needed. {0} The log has npm’s words.', nothing);
  const last = lines.findLast((line) => /^npm (?:error|ERR!)\s+(?!A complete log|path|command|code)/.test(line)) ?? lines.at(-1);
  const how = code === null ? t('npm was ended by a signal') : t('npm ended with code {0}', code);
  return `${how}${last === undefined ? '' : `: ${quoted(last)}`}. ${nothing}`;
}

/** Starts the process that runs TensorFlow.js, from this folder, and asks which TensorFlow it has. */
function loaded(folder: string, { tensorflowScript, signal }: InstallOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = fork(tensorflowScript, [], { env: { ...process.env, NODE_OPTIONS: '', ELECTRON_RUN_AS_NODE: '1' }, execArgv: [], serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let answered: string | UserError | undefined;
    let stderr = '';
    const cancel = (): void => { child.kill('SIGKILL'); };
    signal.addEventListener('abort', cancel, { once: true });
    child.stderr?.on('data', (data: Buffer) => { stderr = (stderr + data.toString('utf8')).slice(-2000); });
    child.on('message', (message: { readonly kind: string; readonly problem?: string; readonly backend?: { readonly kind: string; readonly library?: string; readonly withoutNative?: string } }) => {
      const { backend } = message;
      answered = backend?.kind === 'native' ? (backend.library ?? 'unknown') : new UserError(t('TensorFlow was installed and {0}; it was taken away again. Models run on WebAssembly.', backend?.withoutNative ?? message.problem ?? 'does not load'));
      child.kill('SIGKILL');
    });
    child.on('error', reject);
    // By then nothing holds the folder's files.
    child.on('close', (code) => {
      signal.removeEventListener('abort', cancel);
      if (signal.aborted) reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      else if (typeof answered === 'string') resolve(answered);
      else reject(answered ?? new UserError(t('TensorFlow was installed and ends the process that loads it ({0}); it was taken away again. Models run on WebAssembly.', stderr.trim().split('\n').at(-1) ?? `exit code ${code ?? 'unknown'}`)));
    });
    child.send({ kind: 'start', nativeFrom: [folder] });
  });
}
