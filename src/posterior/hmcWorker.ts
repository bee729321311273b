/** Program of a thread that runs one chain (hmcChains.ts) and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { sharedEngine } from '../linalg/engine/engine.ts';
import { complete } from '../linalg/interruptible.ts';
import { chainOf, type ChainMessage, type ChainTask } from './hmcChains.ts';

const PROGRESS_MILLISECONDS = 100;

// The other cores have chains of their own.
await sharedEngine({ threads: 1 });
const say = (message: ChainMessage): void => { parentPort?.postMessage(message); };
let said = performance.now();
say({
  chain: complete(chainOf(workerData as ChainTask, (done) => {
    if (performance.now() < said + PROGRESS_MILLISECONDS) return;
    said = performance.now();
    say({ done });
  })),
});
