/**
 * One file in an HDF5 worker, seen from the reader: requests and their answers, bytes on demand, and an end to a worker that neither answers
 * nor asks for bytes, as damaged files can bring about.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ByteSource } from './byteSource.ts';
import { CONTROL_BYTES, FAILED, LENGTH, READY, STATE, TRANSFER_BYTES, type Hdf5Contents, type Hdf5Message, type Hdf5Request, type Slab } from './hdf5Protocol.ts';
import { WeightFileError } from './weightFileError.ts';

/**
 * Processor time, in milliseconds, after which a worker that has neither answered nor asked for bytes is taken to be in a loop. The time of
 * the whole process is what can be measured, so a busy program may be impatient, but never one that waits for its turn.
 */
const LONGEST_OPENING_STEP = 1000;
/** Decompressing the largest chunk takes one to two seconds. */
const LONGEST_READING_STEP = 5000;
/** Starting a worker compiles four megabytes. */
const LONGEST_START = 30_000;
const CHECK_EVERY = 200;

interface HdfThread {
  readonly worker: Worker;
  readonly control: Int32Array;
  readonly transfer: Uint8Array;
}

/** A worker whose file was closed and that is as new. One is kept: opening a file then takes milliseconds. */
let idle: HdfThread | undefined;

export class Hdf5Session {
  readonly #source: ByteSource;
  readonly #thread: HdfThread;
  #answer: { readonly resolve: (message: Hdf5Message) => void; readonly reject: (error: Error) => void } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #patience = LONGEST_START;
  /** Requests take turns. */
  #turn: Promise<unknown> = Promise.resolve();
  #sourceError: unknown;
  #ended = false;

  private constructor(source: ByteSource, thread: HdfThread) {
    this.#source = source;
    this.#thread = thread;
    thread.worker.on('message', this.#onMessage).on('error', this.#onError).on('exit', this.#onExit);
  }

  /** @throws WeightFileError; the source is left to the caller in any case */
  static async open(source: ByteSource): Promise<{ readonly session: Hdf5Session; readonly contents: Hdf5Contents }> {
    const kept = idle;
    idle = undefined;
    const session = new Hdf5Session(source, kept ?? startThread());
    try {
      if (kept === undefined) await session.#wait(LONGEST_START);
      const message = await session.#request({ kind: 'open', size: source.size });
      if (message.kind !== 'opened') throw session.#unexpected();
      return { session, contents: message.contents };
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** @throws WeightFileError whose place is the caller's */
  async read(dataset: string, slabs: readonly Slab[], elementBytes: number): Promise<Uint8Array> {
    const message = await this.#request({ kind: 'read', dataset, slabs, elementBytes });
    if (message.kind !== 'read') throw this.#unexpected();
    return message.bytes;
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    try {
      const message = await this.#request({ kind: 'close' });
      if (message.kind === 'closed' && message.reusable && idle === undefined) {
        this.#ended = true;
        const { worker } = this.#thread;
        worker.off('message', this.#onMessage).off('error', this.#onError).off('exit', this.#onExit);
        idle = this.#thread;
        return;
      }
    } catch {
      // A worker that cannot close its file is ended like any other.
    }
    await this.#end();
  }

  #request(request: Hdf5Request): Promise<Hdf5Message> {
    const answer = this.#turn.then(() => {
      if (this.#ended) throw new WeightFileError(this.#source.path, '', 'the file was closed while it was being read');
      this.#thread.worker.postMessage(request);
      return this.#wait(request.kind === 'read' ? LONGEST_READING_STEP : LONGEST_OPENING_STEP);
    });
    this.#turn = answer.catch(() => undefined);
    return answer;
  }

  #wait(patience: number): Promise<Hdf5Message> {
    this.#patience = patience;
    // An idle worker does not keep the program running.
    this.#thread.worker.ref();
    return new Promise((resolve, reject) => {
      this.#answer = { resolve, reject };
      this.#watch();
    });
  }

  #watch(): void {
    clearTimeout(this.#timer);
    const begun = process.cpuUsage();
    const look = (): void => {
      const { user, system } = process.cpuUsage(begun);
      if ((user + system) / 1000 < this.#patience) {
        this.#timer = setTimeout(look, CHECK_EVERY);
        return;
      }
      void this.#end();
      this.#fail(new WeightFileError(this.#source.path, '', `the HDF5 library was stopped after ${this.#patience / 1000} ${this.#patience === 1000 ? 'second' : 'seconds'} in one step; the file is damaged, or made to be slow`));
    };
    this.#timer = setTimeout(look, CHECK_EVERY);
  }

  readonly #onMessage = (message: Hdf5Message): void => {
    switch (message.kind) {
      case 'need':
        clearTimeout(this.#timer);
        void this.#supply(message.offset, message.length);
        return;
      case 'alive': this.#watch(); return;
      case 'failed': {
        const error = this.#sourceError instanceof Error ? this.#sourceError : new WeightFileError(this.#source.path, message.place, message.problem);
        this.#fail(error);
        return;
      }
      default: this.#settle()?.resolve(message);
    }
  };

  readonly #onError = (error: Error): void => {
    const reason = /memory/i.test(error.message) ? 'the file asks for more memory than there is' : `the HDF5 library failed (${error.message})`;
    this.#fail(new WeightFileError(this.#source.path, '', reason));
  };

  readonly #onExit = (): void => {
    this.#ended = true;
    this.#fail(new WeightFileError(this.#source.path, '', 'the HDF5 library stopped'));
  };

  /** The bytes that the worker waits for. */
  async #supply(offset: number, length: number): Promise<void> {
    const { control, transfer } = this.#thread;
    let state = FAILED;
    try {
      transfer.set(await this.#source.read(offset, length));
      control[LENGTH] = length;
      state = READY;
    } catch (error) {
      this.#sourceError = error;
    }
    if (this.#ended) return;
    this.#watch();
    Atomics.store(control, STATE, state);
    Atomics.notify(control, STATE);
  }

  #fail(error: Error): void {
    this.#settle()?.reject(error);
  }

  #settle(): { readonly resolve: (message: Hdf5Message) => void; readonly reject: (error: Error) => void } | undefined {
    clearTimeout(this.#timer);
    this.#thread.worker.unref();
    const answer = this.#answer;
    this.#answer = undefined;
    return answer;
  }

  #unexpected(): WeightFileError {
    return new WeightFileError(this.#source.path, '', 'the HDF5 library gave another answer than expected');
  }

  async #end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    await this.#thread.worker.terminate();
  }
}

function startThread(): HdfThread {
  const shared = new SharedArrayBuffer(CONTROL_BYTES + TRANSFER_BYTES);
  // The bundled programs lie beside the bundled worker, the sources beside its source.
  const source = path.join(import.meta.dirname, 'hdf5Worker.ts');
  const script = existsSync(source) ? source : path.join(import.meta.dirname, 'hdf5Worker.mjs');
  const worker = new Worker(script, { workerData: shared, execArgv: ['--no-warnings'], env: {}, resourceLimits: { maxOldGenerationSizeMb: 512 } });
  // Without a listener, a worker that fails while nobody waits for it would take the program with it.
  worker.on('error', () => undefined).on('exit', () => { if (idle?.worker === worker) idle = undefined; });
  return { worker, control: new Int32Array(shared, 0, CONTROL_BYTES / 4), transfer: new Uint8Array(shared, CONTROL_BYTES, TRANSFER_BYTES) };
}
