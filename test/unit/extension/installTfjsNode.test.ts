/** Installing native TensorFlow, with scripts in the place of npm: what ends well is there whole, and nothing is left of what does not. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { installTfjsNode, libtensorflowHost, type InstallOptions } from '../../../src/extension/installTfjsNode.ts';
import { temporaryFolder } from '../analyses/workspace.ts';

const tensorflowScript = path.join(import.meta.dirname, '../../../src/tensorflow/tensorflowProcess.ts');
const works = "exports.version = { 'tfjs-node': '4.22.0' }; exports.node = {}; exports.backend = () => ({ binding: { TF_Version: '2.9.1' } });";

/** npm that puts this text in the place of tfjs-node. */
const installing = (text: string): string => `
  const fs = require('node:fs');
  fs.mkdirSync('node_modules/@tensorflow/tfjs-node', { recursive: true });
  fs.writeFileSync('node_modules/@tensorflow/tfjs-node/index.js', ${JSON.stringify(text)});
  fs.writeFileSync('asked.json', JSON.stringify({ parameters: process.argv.slice(2), registry: process.env.npm_config_registry, electron: process.env.ELECTRON_RUN_AS_NODE }));
  console.log('added 127 packages');`;

interface Case {
  readonly options: InstallOptions;
  readonly lines: string[];
  /** What is in the folder that the installation is to be in. */
  readonly there: () => Promise<string[]>;
}

async function withNpm(script: string, more: Partial<InstallOptions> = {}): Promise<Case> {
  const home = await temporaryFolder();
  const storage = path.join(home, 'storage');
  const npm = path.join(home, 'npm');
  await writeFile(npm, `#!${process.execPath}\n${script}`, { mode: 0o755 });
  const lines: string[] = [];
  return {
    options: { folder: path.join(storage, 'tensorflow'), npm, platform: 'linux-x64', environment: process.env, tensorflowScript, signal: new AbortController().signal, said: (line) => lines.push(line), ...more },
    lines,
    there: () => readdir(storage).catch(() => []),
  };
}

describe('installed', () => {
  it('by npm with the user’s settings, and in its place once it loads', async () => {
    const { options, lines, there } = await withNpm(installing(works), { environment: { ...process.env, npm_config_registry: 'https://registry.example', ELECTRON_RUN_AS_NODE: '1' } });
    expect(await installTfjsNode(options)).toBe('2.9.1');
    expect(lines).toEqual(['added 127 packages']);
    expect(await there()).toEqual(['tensorflow']);
    const asked = JSON.parse(await readFile(path.join(options.folder, 'asked.json'), 'utf8')) as { parameters: string[] };
    expect(asked).toMatchObject({ registry: 'https://registry.example' });
    expect(asked).not.toHaveProperty('electron');
    expect([asked.parameters[0], asked.parameters.at(-1)]).toEqual(['install', '@tensorflow/tfjs-node@4.22.0']);
  });

  it('in the place of an older one', async () => {
    const { options, there } = await withNpm(installing(works));
    await mkdir(options.folder, { recursive: true });
    await writeFile(path.join(options.folder, 'old'), '');
    await installTfjsNode(options);
    expect(await there()).toEqual(['tensorflow']);
    expect(await readdir(options.folder)).not.toContain('old');
  });
});

describe('not installed, with nothing left behind, and in a sentence', () => {
  it.each([
    ['npm’s registry is not reached', "console.error('npm error code ENOTFOUND\\nnpm error network request to https://registry.example/x failed, reason: getaddrinfo ENOTFOUND registry.example'); process.exit(1)", /^The download from npm’s registry was refused: .*ENOTFOUND.* Nothing was installed/],
    ['the library is not', "console.error('* Downloading libtensorflow\\nError: connect ECONNREFUSED 127.0.0.1:443'); process.exit(1)", /^The download from storage\.googleapis\.com was refused: Error: connect ECONNREFUSED 127\.0\.0\.1:443\. .*TFJS_NODE_CDN_STORAGE/],
    ['the library is a page that is no archive', "console.error('* Downloading libtensorflow\\nError: TAR_BAD_ARCHIVE: Unrecognized archive format'); process.exit(1)", /^The download from storage\.googleapis\.com was refused: .*TAR_BAD_ARCHIVE/],
    ['it cannot be built', "console.error('gyp ERR! build error'); process.exit(1)", /could not be built here, for which a C\+\+ compiler/],
    ['anything else', "console.error('npm error code EDISK\\nnpm error no space'); process.exit(7)", /^npm ended with code 7: no space\. Nothing was installed/],
    ['what was installed does not load', installing("throw new Error('libtensorflow.so.2: wrong ELF class')"), /does not load: libtensorflow\.so\.2: wrong ELF class; it was taken away again/],
    ['what was installed ends its process', installing('process.abort()'), /ends the process that loads it/],
  ])('%s', async (_, script, sentence) => {
    const { options, there } = await withNpm(script);
    await expect(installTfjsNode(options)).rejects.toThrow(sentence);
    expect(await there()).toEqual([]);
  });

  it('there is no npm', async () => {
    const { options, there } = await withNpm('', { npm: 'npm-that-is-not-there' });
    await expect(installTfjsNode(options)).rejects.toThrow('npm was not found; it comes with Node.js');
    expect(await there()).toEqual([]);
  });

  it('the platform has none', async () => {
    const { options, there } = await withNpm(installing(works), { platform: 'win32-arm64' });
    await expect(installTfjsNode(options)).rejects.toThrow('not published for win32-arm64');
    expect(await there()).toEqual([]);
  });

  it('it was cancelled, which ends npm and leaves the older one', async () => {
    const abort = new AbortController();
    const { options, there } = await withNpm("console.log(process.pid); setTimeout(() => {}, 1e6)", { signal: abort.signal });
    await mkdir(options.folder, { recursive: true });
    const pid = await new Promise<number>((resolve, reject) => {
      installTfjsNode({ ...options, said: (line) => { resolve(Number(line)); abort.abort(new Error('enough')); } }).then(reject, (error: unknown) => { if (!(error instanceof Error && error.message === 'enough')) reject(error instanceof Error ? error : new Error(String(error))); });
    });
    await expect.poll(there).toEqual(['tensorflow']);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});

it.each([[{}, 'storage.googleapis.com'], [{ TFJS_NODE_CDN_STORAGE: 'https://mirror.example/' }, 'mirror.example'], [{ TFJS_NODE_CDN_STORAGE: 'https://mirror.example/', TFJS_NODE_BASE_URI: 'https://other.example/lib-' }, 'other.example']])('the library comes from where tfjs-node reads it: %j', (environment, host) => {
  expect(libtensorflowHost(environment)).toBe(host);
});
