/** A thread that counts and sums chunks of a file, one after another as long as there are any, into memory of its own. */
import { readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { CHUNK_BYTES, ChunkCounter } from './statisticsCounting.ts';
import { statisticsKernel } from './statisticsKernel.ts';
import { DONE, NEXT, STOP, type CountingAnswer, type CountingJob, type CountingThread, type OccupiedCells } from './statisticsTeam.ts';

// What was read is still in the core's own cache when it is counted.
const PIECE_BYTES = 2 ** 18;

const { control: shared } = workerData as CountingThread;
const control = new Int32Array(shared);
const kernel = await statisticsKernel();

function count({ descriptor, position, bytes, width, sums }: CountingJob): boolean {
  kernel.counts.fill(0);
  const counter = new ChunkCounter(kernel, width, sums);
  const chunks = Math.ceil(bytes / CHUNK_BYTES);
  for (let chunk = Atomics.add(control, NEXT, 1); chunk < chunks; chunk = Atomics.add(control, NEXT, 1)) {
    const end = Math.min(bytes, (chunk + 1) * CHUNK_BYTES);
    for (let at = chunk * CHUNK_BYTES; at < end; at += PIECE_BYTES) {
      if (Atomics.load(control, STOP) !== 0) return false;
      const length = Math.min(PIECE_BYTES, end - at);
      for (let done = 0; done < length;) {
        const read = readSync(descriptor, kernel.bytes, done, length - done, position + at + done);
        if (read === 0) return false;
        done += read;
      }
      counter.add(0, length);
    }
    counter.end(chunk);
    Atomics.add(control, DONE, 1);
  }
  return true;
}

parentPort?.on('message', (job: CountingJob) => {
  let counts: OccupiedCells | undefined;
  try {
    if (count(job)) counts = occupied(job.width === 4 ? kernel.counts : kernel.counts.subarray(0, 2 ** (8 * job.width)));
  } catch {
    // Whoever asked reads the bytes once more, and says what is wrong with them.
  }
  const answer: CountingAnswer = { counts };
  parentPort?.postMessage(answer);
});

/** Few of the 2²⁰ cells hold anything. */
function occupied(counts: Uint32Array): OccupiedCells {
  const cells: number[] = [];
  for (let i = 0; i < counts.length; i++) if (counts[i] !== 0) cells.push(i);
  return { cells: Uint32Array.from(cells), count: Uint32Array.from(cells, (cell) => counts[cell]!) };
}
