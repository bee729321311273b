/**
 * The float64 engine: the compiled kernels, one shared memory, and a crew of threads, one a core with the caller's own. The
 * caller conducts: it runs an algorithm as `Interruptible` and calls kernels, which share their work with the crew while it
 * waits. The crew sleeps between calls and does not keep the process alive.
 *
 * Several computations may run interleaved: each kernel call is complete in itself, and what outlives a call lies in memory of
 * the computation's own `Scope`.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { formatBytes } from '../../protocol/format.ts';
import { MemoryLimitError } from '../../protocol/userError.ts';
import { interruptibly, type Interruptible } from '../interruptible.ts';
import type { CrewData } from './crew.ts';
import { Heap } from './heap.ts';
import { compileKernels, engineFile, instantiate, tileRows, type Build, type Kernels } from './kernels.ts';

export interface EngineOptions {
  /** Of the kernels; by default the fastest that runs here. */
  readonly build?: Build;
  /** Threads in all, the caller's included; by default one a core. */
  readonly threads?: number;
}

export interface Work {
  readonly signal?: AbortSignal;
  /** Called with the share that is done, 0 to 1. */
  readonly progress?: (fraction: number) => void;
  /** At most so many threads; by default chosen by size. */
  readonly threads?: number;
  /** Refuse beforehand what would need more bytes. */
  readonly memoryLimitBytes?: number;
}

const PAGE = 65536;
/** What 32-bit addresses reach. */
export const ADDRESSABLE = 65536 * PAGE;
/** Below the first page's end the threads talk to each other. */
const FIRST_FREE = PAGE;
/** A memory that grew beyond this is given back when it has been idle for so many milliseconds. */
const KEPT_IDLE = 64 * 2 ** 20;
const IDLE_MILLISECONDS = 2000;
/** More threads than this wait for each other longer than they save. */
const MOST_THREADS = 16;
/** A crew that is not there by then is done without. */
const CREW_PATIENCE = 10_000;

export class Engine {
  readonly build: Build;
  readonly #module: WebAssembly.Module;
  #crew: readonly Worker[] = [];
  #memory: WebAssembly.Memory;
  #kernels: Kernels;
  #heap = new Heap(FIRST_FREE);
  #ready: Promise<void>;
  /** False while the crew is being shown a new memory. */
  #assembled = false;
  #users = 0;
  #idle: NodeJS.Timeout | undefined;

  private constructor(build: Build, module: WebAssembly.Module, threads: number) {
    this.build = build;
    this.#module = module;
    this.#memory = newMemory();
    this.#kernels = this.#instantiate();
    this.#ready = this.#hire(threads - 1);
  }

  static async start({ build, threads }: EngineOptions = {}): Promise<Engine> {
    const compiled = await compileKernels(build);
    return new Engine(compiled.build, compiled.module, Math.min(MOST_THREADS, threads ?? availableParallelism()));
  }

  /** Threads that share in a kernel's work, the caller's included. */
  get threads(): number {
    return this.#crew.length + 1;
  }

  /** What the memory has grown to. */
  get memoryBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /**
   * Runs a computation that needs about so many bytes of the engine's memory. All it allocated is free again afterwards.
   * @throws MemoryLimitError beforehand when they exceed the limit or what 32-bit addresses reach; the signal's reason once aborted
   */
  async run<T>(what: string, bytes: number, work: Work, algorithm: (scope: Scope) => Interruptible<T>): Promise<T> {
    requireMemory(what, bytes, work.memoryLimitBytes);
    work.signal?.throwIfAborted();
    await this.#ready;
    this.#users++;
    const addresses: number[] = [];
    try {
      const threads = Math.max(1, Math.min(this.threads, work.threads ?? this.threads));
      const scope = this.#scope(what, threads, work.progress ?? ignore, addresses);
      return await interruptibly(algorithm(scope), work.signal ?? never);
    } finally {
      for (const address of addresses) this.#heap.release(address);
      this.#users--;
      this.#giveBackWhenIdle();
    }
  }

  /**
   * Runs a short computation at once, without a turn of the event loop: products inside code that cannot wait. What it allocated is
   * free again afterwards. One thread alone does it while the crew is not there yet.
   */
  runNow<T>(what: string, algorithm: (scope: Scope) => T): T {
    const addresses: number[] = [];
    try {
      return algorithm(this.#scope(what, this.#assembled ? this.threads : 1, ignore, addresses));
    } finally {
      for (const address of addresses) this.#heap.release(address);
      this.#giveBackWhenIdle();
    }
  }

  /** As `run`, for a step of an algorithm that is itself interruptible. It does not wait for the crew, either. */
  *within<T>(what: string, algorithm: (scope: Scope) => Interruptible<T>): Interruptible<T> {
    const addresses: number[] = [];
    this.#users++;
    try {
      return yield* algorithm(this.#scope(what, this.#assembled ? this.threads : 1, ignore, addresses));
    } finally {
      for (const address of addresses) this.#heap.release(address);
      this.#users--;
      this.#giveBackWhenIdle();
    }
  }

  /** Ends the threads; for tests. */
  async stop(): Promise<void> {
    await this.#ready;
    await Promise.all(this.#crew.map((worker) => worker.terminate()));
    this.#crew = [];
    this.#kernels.setCrew(0);
  }

  /** @param addresses receives what is allocated */
  #scope(what: string, threads: number, progress: (fraction: number) => void, addresses: number[]): Scope {
    let temporary = { address: 0, count: 0 };
    return {
      kernels: this.#kernels,
      threads,
      progress,
      allocate: (count) => {
        const address = this.#allocate(what, 8 * count);
        addresses.push(address);
        return address;
      },
      temporary: (count) => {
        if (count > temporary.count) {
          if (temporary.count > 0) {
            addresses.splice(addresses.indexOf(temporary.address), 1);
            this.#heap.release(temporary.address);
          }
          temporary = { address: this.#allocate(what, 8 * count), count };
          addresses.push(temporary.address);
        }
        return temporary.address;
      },
      view: (address, count) => new Float64Array(this.#memory.buffer, address, count),
      integers: (address, count) => new Int32Array(this.#memory.buffer, address, count),
    };
  }

  #allocate(what: string, bytes: number): number {
    const address = this.#heap.allocate(bytes);
    const end = address + bytes;
    const missing = end - this.#memory.buffer.byteLength;
    if (missing > 0) {
      try {
        if (end > ADDRESSABLE) throw new RangeError('beyond 32-bit addresses');
        this.#memory.grow(Math.ceil(missing / PAGE));
      } catch (cause) {
        this.#heap.release(address);
        throw new MemoryLimitError(`${what}: ${formatBytes(end)} of memory could not be had, beside what other computations use.`, { cause });
      }
    }
    return address;
  }

  #instantiate(): Kernels {
    const kernels = instantiate(this.#module, this.#memory);
    kernels.setTileRows(tileRows(this.build));
    return kernels;
  }

  async #hire(count: number): Promise<void> {
    const started: Worker[] = [];
    for (let thread = 1; thread <= count; thread++) {
      try {
        const workerData: CrewData = { module: this.#module, thread };
        const worker = new Worker(crewProgram(), { workerData, execArgv: [] });
        worker.unref();
        // A member that fails is missed by `assemble`; without a listener its error would end the process.
        worker.on('error', ignore);
        started.push(worker);
      } catch {
        break;
      }
    }
    await this.#assemble(started);
  }

  /** Shows the memory to each worker; those that answer are the crew. */
  async #assemble(workers: readonly Worker[]): Promise<void> {
    const present = await Promise.all(workers.map((worker) => answers(worker, this.#memory)));
    this.#crew = workers.filter((_, k) => present[k]);
    // Members are numbered from 1 without holes; after one that is missing the others are of no use.
    const complete = present.every(Boolean);
    if (!complete) {
      await Promise.all(workers.map((worker) => worker.terminate()));
      this.#crew = [];
    }
    this.#kernels.setCrew(this.#crew.length);
    this.#assembled = true;
  }

  #giveBackWhenIdle(): void {
    if (this.#users > 0 || this.#memory.buffer.byteLength <= KEPT_IDLE) return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      if (this.#users === 0) this.#giveBackMemory();
    }, IDLE_MILLISECONDS).unref();
  }

  #giveBackMemory(): void {
    this.#assembled = false;
    if (this.#crew.length > 0) this.#kernels.dismiss();
    this.#memory = newMemory();
    this.#kernels = this.#instantiate();
    this.#heap = new Heap(FIRST_FREE);
    this.#ready = this.#assemble(this.#crew);
  }
}

/** What an algorithm sees of the engine. */
export interface Scope {
  readonly kernels: Kernels;
  /** At most so many threads may share in a kernel call. */
  readonly threads: number;
  readonly progress: (fraction: number) => void;
  /** Address of so many doubles, not cleared, free again when the computation ends. */
  readonly allocate: (count: number) => number;
  /** The same for what a single kernel call needs: the address is given out again by the next call of this. */
  readonly temporary: (count: number) => number;
  /** The doubles at an address; stays valid while the computation runs. */
  readonly view: (address: number, count: number) => Float64Array;
  readonly integers: (address: number, count: number) => Int32Array;
}

const never = new AbortController().signal;
const ignore = (): void => undefined;

let shared: Promise<Engine> | undefined;

/** The engine of this process (or thread of one), started on first use. @param options count when it is the first */
export function sharedEngine(options?: EngineOptions): Promise<Engine> {
  return (shared ??= Engine.start(options).then((engine) => (started = engine)));
}

let started: Engine | undefined;

/** The same, when it has started already. */
export function startedEngine(): Engine | undefined {
  return started;
}

/** @throws MemoryLimitError */
function requireMemory(what: string, bytes: number, limit = Number.POSITIVE_INFINITY): void {
  if (bytes > limit) throw new MemoryLimitError(`${what} would need about ${formatBytes(bytes)}, more than the limit of ${formatBytes(limit)}.`);
  if (bytes > ADDRESSABLE - PAGE) throw new MemoryLimitError(`${what} would need about ${formatBytes(bytes)}, more than the 4 GiB that the linear algebra can address.`);
}

function newMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
}

function crewProgram(): string {
  const source = path.join(import.meta.dirname, 'crew.ts');
  return existsSync(source) ? source : engineFile('linalgCrew.js');
}

function answers(worker: Worker, memory: WebAssembly.Memory): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (answered: boolean): void => {
      clearTimeout(timer);
      worker.off('message', ready);
      worker.off('error', gone);
      worker.off('exit', gone);
      resolve(answered);
      worker.unref();
    };
    const ready = (): void => { end(true); };
    const gone = (): void => { end(false); };
    const timer = setTimeout(gone, CREW_PATIENCE);
    worker.on('message', ready);
    worker.on('error', gone);
    worker.on('exit', gone);
    // While someone waits for the answer, the process has to stay.
    worker.ref();
    worker.postMessage(memory);
  });
}
