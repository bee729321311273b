/**
 * One model in a process of TensorFlow's own, seen from an analysis: started for a job and ended with it, whether it is done, cancelled or
 * broken. However the process ends, the job gets one sentence.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { formatBytes } from '../protocol/format.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { UserError } from '../protocol/userError.ts';
import { visible } from '../protocol/untrustedText.ts';
import { WeightFileError } from '../weights/weightFileError.ts';
import type { ModelFacts, ModelSource, TensorflowAnswer, TensorflowBackend, TensorflowRequest, WeightValues } from './messages.ts';
import { nativeFolders } from './nativeFolders.ts';

/** Enough of standard error to find the reason of an end in it. */
const KEPT_STDERR = 4096;

export class TensorflowSession {
  readonly #process: ChildProcess;
  readonly #signal: AbortSignal;
  #waiting: { readonly resolve: (answer: TensorflowAnswer) => void; readonly reject: (error: Error) => void } | undefined;
  #stderr = '';
  #ended: Error | undefined;
  #backend: TensorflowBackend | undefined;

  private constructor(script: string, { signal, memoryLimitBytes }: Pick<JobContext, 'signal' | 'memoryLimitBytes'>) {
    this.#signal = signal;
    this.#process = fork(script, [], {
      // On the desktop process.execPath is Electron, which this variable turns into Node. TensorFlow reports every start on standard error unless told not to.
      env: { TF_CPP_MIN_LOG_LEVEL: '2', ...process.env, NODE_OPTIONS: '', ELECTRON_RUN_AS_NODE: '1' },
      execArgv: Number.isFinite(memoryLimitBytes) ? [`--max-old-space-size=${Math.max(256, Math.floor(memoryLimitBytes / 2 ** 20))}`] : [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#process.stderr?.on('data', (data: Buffer) => { this.#stderr = (this.#stderr + data.toString('utf8')).slice(-KEPT_STDERR); });
    this.#process.on('message', (message: unknown) => { this.#waiting?.resolve(message as TensorflowAnswer); });
    this.#process.on('error', (error) => { this.#end(new UserError(`TensorFlow.js could not be started: ${error.message}`)); });
    this.#process.on('close', (code, killed) => { this.#end(new UserError(endSentence(code, killed, this.#stderr))); });
    signal.addEventListener('abort', this.#cancel);
  }

  /**
   * @param wanted `wasm` for the WebAssembly backend even where the native one is there
   * @throws UserError when it does not start; what aborts the signal, when it is aborted
   */
  static async start(context: Pick<JobContext, 'signal' | 'memoryLimitBytes'>, wanted: 'any' | 'wasm' = 'any'): Promise<TensorflowSession> {
    context.signal.throwIfAborted();
    const session = new TensorflowSession(processScript(), context);
    try {
      const answer = await session.#ask({ kind: 'start', nativeFrom: wanted === 'wasm' ? [] : nativeFolders() });
      if (answer.kind === 'started') session.#backend = answer.backend;
      else throw new UserError(`TensorFlow.js could not be started: it ${answer.kind === 'failed' ? answer.problem : 'gave no answer'}`);
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  get backend(): TensorflowBackend {
    if (this.#backend === undefined) throw new Error('not started');
    return this.#backend;
  }

  /**
   * @param path the model's file, for messages
   * @throws WeightFileError when TensorFlow.js refuses the model
   */
  async load(path: string, source: ModelSource, weights: readonly WeightValues[]): Promise<ModelFacts> {
    const answer = await this.#ask({ kind: 'load', source, weights });
    if (answer.kind === 'loaded') return answer.facts;
    throw refusal(path, answer);
  }

  /** Another draw's weights, all of them. @throws WeightFileError */
  async assign(path: string, weights: readonly WeightValues[]): Promise<void> {
    const answer = await this.#ask({ kind: 'assign', weights });
    if (answer.kind !== 'assigned') throw refusal(path, answer);
  }

  /** @param shape of x, examples first @throws WeightFileError when the model does not take it */
  async run(path: string, x: Float32Array<ArrayBuffer>, shape: readonly number[], options: { readonly dropoutSeed: number | null; readonly measure: boolean }): Promise<Extract<TensorflowAnswer, { kind: 'outputs' }>> {
    const answer = await this.#ask({ kind: 'run', x, shape, ...options });
    if (answer.kind !== 'outputs') throw refusal(path, answer);
    return answer;
  }

  close(): void {
    this.#signal.removeEventListener('abort', this.#cancel);
    this.#ended ??= new Error('closed');
    this.#process.kill('SIGKILL');
  }

  readonly #cancel = (): void => {
    const reason: unknown = this.#signal.reason;
    this.#end(reason instanceof Error ? reason : new Error('aborted'));
    this.#process.kill('SIGKILL');
  };

  #ask(request: TensorflowRequest): Promise<TensorflowAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      this.#waiting = { resolve, reject };
      this.#process.send(request, (error) => {
        // An end of the process says more, and comes as well.
        if (error !== null && this.#process.exitCode === null && this.#process.signalCode === null && this.#process.connected) reject(error);
      });
    });
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#waiting?.reject(this.#ended);
    this.#waiting = undefined;
  }
}

/** The bundle beside this one, or the source in a checkout. */
function processScript(): string {
  const source = path.join(import.meta.dirname, 'tensorflowProcess.ts');
  const script = existsSync(source) ? source : path.join(import.meta.dirname, 'tensorflow.js');
  if (!existsSync(script)) throw new UserError(`TensorFlow.js is missing from this installation (${script})`);
  return script;
}

function refusal(file: string, answer: TensorflowAnswer): WeightFileError {
  return new WeightFileError(file, '', answer.kind === 'failed' ? visible(answer.problem.slice(0, 600)) : 'gave an answer that was not expected');
}

/** Native TensorFlow ends its process where it meets what it does not expect, and says why in its last line. */
function endSentence(code: number | null, signal: string | null, stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  const fatal = lines.findLast((line) => /Check failed|^F\d|FATAL|Error/.test(line)) ?? lines.at(-1);
  return `TensorFlow.js ended while it was working (${signal ?? `exit code ${code ?? 'unknown'}`})${fatal === undefined ? '' : `: ${visible(fatal.slice(0, 300))}`}`;
}

/** "native TensorFlow 2.9.1 (tfjs-node 4.22.0)". */
export function backendName(backend: TensorflowBackend): string {
  return backend.kind === 'native' ? `native TensorFlow ${backend.library} (tfjs-node ${backend.version})` : `TensorFlow.js ${backend.version} on WebAssembly`;
}

/** Memory that a model's run may take, and how many examples go through at once within it. */
export function examplesAtOnce(peakBytesOfOne: number, memoryLimitBytes: number): number {
  const room = Math.min(512 * 2 ** 20, Number.isFinite(memoryLimitBytes) ? memoryLimitBytes / 4 : Number.POSITIVE_INFINITY);
  if (peakBytesOfOne > memoryLimitBytes) throw new UserError(`one example takes ${formatBytes(peakBytesOfOne)} in this model, the limit is ${formatBytes(memoryLimitBytes)}`);
  return Math.max(1, Math.min(1024, Math.floor(room / Math.max(1, peakBytesOfOne))));
}
