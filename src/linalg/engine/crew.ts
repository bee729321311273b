/** Program of one crew member: a thread that performs its part of every region (see `src/linalg/kernels/team.ts`). */
import { parentPort, workerData } from 'node:worker_threads';
import { instantiate } from './kernels.ts';

export interface CrewData {
  readonly module: WebAssembly.Module;
  /** 1 for the first; the conductor is 0. */
  readonly thread: number;
}

const { module, thread } = workerData as CrewData;

parentPort?.on('message', (memory: WebAssembly.Memory) => {
  const kernels = instantiate(module, memory);
  parentPort?.postMessage('ready');
  for (let seen = 0; kernels.serve(thread, seen) !== 0; seen++);
});
