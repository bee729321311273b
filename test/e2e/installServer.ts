/**
 * Installs the real VS Code, server and web workbench, from the npm registry alone, into `.vscode-server/` of the checkout, where it
 * stays between runs. No package's install script runs; only the native log writer is compiled, when there is a compiler, because
 * without it everything works except that the Output panel stays empty.
 *
 * An installation is made in a folder of its own and renamed to its stamp when it is complete, so that an interrupted one is never
 * mistaken for a whole one and two runs at the same time cannot disturb each other: the one that finishes second throws its own away.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CODE_SERVER = '4.139.1';
/** What this release of the server runs on. */
const NODE_MAJOR = 24;
/** Changes with anything that changes what is installed. */
const STAMP = `code-server-${CODE_SERVER}-node-${NODE_MAJOR}-${process.platform}-${process.arch}`;

const run = promisify(execFile);
const home = fileURLToPath(new URL('../../.vscode-server', import.meta.url));

export interface InstalledServer {
  /** The server's main program, to be run by Node 24. */
  readonly entry: string;
  /** "VS Code 1.139.1". */
  readonly version: string;
  /** Undefined when the Output panel works; otherwise why it stays empty. */
  readonly withoutOutput: string | undefined;
}

/**
 * @param say told what is being done, when something is
 * @throws Error with a sentence for people when the server cannot be installed or cannot run here
 */
export async function installServer(say: (message: string) => void = () => undefined): Promise<InstalledServer> {
  if (process.platform === 'win32') throw new Error('the VS Code server of the npm registry does not run on Windows');
  if (Number(process.versions.node.split('.')[0]) !== NODE_MAJOR) {
    throw new Error(`the VS Code server needs Node ${NODE_MAJOR}; this is ${process.versions.node}`);
  }
  const installed = path.join(home, STAMP);
  if (!existsSync(path.join(installed, 'complete.json'))) {
    await mkdir(home, { recursive: true });
    await removeAbandoned();
    const folder = path.join(home, `installing-${process.pid}`);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
    try {
      await install(folder, say);
      await rename(folder, installed).catch((error: unknown) => {
        if (!existsSync(path.join(installed, 'complete.json'))) throw error;
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  const complete = JSON.parse(await readFile(path.join(installed, 'complete.json'), 'utf8')) as Completion;
  return {
    entry: path.join(installed, 'node_modules/code-server/out/node/entry.js'),
    version: `VS Code ${complete.vscode}`,
    withoutOutput: complete.withoutOutput ?? undefined,
  };
}

interface Completion {
  readonly vscode: string;
  readonly withoutOutput: string | null;
}

async function install(folder: string, say: (message: string) => void): Promise<void> {
  say(`installing the VS Code server (code-server ${CODE_SERVER}) from the npm registry, once`);
  await writeFile(path.join(folder, 'package.json'), '{ "private": true }\n');
  // The npm that runs this may itself stand on an older Node than the server asks for.
  await npm(folder, 'install', '--save-exact', '--engine-strict=false', '--ignore-scripts', `code-server@${CODE_SERVER}`);
  // What the package's own install script would do, without its compiling. `npm ci` refuses the shrinkwrap that lies there.
  const vscode = path.join(folder, 'node_modules/code-server/lib/vscode');
  await npm(vscode, 'install', '--omit=dev', '--ignore-scripts');
  await npm(path.join(vscode, 'extensions'), 'install', '--omit=dev', '--ignore-scripts');
  say('compiling the native log writer of the Output panel');
  let withoutOutput: string | null = null;
  try {
    await npm(vscode, 'rebuild', '@vscode/spdlog');
  } catch (error) {
    withoutOutput = `the native log writer could not be compiled (it wants python3, make and a C++ compiler): ${lastLine(error)}`;
  }
  const { version } = JSON.parse(await readFile(path.join(vscode, 'package.json'), 'utf8')) as { version: string };
  const complete: Completion = { vscode: version, withoutOutput };
  await writeFile(path.join(folder, 'complete.json'), JSON.stringify(complete));
}

async function npm(cwd: string, ...args: readonly string[]): Promise<void> {
  const node = path.dirname(process.execPath);
  const env: NodeJS.ProcessEnv = {};
  // Settings of an npm that runs us (`npm_config_…`, `npm_package_…`) are about the checkout, not about this folder.
  for (const [name, value] of Object.entries(process.env)) if (!/^npm_/i.test(name)) env[name] = value;
  env['PATH'] = `${node}${path.delimiter}${process.env['PATH'] ?? ''}`;
  // The headers that came with Node, so that compiling downloads nothing.
  if (existsSync(path.join(node, '../include/node/node.h'))) env['npm_config_nodedir'] = path.dirname(node);
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  await run('npm', [...quiet, ...args], { cwd, env, maxBuffer: 1 << 26 });
}

/** Folders of installations whose process has ended without finishing. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(home)) {
    const pid = /^installing-(\d+)$/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await rm(path.join(home, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function lastLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n').at(-1) ?? '';
}
