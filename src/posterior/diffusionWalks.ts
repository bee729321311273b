/**
 * Draws of a Laplace diffusion. They know nothing of each other: each has a seed of its own, and as many walk at a time, in threads, as there are cores and
 * memory. How many that are does not change a bit of them; whether it is threads at all depends on the problem alone.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { CurvatureProblem } from '../curvature/problem.ts';
import { planSpectrum } from '../curvature/spectrum.ts';
import { seededRandom } from '../linalg/random.ts';
import { portable, type PortableNetwork } from '../network/portableNetwork.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { UserError } from '../protocol/userError.ts';
import type { Laplace } from './laplace.ts';
import { laplaceDiffusion, type DiffusionOptions } from './laplaceDiffusion.ts';
import { hasPosteriorStep, stepNumbers, stepSeconds } from './posteriorStep.ts';

type Options = Pick<DiffusionOptions, 'steps' | 'part'>;

/** What a thread is given. */
export interface WalkTask {
  readonly network: PortableNetwork;
  readonly problem: Omit<CurvatureProblem, 'network'>;
  readonly priorPrecision: number;
  readonly options: Options;
  readonly memoryLimitBytes: number;
}

/** The answer to a draw's seed: its state, or what the user should read. */
export type Walked = { readonly draw: number; readonly state: Float64Array } | { readonly refused: string };

/** To a thread: a draw that it should walk. */
export interface Walk {
  readonly draw: number;
  readonly seed: number;
}

/** Work of so many seconds in all is over before threads have begun. */
const THREADS_PAY = 0.25;
/** Of that much work a thread has at least. */
const THREAD_SECONDS = 0.25;
/** Numbers of a problem whose spectra may be taken in several threads at a time: 64 MB each. */
const SPECTRUM_NUMBERS = 2 ** 23;
/** Draws that a thread has before it, so that it never waits. */
const AHEAD = 2;
/** Multiplications of a spectrum in a second, on two cores or many small ones on one. */
const SPECTRUM_PRODUCTS = 2e9;

/** About how long a draw takes on this machine. */
export function walkSeconds(problem: CurvatureProblem, part: Options['part'], steps: number): number {
  const each = (steps - 1) * secondsOfStep(problem, part);
  return inThreads(problem, part) ? each / availableParallelism() : each;
}

function secondsOfStep(problem: CurvatureProblem, part: Options['part']): number {
  return hasPosteriorStep(problem, part) ? stepSeconds(problem) : planSpectrum(problem, Infinity, { vectors: true }).operations / SPECTRUM_PRODUCTS;
}

/** Whether several may walk beside each other. */
function inThreads(problem: CurvatureProblem, part: Options['part']): boolean {
  return hasPosteriorStep(problem, part) || planSpectrum(problem, Infinity, { vectors: true }).bytes <= 8 * SPECTRUM_NUMBERS;
}

function bytesOfThread(problem: CurvatureProblem, part: Options['part']): number {
  return 2 ** 25 + 8 * problem.x.length + (hasPosteriorStep(problem, part) ? 8 * 2 * stepNumbers(problem) : planSpectrum(problem, Infinity, { vectors: true }).bytes);
}

/** @param seeds one a draw @throws the signal's reason once it is aborted */
export async function* diffusionWalks(start: Laplace, options: Options, seeds: readonly number[], context: JobContext): AsyncGenerator<Float64Array, void, void> {
  const { problem } = start;
  const told = (done: number): void => { context.progress({ message: `Diffusion ${done} of ${seeds.length}`, fraction: done / seeds.length }); };
  const seconds = seeds.length * (options.steps - 1) * secondsOfStep(problem, options.part);
  if (seconds < THREADS_PAY || !inThreads(problem, options.part)) {
    const walk = laplaceDiffusion(start, { ...options, sense: 'ito' }, context, start);
    for (const [draw, seed] of seeds.entries()) {
      yield await walk(seededRandom(seed));
      told(draw + 1);
    }
    return;
  }
  const most = Math.min(availableParallelism(), Math.ceil(seconds / THREAD_SECONDS), seeds.length, Math.floor(context.memoryLimitBytes / bytesOfThread(problem, options.part)));
  yield* walked(start, options, seeds, Math.max(1, most), context, told);
}

/** @param threads how many; what they answer is given on in the order of the draws */
export async function* walked({ problem: { network, ...problem }, priorPrecision }: Pick<Laplace, 'problem' | 'priorPrecision'>, options: Options, seeds: readonly number[], threads: number, { signal, memoryLimitBytes }: JobContext, told: (done: number) => void): AsyncGenerator<Float64Array, void, void> {
  signal.throwIfAborted();
  const task: WalkTask = { network: portable(network), problem, priorPrecision, options, memoryLimitBytes };
  // The bundled programs lie beside the bundled thread, the sources beside its source.
  const source = path.join(import.meta.dirname, 'diffusionWorker.ts');
  const program = existsSync(source) ? source : path.join(import.meta.dirname, 'diffusionWorker.mjs');
  const workers = Array.from({ length: threads }, () => new Worker(program, { workerData: task, execArgv: ['--no-warnings'], env: {} }));
  const found = new Map<number, Float64Array>();
  let [asked, given] = [0, 0];
  let failed: Error | undefined;
  let wake = (): void => undefined;
  const fail = (error: Error): void => { failed ??= error; wake(); };
  const stop = (): void => { fail(signal.reason as Error); };
  const ask = (worker: Worker): void => {
    if (asked === seeds.length) return;
    worker.postMessage({ draw: asked, seed: seeds[asked]! } satisfies Walk);
    asked++;
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    for (const worker of workers) {
      worker.on('message', (walk: Walked) => {
        if ('refused' in walk) {
          fail(new UserError(walk.refused));
          return;
        }
        found.set(walk.draw, walk.state);
        told(found.size + given);
        ask(worker);
        wake();
      });
      worker.on('error', fail);
      worker.on('exit', () => { fail(new Error('a thread of the diffusion ended before its draws')); });
    }
    for (let round = 0; round < AHEAD; round++) workers.forEach(ask);
    while (given < seeds.length) {
      if (failed !== undefined) throw failed;
      const next = found.get(given);
      if (next === undefined) {
        await new Promise<void>((resolve) => { wake = resolve; });
        continue;
      }
      found.delete(given);
      given++;
      yield next;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    await Promise.all(workers.map((worker) => { worker.removeAllListeners('exit'); return worker.terminate(); }));
  }
}
