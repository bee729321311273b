/** Program of a thread that walks draws of a Laplace diffusion (diffusionWalks.ts) until it is ended. */
import { parentPort, workerData } from 'node:worker_threads';
import { sharedEngine } from '../linalg/engine/engine.ts';
import { seededRandom } from '../linalg/random.ts';
import { fromPortable } from '../network/portableNetwork.ts';
import { UserError } from '../protocol/userError.ts';
import type { Walk, Walked, WalkTask } from './diffusionWalks.ts';
import { laplaceDiffusion } from './laplaceDiffusion.ts';

const { network, problem, priorPrecision, options, memoryLimitBytes } = workerData as WalkTask;

// The other cores have draws of their own.
await sharedEngine({ threads: 1 });
const walk = laplaceDiffusion({ problem: { ...problem, network: fromPortable(network) }, priorPrecision }, { ...options, sense: 'ito' }, { signal: new AbortController().signal, progress: () => undefined, memoryLimitBytes });

async function answer({ draw, seed }: Walk): Promise<void> {
  try {
    const state = await walk(seededRandom(seed));
    parentPort?.postMessage({ draw, state } satisfies Walked, [state.buffer as ArrayBuffer]);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    parentPort?.postMessage({ refused: error.message } satisfies Walked);
  }
}

// One after the other: a walk's steps share their buffers.
let turn = Promise.resolve();
parentPort?.on('message', (task: Walk) => { turn = turn.then(() => answer(task)); });
