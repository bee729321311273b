/**
 * One analysis process from its start to its end, with the jobs that run in it. However the process ends (crash, kill, memory,
 * a start that fails), every job that was running is rejected once, with one sentence that says so.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { formatBytes } from '../protocol/format.ts';
import { HOST_MEMORY_MARK, MEMORY_LIMIT_ARGUMENT, overMemoryLimit } from '../protocol/hostProcess.ts';
import type { AnalysisFailure, FromHost, Method, Progress, RequestOf, ResultOf, ToHost } from '../protocol/rpc.ts';
import { t } from '../protocol/words.ts';
import { AnalysisError } from './analysisError.ts';

export type LogLevel = 'info' | 'warning' | 'error';

export interface ForkOptions {
  readonly hostPath: string;
  readonly tensorflowFolder: string | undefined;
  /** Resident memory that the process may use. */
  readonly memoryLimitBytes: number;
  readonly log: (level: LogLevel, text: string) => void;
  /** Called once, after the jobs of an ended process were rejected. */
  readonly ended: () => void;
}

interface Job {
  readonly method: Method;
  readonly resolve: (value: ResultOf<Method>) => void;
  readonly reject: (error: AnalysisError) => void;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

/** Enough of standard error to find the reason of an end in it. */
const KEPT_STDERR = 8192;

export class ForkedHost {
  readonly #options: ForkOptions;
  readonly #process: ChildProcess;
  readonly #jobs = new Map<number, Job>();
  #nextId = 1;
  #stderr = '';
  #ended = false;
  #overMemory = false;

  constructor(options: ForkOptions) {
    this.#options = options;
    // Not inherited: options for other Node programs, and the debugger's port of the process that forks.
    const environment = { ...(options.tensorflowFolder === undefined ? {} : { QUOTIENT_TENSORFLOW: options.tensorflowFolder }), ...process.env, NODE_OPTIONS: '' };
    this.#process = fork(options.hostPath, [`${MEMORY_LIMIT_ARGUMENT}${options.memoryLimitBytes}`], {
      // On the desktop process.execPath is Electron, which this variable turns into Node.
      env: { ...environment, ELECTRON_RUN_AS_NODE: '1' },
      execArgv: [`--max-old-space-size=${Math.max(64, Math.floor(options.memoryLimitBytes / 2 ** 20))}`],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#process.stdout?.on('data', (data: Buffer) => {
      options.log('info', data.toString('utf8').trimEnd());
    });
    this.#process.stderr?.on('data', (data: Buffer) => {
      const text = data.toString('utf8');
      this.#stderr = (this.#stderr + text).slice(-KEPT_STDERR);
      options.log('warning', text.trimEnd());
    });
    this.#process.on('message', (message: unknown) => {
      this.#receive(message);
    });
    this.#process.on('error', (error) => {
      // The process could not be started, or could not be killed; in the first case there will be no other event.
      if (this.#process.pid === undefined) this.#end(`could not be started: ${error.message}`);
      else options.log('error', error.message);
    });
    // 'close' and not 'exit': by then all of standard error and all messages have been read.
    this.#process.on('close', (code, signal) => {
      this.#end(signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`);
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get idle(): boolean {
    return this.#jobs.size === 0;
  }

  get alive(): boolean {
    return !this.#ended && !this.#overMemory && this.#process.connected;
  }

  start<M extends Method>(method: M, request: RequestOf<M>, onProgress?: (progress: Progress) => void): { id: number; result: Promise<ResultOf<M>> } {
    const id = this.#nextId++;
    const result = new Promise<ResultOf<Method>>((resolve, reject) => {
      this.#jobs.set(id, { method, resolve, reject, onProgress });
    });
    try {
      this.#send({ type: 'call', id, method, request });
    } catch (error) {
      this.#fail(id, { kind: 'internal', message: t('The request could not be sent to the analysis host: {0}', error instanceof Error ? error.message : String(error)) });
    }
    // The service's types pair each method with its result; the wire carries the union.
    return { id, result: result as Promise<ResultOf<M>> };
  }

  cancel(id: number): void {
    if (this.#jobs.has(id) && this.alive) this.#send({ type: 'cancel', id });
  }

  /** Whether this call has not ended yet. */
  running(id: number): boolean {
    return this.#jobs.has(id);
  }

  /** Ends the process by force: job `cancelled` as cancelled, every other job with `reason`. */
  kill(reason: string, cancelled?: number): void {
    if (cancelled !== undefined) this.#fail(cancelled, { kind: 'cancelled', message: t('The analysis was cancelled.') });
    for (const [id, job] of [...this.#jobs]) this.#fail(id, { kind: 'crash', message: t('The {0} analysis was ended: {1}', job.method, reason) });
    this.#process.kill('SIGKILL');
  }

  #send(message: ToHost): void {
    // A failed write is the end of the process, which has its own event.
    this.#process.send(message, (error) => {
      if (error !== null) this.#options.log('warning', `The analysis host did not take a message: ${error.message}`);
    });
  }

  #receive(message: unknown): void {
    if (!isFromHost(message)) {
      this.#options.log('error', 'The analysis host sent a message that is not part of the protocol; it was ignored.');
      return;
    }
    switch (message.type) {
      case 'log':
        this.#options.log(message.level, message.text);
        return;
      case 'progress':
        this.#jobs.get(message.id)?.onProgress?.(message.progress);
        return;
      case 'result': {
        const { id, outcome } = message;
        if (!outcome.ok) {
          this.#fail(id, outcome.error);
          return;
        }
        const job = this.#jobs.get(id);
        this.#jobs.delete(id);
        job?.resolve(outcome.value);
        return;
      }
      case 'over-memory':
        this.#overMemory = true;
        this.#options.log('error', `The analysis host holds ${formatBytes(message.residentBytes)}, more than its limit of ${formatBytes(this.#options.memoryLimitBytes)}.`);
    }
  }

  #fail(id: number, failure: AnalysisFailure): void {
    const job = this.#jobs.get(id);
    this.#jobs.delete(id);
    job?.reject(new AnalysisError(failure));
  }

  #end(how: string): void {
    if (this.#ended) return;
    this.#ended = true;
    // V8 ends the process itself when its heap is full, after these words on standard error.
    const memory = this.#overMemory || this.#stderr.includes(HOST_MEMORY_MARK) || this.#stderr.includes('JavaScript heap out of memory');
    for (const [id, job] of [...this.#jobs]) {
      this.#fail(id, memory
        ? { kind: 'memory', message: overMemoryLimit(job.method, this.#options.memoryLimitBytes) }
        : { kind: 'crash', message: t('The analysis host ended while the {0} analysis was running ({1}). Run the command again; a new host will start.', job.method, how) });
    }
    this.#options.log('info', `Analysis host ${this.pid ?? ''} ended (${how}).`);
    this.#options.ended();
  }
}

function isFromHost(message: unknown): message is FromHost {
  if (typeof message !== 'object' || message === null || !('type' in message)) return false;
  const has = (key: string, type: 'number' | 'string' | 'object'): boolean => {
    const value: unknown = Reflect.get(message, key);
    return typeof value === type && value !== null;
  };
  switch (message.type) {
    case 'log':
      return has('level', 'string') && has('text', 'string');
    case 'progress':
      return has('id', 'number') && has('progress', 'object');
    case 'result':
      return has('id', 'number') && has('outcome', 'object');
    case 'over-memory':
      return has('residentBytes', 'number');
    default:
      return false;
  }
}
