/**
 * Starts and stops one VS Code server on a free loopback port, with folders of its own for its data and extensions, so that nothing
 * on the machine is read or changed. Whoever opens its address must give the password: a workbench is a shell for its user, and
 * other users of the machine reach the loopback port too.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { InstalledServer } from './installServer.ts';

/** A window that asks nothing, reaches for nothing on the network and looks the same every time. */
const SETTINGS = {
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.enableExperiments': false,
  'chat.disableAIFeatures': true,
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'update.showReleaseNotes': false,
  'telemetry.telemetryLevel': 'off',
  'security.workspace.trust.enabled': false,
  'git.enabled': false,
  'remote.autoForwardPorts': false,
  'npm.autoDetect': 'off',
  'json.schemaDownload.enable': false,
  // Open and save dialogs in the quick-input widget instead of the browser's or the system's own.
  'files.simpleDialog.enable': true,
  // A file that opens would otherwise take the place of what is being selected.
  'explorer.autoReveal': false,
  'editor.hover.delay': 100,
  'editor.minimap.enabled': false,
  'editor.stickyScroll.enabled': false,
};

export interface ServerOptions {
  /** Packages to install as extensions. */
  readonly vsix: readonly string[];
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Told where the extensions lie, before the server starts. */
  readonly installed?: (extensions: string) => Promise<void>;
  /** Receives what the server prints. */
  readonly logFile?: string;
}

export interface Server {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly password: string;
  /** Leader of the process group that the server and everything it starts belong to. */
  readonly processId: number;
  /** Where a folder opens. */
  workbench(folder: string): string;
  stop(): Promise<void>;
}

export async function startServer(installed: InstalledServer, options: ServerOptions): Promise<Server> {
  // Short, because Unix sockets live in it, whose paths may have some hundred characters at most.
  const folder = await mkdtemp(path.join(tmpdir(), 'vsc-'));
  const password = randomBytes(12).toString('base64url');
  try {
    const data = path.join(folder, 'd');
    const extensions = path.join(folder, 'x');
    await mkdir(path.join(data, 'User'), { recursive: true });
    await mkdir(extensions);
    await writeFile(path.join(data, 'User/settings.json'), JSON.stringify({ ...SETTINGS, ...options.settings }, null, 2));
    await writeFile(path.join(folder, 'c.yaml'), 'auth: password\n');
    const common = [installed.entry, '--config', path.join(folder, 'c.yaml'), '--user-data-dir', data, '--extensions-dir', extensions];
    const env = environment(folder, password);
    for (const vsix of options.vsix) {
      await promisify(execFile)(process.execPath, [...common, '--install-extension', path.resolve(vsix), '--force'], { env });
    }
    await options.installed?.(extensions);
    return await listen([...common, ...SERVE], env, folder, password, options.logFile);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

const SERVE = [
  '--bind-addr', '127.0.0.1:0', '--auth', 'password', '--disable-telemetry', '--disable-update-check',
  '--disable-getting-started-override', '--ignore-last-opened', '--disable-proxy',
];

function environment(folder: string, password: string): NodeJS.ProcessEnv {
  return {
    PATH: [path.dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(path.delimiter),
    LANG: 'C.UTF-8',
    SHELL: '/bin/sh',
    HOME: folder,
    TMPDIR: folder,
    XDG_CONFIG_HOME: folder,
    XDG_DATA_HOME: folder,
    XDG_CACHE_HOME: folder,
    XDG_RUNTIME_DIR: folder,
    PASSWORD: password,
    // Nothing is downloaded in a test: names that no network has.
    npm_config_registry: 'http://registry.invalid/',
    npm_config_fetch_retries: '0',
    TFJS_NODE_CDN_STORAGE: 'http://mirror.invalid/',
  };
}

async function listen(args: readonly string[], env: NodeJS.ProcessEnv, folder: string, password: string, logFile?: string): Promise<Server> {
  // A process group of its own, so that the extension host and what it starts end with it.
  const child = spawn(process.execPath, args, { env, cwd: folder, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const log = logFile === undefined ? undefined : createWriteStream(logFile);
  const signal = (name: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, name);
    } catch {
      // The group is gone already.
    }
  };
  const killAtExit = (): void => { signal('SIGKILL'); };
  process.once('exit', killAtExit);

  let output = '';
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const address = new Promise<string>((resolve) => {
    const read = (chunk: Buffer): void => {
      log?.write(chunk);
      if (output.length < 100_000) output += chunk.toString();
      const url = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1];
      if (url !== undefined) resolve(url);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
  });
  const stop = async (): Promise<void> => {
    signal('SIGTERM');
    await Promise.race([exited, sleep(3000, undefined, { ref: false })]);
    signal('SIGKILL');
    process.removeListener('exit', killAtExit);
    log?.end();
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };

  const url = await Promise.race([
    address,
    exited.then((code) => new Error(`the VS Code server ended with ${String(code)}:\n${output}`)),
    sleep(60_000, undefined, { ref: false }).then(() => new Error(`the VS Code server did not start within 60 s:\n${output}`)),
  ]);
  if (url instanceof Error) {
    await stop();
    throw url;
  }
  return {
    url,
    password,
    processId: child.pid ?? -1,
    workbench: (opened) => `${url}/?folder=${encodeURIComponent(path.resolve(opened))}`,
    stop,
  };
}
