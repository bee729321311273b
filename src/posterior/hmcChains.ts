/**
 * Several chains of Hamiltonian Monte Carlo, so that R̂ compares what ran apart. Each starts from a draw of the prior: wider than the posterior in every
 * direction, as convergence diagnostics want their starts (Gelman & Rubin 1992), and in a copy of the function of its own, which is what
 * weights of networks have to show. Every chain has a seed of its own; as many run at a time as there are cores.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Interruptible } from '../linalg/interruptible.ts';
import { seededRandom } from '../linalg/random.ts';
import { fromPortable, portable, type PortableNetwork } from '../network/portableNetwork.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { hamiltonianMonteCarlo, type HmcChain, type HmcOptions } from './hmc.ts';
import { logPosterior, type PosteriorProblem } from './logPosterior.ts';

export interface ChainSetting extends Pick<HmcOptions, 'warmup' | 'draws' | 'pathLength' | 'maxSteps'> {
  readonly seed: number;
}

/** What a thread is given. */
export interface ChainTask {
  readonly network: PortableNetwork;
  readonly problem: Omit<PosteriorProblem, 'network'>;
  readonly state: Float64Array;
  readonly setting: ChainSetting;
}

/** Trajectories that are done, or the chain. */
export type ChainMessage = { readonly done: number } | { readonly chain: HmcChain };

/** @param state its buffers are kept; @returns draws of θ */
export function* hmcChain(problem: PosteriorProblem, state: Float64Array, { seed, ...setting }: ChainSetting, onDraw: (done: number) => void): Interruptible<HmcChain> {
  const { network, priorPrecision } = problem;
  const random = seededRandom(seed);
  const start = random.normals(new Float64Array(network.parameters)).map((value) => value / Math.sqrt(priorPrecision));
  const current = state.slice();
  return yield* hamiltonianMonteCarlo((position, gradient) => {
    current.set(position);
    return logPosterior(problem, current, gradient).value;
  }, start, { ...setting, random, onDraw(drawn, warmingUp) { onDraw(warmingUp ? drawn : setting.warmup + drawn); } });
}

/** The chain that a thread's task asks for. */
export function* chainOf({ network, problem, state, setting }: ChainTask, onDraw: (done: number) => void): Interruptible<HmcChain> {
  return yield* hmcChain({ ...problem, network: fromPortable(network) }, state, setting, onDraw);
}

/** @param seeds one a chain @throws the signal's reason once it is aborted */
export async function hmcChains({ network, ...problem }: PosteriorProblem, state: Float64Array, setting: Omit<ChainSetting, 'seed'>, seeds: readonly number[], { signal, progress }: Pick<JobContext, 'signal' | 'progress'>): Promise<HmcChain[]> {
  const chains: HmcChain[] = [];
  const done = new Float64Array(seeds.length);
  const of = seeds.length * (setting.warmup + setting.draws);
  const plain = portable(network);
  const waiting = [...seeds.entries()];
  const run = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [k, seed] = next;
      chains[k] = await inThread({ network: plain, problem, state, setting: { ...setting, seed } }, signal, (trajectories) => {
        done[k] = trajectories;
        const all = done.reduce((sum, count) => sum + count, 0);
        progress({ message: `HMC: ${all} of ${of} trajectories of ${seeds.length} chains`, fraction: all / of });
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(seeds.length, availableParallelism()) }, run));
  return chains;
}

function inThread(task: ChainTask, signal: AbortSignal, onDraw: (done: number) => void): Promise<HmcChain> {
  signal.throwIfAborted();
  // The bundled programs lie beside the bundled thread, the sources beside its source.
  const source = path.join(import.meta.dirname, 'hmcWorker.ts');
  const worker = new Worker(existsSync(source) ? source : path.join(import.meta.dirname, 'hmcWorker.mjs'), { workerData: task, execArgv: ['--no-warnings'], env: {} });
  return new Promise<HmcChain>((resolve, reject) => {
    const stop = (): void => { reject(signal.reason as Error); };
    signal.addEventListener('abort', stop, { once: true });
    worker.on('message', (message: ChainMessage) => {
      if ('done' in message) onDraw(message.done);
      else resolve(message.chain);
    });
    worker.on('error', reject);
    worker.on('exit', () => {
      signal.removeEventListener('abort', stop);
      // After an answer this changes nothing.
      reject(new Error('a thread of HMC ended without its chain'));
    });
  }).finally(() => worker.terminate());
}
