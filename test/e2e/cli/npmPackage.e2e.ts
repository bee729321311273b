// The npm package as a stranger's program uses it: packed, installed into an empty folder without a network, alone, its types checked by the
// TypeScript compiler, and its answers the ones that the command line gives with the same defaults.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { denseWeights, description, safetensors } from '../checkpoints.ts';

const run = promisify(execFile);
const tsc = path.resolve('node_modules/typescript/bin/tsc');
let folder = '';

const script = `
import { canonicalize, compare, fullResult, inspect, posterior, predict, rank, UserError, type Report } from 'quotient';

const of = (report: Report): unknown => fullResult(report);
const messages: string[] = [];
const ranked: Report = await rank('net.safetensors', { inputs: 50, progress: ({ message }) => { messages.push(message); } });
const dimension: number = ranked.sections.find((section) => section.kind === 'spectrum')?.dimension ?? NaN;
const refused = await inspect('none.pt').then(() => 'read', (error: unknown) => (error instanceof UserError ? error.message : 'a defect'));
const stopped = await rank('net.safetensors', { signal: AbortSignal.abort(new Error('enough')) }).then(() => 'done', (error: unknown) => String(error));
// What somebody writes whose editor knows no types.
const untyped = await Promise.all([
  (rank as (options: unknown) => Promise<Report>)({ file: 'net.safetensors' }),
  (inspect as (files: unknown) => Promise<Report>)([undefined]),
  (predict as (file: string) => Promise<Report>)('net.safetensors'),
  (canonicalize as (file: string) => Promise<Report>)('net.safetensors'),
].map((asked) => asked.then(() => 'done', (error: unknown) => (error instanceof UserError ? error.message : 'a defect: ' + String(error)))));
console.log(JSON.stringify({
  dimension, refused, stopped, untyped,
  rank: of(ranked),
  inspect: of(await inspect('net.safetensors')),
  compare: of(await compare('net.safetensors', 'net.safetensors')),
  posterior: of(await posterior(['net.safetensors', 'other.safetensors'])),
  predict: of(await predict('net.safetensors', { data: 'data.csv', methods: ['linearized'], draws: 20 })),
  canonicalize: of(await canonicalize('net.safetensors', { out: { folder: 'api' } })),
}));
`;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(path.join(tmpdir(), 'quotient-npm-')));
  const { stdout } = await run('npm', ['pack', './out/npm', '--json', '--pack-destination', folder]);
  const [packed] = JSON.parse(stdout) as { filename: string }[];
  await writeFile(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', path.join(folder, packed?.filename ?? '')], { cwd: folder });
  for (const [name, seed] of [['net', 3], ['other', 4]] as const) {
    await writeFile(path.join(folder, `${name}.safetensors`), safetensors(denseWeights([1, 4, 1], seed)));
    await writeFile(path.join(folder, `${name}.network.json`), description([1, 4, 1], 'tanh'));
  }
  await writeFile(path.join(folder, 'data.csv'), ['x,y', ...Array.from({ length: 12 }, (_, i) => `${i / 6 - 1},${Math.sin(i)}`)].join('\n'));
  await writeFile(path.join(folder, 'script.ts'), script);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the compiler has to say about a script; nothing when it is right. */
const typeErrors = (file: string, ...options: readonly string[]): Promise<string> =>
  run(process.execPath, [tsc, '--noEmit', '--strict', '--target', 'es2023', '--lib', 'es2023,dom', ...options, file], { cwd: folder }).then(() => '', (error: unknown) => (error as { readonly stdout: string }).stdout);

const command = async (...args: readonly string[]): Promise<unknown> => JSON.parse((await run(process.execPath, ['node_modules/quotient/dist/cli.mjs', ...args, '--json'], { cwd: folder })).stdout);

/** A run's own time and memory, and where it wrote, are not part of the answer. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !['seconds', 'peakBytes', 'out'].includes(key)).map(([key, item]) => [key, comparable(item)]));
}

test('it comes alone, and with nothing that runs when it is installed', async () => {
  expect((await readdir(path.join(folder, 'node_modules'))).filter((name) => !name.startsWith('.'))).toEqual(['quotient']);
  const manifest = JSON.parse(await readFile(path.join(folder, 'node_modules/quotient/package.json'), 'utf8')) as Record<string, unknown>;
  for (const field of ['scripts', 'dependencies', 'optionalDependencies', 'private', 'contributes']) expect(manifest).not.toHaveProperty(field);
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  expect((await run('npx', ['--no-install', 'quotient', '--version'], { cwd: folder })).stdout).toBe(`${version}\n`);
});

test('the checkout itself is not packed', async () => {
  const refused = await run('npm', ['pack', '--dry-run']).then(() => 'packed', (error: unknown) => (error as { readonly stderr: string }).stderr);
  expect(refused).toContain('npm pack ./out/npm');
});

test('a script is typed, runs, and gets what the commands print', async () => {
  expect(await typeErrors('script.ts', '--module', 'nodenext')).toBe('');
  expect(await typeErrors('script.ts', '--module', 'esnext', '--moduleResolution', 'bundler')).toBe('');
  const answers = JSON.parse((await run(process.execPath, ['script.ts'], { cwd: folder, maxBuffer: 1 << 26 })).stdout) as Record<string, unknown>;
  expect(answers['dimension']).toBe(13);
  expect(answers['refused']).toMatch(/none\.pt/);
  expect(answers['stopped']).toBe('Error: enough');
  expect(answers['untyped']).toEqual([expect.stringMatching(/^rank takes the path of a weight file, then options: rank\('net\.safetensors', \{ … \}\)/), expect.stringMatching(/^inspect takes the path/), expect.stringMatching(/^predict needs the data/), expect.stringMatching(/^canonicalize has to be told where to write/)]);
  for (const [name, args] of [
    ['rank', ['rank', 'net.safetensors', '--inputs', '50']],
    ['inspect', ['inspect', 'net.safetensors']],
    ['compare', ['compare', 'net.safetensors', 'net.safetensors']],
    ['posterior', ['posterior', 'net.safetensors', 'other.safetensors']],
    ['predict', ['predict', 'net.safetensors', '--data', 'data.csv', '--method', 'linearized', '--draws', '20']],
    ['canonicalize', ['canonicalize', 'net.safetensors', '--out', 'cli']],
  ] as const) expect(comparable(answers[name]), name).toEqual(comparable(await command(...args)));
});

test('a script that is wrong is told so by the types', async () => {
  await writeFile(path.join(folder, 'wrong.ts'), "import { rank, predict } from 'quotient';\nawait rank('a.pt', { likelihood: 'poisson' });\nawait predict('a.pt', {});\n");
  const said = await typeErrors('wrong.ts', '--module', 'nodenext');
  expect(said).toMatch(/wrong\.ts\(2,[^]*poisson/);
  expect(said).toMatch(/wrong\.ts\(3,[^]*data/);
});
