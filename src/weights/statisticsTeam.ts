/**
 * Statistics of long tensors on several cores: one thread alone counts slower than the file can be read. Each thread reads and counts
 * whichever chunk is next, into memory of its own; the counts are added up at the end.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { CHUNK_BYTES, chunkSums, type CountedWidth } from './statisticsCounting.ts';

/** Below, one thread is done before the others have begun. */
const LEAST_BYTES = 2 ** 26;
/** So many elements are counted between two additions, so that no count of 32 bits overflows. */
const MOST_BYTES = 2 ** 31;
/** More of them wait for memory. A thread takes some 15 MB. */
const MOST_THREADS = 4;
const PROGRESS_MILLISECONDS = 50;

/** Words of the threads' shared memory. */
export const NEXT = 0;
export const STOP = 1;
export const DONE = 2;

export interface CountingThread {
  readonly control: SharedArrayBuffer;
}

export interface CountingJob {
  /** Of an open file of this process. */
  readonly descriptor: number;
  readonly position: number;
  readonly bytes: number;
  readonly width: CountedWidth;
  readonly sums: SharedArrayBuffer;
}

/** Of the cells (width 4) or patterns that occur, which they are and how often. */
export interface OccupiedCells {
  readonly cells: Uint32Array;
  readonly count: Uint32Array;
}

export interface CountingAnswer {
  /** Undefined when the job was stopped, or bytes could not be read. */
  readonly counts: OccupiedCells | undefined;
}

interface Team {
  readonly workers: readonly Worker[];
  readonly control: Int32Array;
}

let team: Team | undefined;
/** Jobs take turns. */
let turn: Promise<unknown> = Promise.resolve();

export function isForTeam(bytes: number): boolean {
  return bytes >= LEAST_BYTES && availableParallelism() > 1;
}

/**
 * @param merge adds the counts of at most 2³¹ elements to those of before, and the sums of their chunks, in order
 * @returns false when the bytes could not be read to their end: nothing of what was merged is of use then
 * @throws the signal's reason once it is aborted
 */
export function countOnAllCores(
  descriptor: number, position: number, bytes: number, width: CountedWidth, signal: AbortSignal, progress: (bytes: number) => void, merge: (counts: readonly OccupiedCells[], sums: SharedArrayBuffer, bytes: number) => void,
): Promise<boolean> {
  const done = turn.then(async () => {
    for (let from = 0; from < bytes; from += MOST_BYTES) {
      const length = Math.min(MOST_BYTES, bytes - from);
      const sums = chunkSums(length);
      signal.throwIfAborted();
      const counts = await count({ descriptor, position: position + from, bytes: length, width, sums }, signal, (more) => { progress(from + more); });
      signal.throwIfAborted();
      if (counts === undefined) return false;
      merge(counts, sums, length);
    }
    return true;
  });
  turn = done.catch(() => undefined);
  return done;
}

async function count(job: CountingJob, signal: AbortSignal, progress: (bytes: number) => void): Promise<readonly OccupiedCells[] | undefined> {
  const { workers, control } = team ??= hire();
  control.fill(0);
  const stop = (): void => { Atomics.store(control, STOP, 1); };
  signal.addEventListener('abort', stop);
  const timer = setInterval(() => { progress(Math.min(job.bytes, Atomics.load(control, DONE) * CHUNK_BYTES)); }, PROGRESS_MILLISECONDS);
  try {
    // Also when one of them fails, the others are waited for: the file may be closed after this.
    const answers = await Promise.all(workers.map((worker) => answerOf(worker, job)));
    if (answers.includes('lost')) await dismiss();
    const counts = answers.flatMap((answer) => (answer === 'lost' || answer.counts === undefined ? [] : [answer.counts]));
    return counts.length === workers.length ? counts : undefined;
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', stop);
  }
}

/** The answer, or that the thread ended without one. */
function answerOf(worker: Worker, job: CountingJob): Promise<CountingAnswer | 'lost'> {
  return new Promise((resolve) => {
    // Idle threads do not keep the program running.
    worker.ref();
    const settle = (answer: CountingAnswer | 'lost'): void => {
      worker.off('message', settle).off('exit', lost);
      worker.unref();
      resolve(answer);
    };
    const lost = (): void => { settle('lost'); };
    worker.on('message', settle).on('exit', lost).postMessage(job);
  });
}

function hire(): Team {
  const shared: CountingThread = { control: new SharedArrayBuffer(12) };
  // The bundled programs lie beside the bundled worker, the sources beside its source.
  const source = path.join(import.meta.dirname, 'statisticsWorker.ts');
  const script = existsSync(source) ? source : path.join(import.meta.dirname, 'statisticsWorker.mjs');
  const workers = Array.from({ length: Math.min(MOST_THREADS, availableParallelism()) }, () => {
    const worker = new Worker(script, { workerData: shared, execArgv: ['--no-warnings'], env: {}, resourceLimits: { maxOldGenerationSizeMb: 64 } });
    worker.unref();
    // Without a listener, a thread that fails would take the program with it; that it is gone is seen by its exit.
    worker.on('error', () => undefined);
    return worker;
  });
  return { workers, control: new Int32Array(shared.control) };
}

async function dismiss(): Promise<void> {
  const gone = team;
  team = undefined;
  await Promise.all((gone?.workers ?? []).map((worker) => worker.terminate()));
}
