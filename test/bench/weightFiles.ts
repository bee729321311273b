/**
 * What it costs to open large weight files and to count what is in them. Needs `npm run build`, about 1.1 GB of free space in the
 * temporary folder, and 5 GB of memory for NumPy.
 * Usage: node test/bench/weightFiles.ts [PYTHON]; PYTHON needs numpy, default /usr/bin/python3.
 *
 * - A sparse file of 10 GB beside one of 1 MB with as many tensors: `inspect --no-stats` of the built command line, each in a process of
 *   its own. "Memory" is the process's largest resident set less that of the same program when it only says its version. Then what the viewer
 *   asks of the analysis host when it opens the file, by the extension's own client: a host that is there already, and what its resident
 *   set has grown by (read from /proc, so on Linux only).
 * - Statistics of 1 GB of float32: all that a report shows of a tensor, beside NumPy computing the same on one core, and beside reading the
 *   bytes and doing nothing: into one buffer over and over, which is as fast as the system's cache can be copied (by one thread, and by two),
 *   and as a whole. The floor of one core is the kernel on bytes that lie in its cache: every element loads and stores a count.
 * - A header of a million tensors, 96 MB, nearly as long as the format allows: opening it beside `JSON.parse` of the same bytes, which checks less.
 * - A file of 100,000 tensors: `inspect` with and without statistics, and the size of its result.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { HostClient } from '../../src/extension/hostClient.ts';
import { seededRandom } from '../../src/linalg/random.ts';
import { openWeightFile } from '../../src/weights/openWeights.ts';
import { StatisticsReader } from '../../src/weights/statistics.ts';
import { statisticsKernel } from '../../src/weights/statisticsKernel.ts';
import { record } from './record.ts';

const command = path.join(import.meta.dirname, '../../dist/cli.mjs');
const python = process.argv[2] ?? '/usr/bin/python3';
const folder = mkdtempSync(path.join(tmpdir(), 'quotient-bench-'));
const mebibyte = 2 ** 20;
/** A thread that reads a range of a file into one buffer. */
const READER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { openSync, readSync } = require('node:fs');
  const handle = openSync(workerData, 'r');
  const buffer = new Uint8Array(2 ** 18);
  parentPort.on('message', ([from, to]) => {
    for (let at = from; at < to;) at += readSync(handle, buffer, 0, Math.min(buffer.length, to - at), at);
    parentPort.postMessage(0);
  });`;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const row = (label: string, ...cells: readonly string[]): void => { console.log(`${label.padEnd(46)}${cells.map((cell) => cell.padStart(12)).join('')}`); };
const ms = (seconds: number): string => `${(1000 * seconds).toFixed(seconds < 0.1 ? 1 : 0)} ms`;
const times = (a: number, b: number): string => `${(a / b).toFixed(2)} ×`;

async function timed(run: () => unknown): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

async function medianSeconds(repeats: number, run: () => unknown): Promise<number> {
  const seconds: number[] = [];
  for (let i = 0; i < repeats; i++) seconds.push(await timed(run));
  return median(seconds);
}

/** A safetensors file of equal float32 tensors. @param piece the data, over and over; a hole of zeros without it */
function writeTensors(file: string, tensors: number, elements: number, piece?: Uint8Array): void {
  const bytes = 4 * elements;
  const name = (i: number): string => `model.layers.${Math.floor(i / 10)}.block.${i % 10}.weight`;
  const header = Buffer.from(JSON.stringify(Object.fromEntries(Array.from({ length: tensors }, (_, i) => [name(i), { dtype: 'F32', shape: [elements], data_offsets: [i * bytes, (i + 1) * bytes] }]))));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const handle = openSync(file, 'w');
  writeSync(handle, Buffer.concat([length, header]));
  for (let done = 0; piece !== undefined && done < tensors * bytes; done += piece.length) writeSync(handle, piece, 0, Math.min(piece.length, tensors * bytes - done));
  ftruncateSync(handle, 8 + header.length + tensors * bytes);
  closeSync(handle);
}

interface Run {
  readonly seconds: number;
  /** Largest resident set in MB (10⁶ bytes). */
  readonly megabytes: number;
  readonly output: string;
}

function runCommand(...args: readonly string[]): Run {
  const atExit = "data:text/javascript,process.on('exit',()=>process.stderr.write('peak='+process.resourceUsage().maxRSS+'\\n'))";
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', atExit, command, ...args], { encoding: 'utf8', maxBuffer: 2 ** 30 });
  const seconds = (performance.now() - start) / 1000;
  if (status !== 0) throw new Error(stderr);
  return { seconds, megabytes: (Number(/peak=(\d+)/.exec(stderr)?.[1]) * 1024) / 1e6, output: stdout };
}

function medianRun(repeats: number, ...args: readonly string[]): Run {
  const runs = Array.from({ length: repeats }, () => runCommand(...args));
  return { seconds: median(runs.map(({ seconds }) => seconds)), megabytes: median(runs.map(({ megabytes }) => megabytes)), output: runs[0]?.output ?? '' };
}

const residentMegabytes = (pid: number | undefined): number => {
  try {
    return (Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid ?? 0}/status`, 'utf8'))?.[1]) * 1024) / 1e6;
  } catch {
    return Number.NaN;
  }
};

/** The question of the viewer, to a host of its own that has answered one about another file. */
async function inViewer(file: string, other: string): Promise<Pick<Run, 'seconds' | 'megabytes'>> {
  const host = new HostClient({ hostPath: path.join(import.meta.dirname, '../../dist/host.mjs'), memoryLimitBytes: () => 2 ** 31, idleMilliseconds: () => 60_000, log: () => undefined });
  try {
    await host.call('summarize', { file: other });
    const before = residentMegabytes(host.processId);
    const seconds = await timed(() => host.call('inspect', { files: [file], statistics: false, brief: true }));
    return { seconds, megabytes: residentMegabytes(host.processId) - before };
  } finally {
    host.dispose();
  }
}

async function opening(): Promise<void> {
  const small = path.join(folder, 'small.safetensors');
  const large = path.join(folder, 'large.safetensors');
  writeTensors(small, 250, 1000);
  writeTensors(large, 250, 1e7);
  runCommand('inspect', large, '--no-stats');
  const nothing = medianRun(9, '--version');
  const ofSmall = medianRun(9, 'inspect', small, '--no-stats');
  const ofLarge = medianRun(9, 'inspect', large, '--no-stats');
  row('open, header only (a process each)', 'time', 'memory');
  row('  the program alone', ms(nothing.seconds), `${nothing.megabytes.toFixed(0)} MB`);
  row('  1 MB, 250 tensors', ms(ofSmall.seconds), `+${(ofSmall.megabytes - nothing.megabytes).toFixed(1)} MB`);
  row('  10 GB sparse, 250 tensors', ms(ofLarge.seconds), `+${(ofLarge.megabytes - nothing.megabytes).toFixed(1)} MB`, times(ofLarge.seconds, ofSmall.seconds));
  const views = { small: [] as Pick<Run, 'seconds' | 'megabytes'>[], large: [] as Pick<Run, 'seconds' | 'megabytes'>[] };
  for (let repeat = 0; repeat < 9; repeat++) {
    views.small.push(await inViewer(small, small));
    views.large.push(await inViewer(large, small));
  }
  const [viewSmall, viewLarge] = [views.small, views.large].map((runs) => ({ seconds: median(runs.map(({ seconds }) => seconds)), megabytes: median(runs.map(({ megabytes }) => megabytes)) }));
  if (viewSmall === undefined || viewLarge === undefined) throw new Error('nothing was measured');
  row('open in the viewer: the host’s part', 'time', 'memory');
  row('  1 MB, 250 tensors', ms(viewSmall.seconds), `+${viewSmall.megabytes.toFixed(1)} MB`);
  row('  10 GB sparse, 250 tensors', ms(viewLarge.seconds), `+${viewLarge.megabytes.toFixed(1)} MB`, times(viewLarge.seconds, viewSmall.seconds));
  rmSync(large);
}

async function counting(): Promise<void> {
  const file = path.join(folder, 'gigabyte.safetensors');
  const random = seededRandom(0);
  writeTensors(file, 1, 250_000_000, new Uint8Array(Float32Array.from({ length: 2 ** 23 }, () => 0.02 * random.normal()).buffer));
  const opened = await openWeightFile(file);
  const [tensor] = opened.tensors;
  if (tensor === undefined) throw new Error('the file has no tensor');
  const buffer = new Uint8Array(mebibyte / 4);
  const readOver = (): void => {
    const handle = openSync(file, 'r');
    while (readSync(handle, buffer) > 0);
    closeSync(handle);
  };
  const readers = [0, 1].map(() => new Worker(READER, { eval: true, workerData: file }));
  const half = 500_000_000;
  const readTogether = (): Promise<unknown> => Promise.all(readers.map((worker, i) => new Promise((resolve) => {
    worker.once('message', resolve).postMessage([i * half, (i + 1) * half]);
  })));
  const kernel = await statisticsKernel();
  kernel.bytes.set(new Uint8Array(Float32Array.from({ length: 2 ** 16 }, () => 0.02 * random.normal()).buffer));
  const countInCache = (): void => {
    for (let element = 0; element < 250_000_000; element += 4096) kernel.float32((element % 2 ** 16) * 4, 4096, 0);
  };
  readOver();
  await readTogether();
  const reader = new StatisticsReader(opened);
  const never = new AbortController().signal;
  // In turn, so that what else the machine does falls on all of them.
  const seconds = { over: [] as number[], together: [] as number[], whole: [] as number[], statistics: [] as number[], kernel: [] as number[] };
  for (let repeat = 0; repeat < 7; repeat++) {
    seconds.over.push(await timed(readOver));
    seconds.statistics.push(await timed(() => reader.read(tensor.name, never)));
    seconds.whole.push(await timed(() => readFile(file)));
    seconds.together.push(await timed(readTogether));
    seconds.kernel.push(await timed(countInCache));
  }
  await Promise.all(readers.map((worker) => worker.terminate()));
  await opened.close();
  const ours = median(seconds.statistics);
  row('statistics of 1 GB of float32', 'time', 'GB/s', 'to ours');
  const line = (label: string, time: number): void => { row(`  ${label}`, ms(time), (1 / time).toFixed(2), times(time, ours)); };
  line('Quotient', ours);
  line('reading into one buffer, over and over', median(seconds.over));
  line('the same by two threads, half each', median(seconds.together));
  line('counting and summing alone, one core', median(seconds.kernel));
  line('floor: reading and counting on two cores', median(seconds.together) + median(seconds.kernel) / 2);
  line('reading the whole file into memory', median(seconds.whole));
  try {
    const environment = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' };
    const [loading = Number.NaN, computing = Number.NaN] = execFileSync(python, [path.join(import.meta.dirname, 'weightFiles.py'), file], { encoding: 'utf8', env: environment }).trim().split(' ').map(Number);
    line('NumPy, one core: the same numbers', computing);
    record({ what: 'statistics of 1 GB of float32, reading included (NumPy on one core)', peer: 'numpy', ours, theirs: computing + loading });
    line('NumPy: reading before that', loading);
  } catch (error) {
    console.log(`  NumPy: not run (${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)})`);
  }
  rmSync(file);
}

async function longHeader(): Promise<void> {
  const file = path.join(folder, 'million.safetensors');
  writeTensors(file, 1_000_000, 1);
  const seconds = { opening: [] as number[], parsing: [] as number[] };
  for (let repeat = 0; repeat < 5; repeat++) {
    seconds.opening.push(await timed(async () => { await (await openWeightFile(file)).close(); }));
    const bytes = readFileSync(file);
    const header = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0)));
    seconds.parsing.push(await timed(() => JSON.parse(header.toString()) as unknown));
  }
  row('a header of 1,000,000 tensors', 'time', 'to ours');
  row('  opening the file', ms(median(seconds.opening)), '1.00 ×');
  row('  JSON.parse of its bytes, nothing more', ms(median(seconds.parsing)), times(median(seconds.parsing), median(seconds.opening)));
  rmSync(file);
}

async function manyTensors(): Promise<void> {
  const file = path.join(folder, 'many.safetensors');
  const random = seededRandom(1);
  writeTensors(file, 100_000, 256, new Uint8Array(Float32Array.from({ length: 2 ** 20 }, () => random.normal()).buffer));
  const header = medianRun(3, 'inspect', file, '--no-stats', '--json');
  const all = medianRun(3, 'inspect', file, '--json');
  const opened = await openWeightFile(file);
  const reader = new StatisticsReader(opened);
  const never = new AbortController().signal;
  const alone = await medianSeconds(3, async () => {
    for (const { name } of opened.tensors) await reader.read(name, never);
  });
  await opened.close();
  row('100,000 tensors of 256 float32 (a process each)', 'time', 'memory', 'JSON');
  for (const [label, { seconds, megabytes, output }] of [['  inspect --no-stats', header], ['  inspect', all]] as const) row(label, ms(seconds), `${megabytes.toFixed(0)} MB`, `${(output.length / 1e6).toFixed(1)} MB`);
  row('  statistics alone, in this process', ms(alone));
}

try {
  await opening();
  await counting();
  await longHeader();
  await manyTensors();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
