/**
 * Every command with every committed bad file, as weights, as data and as what tells the network: each ends with the exit code of the
 * contract and one sentence that names the file, and leaves nothing behind. What the sentences say is tested beside each reader.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspect, rank, UserError } from '../../../src/api/index.ts';
import { commands, type CommandName } from '../../../src/cli/arguments.ts';
import { main } from '../../../src/cli/main.ts';
import { randomNetwork, temporaryFolder, writeNetwork } from '../analyses/workspace.ts';

const bad = path.join(import.meta.dirname, '../../fixtures/bad');
const filesOf = async (...folders: readonly string[]): Promise<string[]> => (await Promise.all(folders.map(async (name) => (await readdir(path.join(bad, name))).map((file) => path.join(bad, name, file))))).flat();
const formats = (await readdir(bad)).filter((name) => name !== 'data' && name !== 'network');
/** A second of processor time a reading, until the HDF5 library is stopped: asked of one command. */
const SLOW = path.join(bad, 'hdf5/loop.h5');
const weights = (await filesOf(...formats)).filter((file) => file !== SLOW);
const [dataFiles, descriptions] = [await filesOf('data'), await filesOf('network')];

/** Files whose headers are sound, the last a sound shard of a bad set: what reads no values cannot know. None of them is a network. */
const SOUND_HEADERS = ['damagedChunk.h5', 'badCrc.npz', 'badCrcDeflated.npz', 'longDeflate.npz', 'shortDeflate.npz', 'one.safetensors'];
const SOUND = ['one.safetensors'];

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function quotient(...argv: readonly string[]): Promise<Ran> {
  let [stdout, stderr] = ['', ''];
  const code = await main(argv, {
    stdout: { write: (text) => { stdout += text; } },
    stderr: { write: (text) => { stderr += text; } },
    signal: new AbortController().signal,
  });
  return { code, stdout, stderr };
}

/** What is wrong with how a command ended; undefined when nothing is. */
function complaint(file: string, { code, stdout, stderr }: Ran): string | undefined {
  const wrong = code !== 1 ? `exit code ${code}`
    : stdout !== '' ? 'something on standard output'
    : !/^quotient: [^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{10,1000}\n$/u.test(stderr) ? 'not one printable line'
    : stderr.includes('internal error') || /\bat .*\.ts:\d/.test(stderr) ? 'a defect of ours'
    : !stderr.includes(path.basename(file)) ? 'the file is not named'
    : undefined;
  return wrong === undefined ? undefined : `${file}: ${wrong}: ${stderr}${stdout}`;
}

const description = JSON.stringify({ input: [2], layers: [{ dense: '0', activation: 'relu' }, { dense: '2' }] });

interface Place {
  readonly sound: string;
  readonly data: string;
  readonly out: string;
}

/** A sound classifier of two inputs, its description and its data; the folder for results does not exist. */
async function place(): Promise<Place> {
  const folder = await temporaryFolder();
  const { network, theta } = randomNetwork([2, 3, 2], 'relu', 1);
  const sound = path.join(folder, 'sound.safetensors');
  await writeNetwork(sound, network, theta);
  await writeFile(path.join(folder, 'sound.network.json'), description);
  const data = path.join(folder, 'data.csv');
  await writeFile(data, 'a,b,y\n1,2,0\n0,1,1\n2,0,1\n-1,1,0\n');
  return { sound, data, out: path.join(folder, 'out') };
}

const classes = ['--likelihood', 'categorical'];
const few = ['--method', 'sampled', '--draws', '3'];

/** Every place on a command line where a weight file can stand. */
const asWeights: Readonly<Record<string, (file: string, at: Place) => readonly string[]>> = {
  'inspect': (file) => ['inspect', file],
  'inspect --no-stats': (file) => ['inspect', file, '--no-stats'],
  'inspect, the later file': (file, { sound }) => ['inspect', file, '--against', sound],
  'inspect --against': (file, { sound }) => ['inspect', sound, '--against', file],
  'canonicalize': (file, { out }) => ['canonicalize', file, '--out', out],
  'canonicalize, the second file': (file, { sound, out }) => ['canonicalize', sound, file, '--out', out],
  'align, the reference': (file, { sound, out }) => ['align', file, sound, '--out', out],
  'align': (file, { sound, out }) => ['align', sound, file, '--out', out],
  'compare, the first file': (file, { sound }) => ['compare', file, sound],
  'compare, the second file': (file, { sound }) => ['compare', sound, file],
  'rank': (file) => ['rank', file],
  'rank --toward': (file, { sound }) => ['rank', sound, '--toward', file, '--inputs', '10'],
  'posterior': (file) => ['posterior', file],
  'posterior, the second file': (file, { sound }) => ['posterior', sound, file],
  'predict': (file, { data }) => ['predict', file, '--data', data, ...classes, ...few],
  'predict, the second file': (file, { sound, data }) => ['predict', sound, file, '--data', data, ...classes, '--method', 'ensemble'],
};

const asData: Readonly<Record<string, (file: string, at: Place) => readonly string[]>> = {
  'canonicalize': (file, { sound, out }) => ['canonicalize', sound, '--out', out, '--data', file],
  'align': (file, { sound, out }) => ['align', sound, sound, '--out', out, '--data', file, '--by', 'activations', ...classes],
  'compare': (file, { sound }) => ['compare', sound, sound, '--data', file, ...classes],
  'rank': (file, { sound }) => ['rank', sound, '--data', file, ...classes],
  'posterior': (file, { sound }) => ['posterior', sound, sound, '--data', file, ...classes],
  'predict': (file, { sound }) => ['predict', sound, '--data', file, ...classes, ...few],
  'predict --test': (file, { sound, data }) => ['predict', sound, '--data', data, '--test', file, ...classes, ...few],
  'example': (file, { out }) => ['example', 'two-neurons', '--networks', '2', '--out', out, '--data', file],
};

const takes = (cases: object): ReadonlySet<string> => new Set(Object.keys(cases).map((name) => name.split(/[ ,]/)[0] ?? ''));

it('covers every command in every way in which it takes files', () => {
  const names = Object.keys(commands) as CommandName[];
  expect([...takes(asWeights)]).toEqual(names.filter((name) => name !== 'example'));
  expect([...takes(asData)]).toEqual(names.filter((name) => (commands[name].options as readonly string[]).includes('data')));
  expect(weights.length + dataFiles.length + descriptions.length).toBeGreaterThan(450);
});

describe('as weights', () => {
  it.each(Object.entries(asWeights))('%s', async (name, argv) => {
    const at = await place();
    const accepted: string[] = [];
    const complaints: string[] = [];
    for (const file of weights) {
      const ran = await quotient(...argv(file, at));
      if (ran.code === 0) accepted.push(path.basename(file));
      else complaints.push(...[complaint(file, ran) ?? []].flat());
    }
    expect(complaints).toEqual([]);
    const readsNoValues = name.startsWith('inspect') && name !== 'inspect';
    expect(accepted.sort()).toEqual([...(readsNoValues ? SOUND_HEADERS : name === 'inspect' ? SOUND : [])].sort());
    // Not even the folder for results.
    expect(existsSync(at.out)).toBe(false);
  });

  it('a file that keeps the HDF5 library busy without end', async () => {
    expect(complaint(SLOW, await quotient('rank', SLOW))).toBeUndefined();
  });

  it('a folder, an empty file, none, and a network that the others do not fit', async () => {
    const at = await place();
    const folder = path.dirname(at.sound);
    const files = { folder: path.join(folder, 'models'), empty: path.join(folder, 'empty.pt'), none: path.join(folder, 'none.npz'), other: path.join(folder, 'other.safetensors') };
    await mkdir(files.folder);
    await writeFile(files.empty, '');
    for (const [name, argv] of Object.entries(asWeights)) {
      for (const file of [files.folder, files.empty, files.none]) expect.soft(complaint(file, await quotient(...argv(file, at))), name).toBeUndefined();
    }
    const { network, theta } = randomNetwork([2, 5, 2], 'relu', 1);
    await writeNetwork(files.other, network, theta);
    await writeFile(path.join(folder, 'other.network.json'), description);
    for (const name of ['align', 'compare, the second file', 'rank --toward', 'posterior, the second file', 'predict, the second file']) expect.soft(complaint(files.other, await quotient(...asWeights[name]!(files.other, at))), name).toBeUndefined();
    expect(existsSync(at.out)).toBe(false);
  });

  it('for programs: the same sentence, in a UserError', async () => {
    for (const file of weights) {
      const error: unknown = await rank(file).then(() => undefined, (thrown: unknown) => thrown);
      expect(error, file).toBeInstanceOf(UserError);
      expect(`quotient: ${(error as UserError).message}\n`).toBe((await quotient('rank', file)).stderr);
    }
    const damaged = path.join(bad, 'zip/badCrc.npz');
    await expect(inspect(damaged, { statistics: true })).rejects.toThrow(UserError);
  });

  it('with --json: one object, whose error is the sentence', async () => {
    for (const file of weights) {
      const { code, stdout, stderr } = await quotient('rank', file, '--json');
      const { error, ...others } = JSON.parse(stdout) as { error: string };
      expect([code, others, stderr]).toEqual([1, {}, `quotient: ${error}\n`]);
    }
  });
});

describe('as data', () => {
  it.each(Object.entries(asData))('%s', async (name, argv) => {
    const at = await place();
    // Labels are of no interest to a canonical form, and an example has only two inputs to check.
    const spared = name === 'canonicalize' ? ['labelFraction.npz', 'labelOutside.npz'] : [];
    const complaints: string[] = [];
    for (const file of [...dataFiles, ...weights].filter((one) => !spared.includes(path.basename(one)))) complaints.push(...[complaint(file, await quotient(...argv(file, at))) ?? []].flat());
    expect(complaints).toEqual([]);
    expect(existsSync(at.out)).toBe(false);
  });
});

describe('as a description', () => {
  it.each(Object.entries(asWeights).filter(([name]) => !name.startsWith('inspect') && !name.startsWith('canonicalize, ')))('%s', async (_, argv) => {
    const at = await place();
    const complaints: string[] = [];
    for (const file of [...descriptions, ...weights]) complaints.push(...[complaint(file, await quotient(...argv(at.sound, at), '--network', file)) ?? []].flat());
    expect(complaints).toEqual([]);
    expect(existsSync(at.out)).toBe(false);
  });

  it('inspect lists the tensors all the same, and says why they are no network', async () => {
    const { sound } = await place();
    for (const file of [...descriptions, ...weights]) {
      const { code, stdout } = await quotient('inspect', sound, '--network', file);
      expect(code).toBe(0);
      expect(stdout).toContain('0.weight');
      expect(stdout).toContain(path.basename(file));
    }
  });
});

describe('results that cannot be written', () => {
  it.each([
    ['canonicalize', ({ sound, out }: Place) => ['canonicalize', sound, '--out', out]],
    ['align', ({ sound, out }: Place) => ['align', sound, sound, '--out', out]],
    ['example', ({ out }: Place) => ['example', 'sine', '--out', out]],
  ])('%s into what is a file, or below one', async (_, argv) => {
    const at = await place();
    const file = path.join(path.dirname(at.sound), 'taken');
    await writeFile(file, 'mine');
    for (const out of [file, path.join(file, 'below')]) expect(complaint(file, await quotient(...argv({ ...at, out })))).toBeUndefined();
    expect((await stat(file)).size).toBe(4);
  });

  it('names that are taken: all are refused before the first is written', async () => {
    const at = await place();
    const folder = path.dirname(at.sound);
    const { network, theta } = randomNetwork([2, 3, 2], 'relu', 2);
    const second = path.join(folder, 'second.safetensors');
    await writeNetwork(second, network, theta);
    await writeFile(path.join(folder, 'second.network.json'), description);
    for (const [command, ending] of [['canonicalize', 'canonical'], ['align', 'aligned']] as const) {
      const out = path.join(folder, command);
      await mkdir(out);
      const taken = path.join(out, `second.${ending}.safetensors`);
      await writeFile(taken, 'mine');
      const files = command === 'align' ? [at.sound, at.sound, second] : [at.sound, second];
      expect(complaint(taken, await quotient(command, ...files, '--out', out))).toBeUndefined();
      expect(await readdir(out)).toEqual([path.basename(taken)]);
    }
  });

  it('--html where there is no folder, or where a folder or a file is', async () => {
    const { sound, out } = await place();
    const page = path.join(path.dirname(sound), 'page.html');
    await writeFile(page, 'mine');
    for (const html of [path.join(out, 'page.html'), path.dirname(sound), page]) expect(complaint(html, await quotient('inspect', sound, '--html', html))).toBeUndefined();
    expect((await stat(page)).size).toBe(4);
  });
});
