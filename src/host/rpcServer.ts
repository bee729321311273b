/**
 * Serves an analysis service over a message channel: one job a call, one AbortController a job, and exactly one `result` for each
 * call whatever happens to it. It knows neither the analyses nor how its process was started, so that a test can give it both.
 */
import type { FromHost, JobContext, Method, Outcome, Progress, RequestOf, ResultOf, ToHost } from '../protocol/rpc.ts';
import { failureOf } from './failure.ts';
import { throttleProgress } from './progressThrottle.ts';

/** The service as the host implements it: every method of the interface, asynchronous, with its job's context. */
export type ServiceHandlers = { readonly [M in Method]: (request: RequestOf<M>, context: JobContext) => Promise<ResultOf<M>> };

export interface RpcServerOptions {
  readonly handlers: ServiceHandlers;
  readonly send: (message: FromHost) => void;
  /** What each job's context carries as `memoryLimitBytes`. */
  readonly memoryLimitBytes: number;
}

export class RpcServer {
  readonly #options: RpcServerOptions;
  readonly #jobs = new Map<number, AbortController>();

  constructor(options: RpcServerOptions) {
    this.#options = options;
  }

  /** Takes whatever came over the channel; what is no message of the protocol is logged and otherwise ignored. */
  receive(message: unknown): void {
    if (!isToHost(message)) {
      this.log('error', `A message that is not part of the protocol was ignored: ${describe(message)}`);
      return;
    }
    if (message.type === 'cancel') {
      // A cancel may cross its job's result on the way; then there is nothing left to stop.
      this.#jobs.get(message.id)?.abort();
      return;
    }
    if (this.#jobs.has(message.id)) {
      this.log('error', `Call ${message.id} (${message.method}) was ignored: a job with this number is running.`);
      return;
    }
    void this.#run(message.id, message.method, message.request);
  }

  log(level: 'info' | 'warning' | 'error', text: string): void {
    this.#options.send({ type: 'log', level, text });
  }

  async #run<M extends Method>(id: number, method: M, request: RequestOf<M>): Promise<void> {
    const { handlers, send, memoryLimitBytes } = this.#options;
    const abort = new AbortController();
    this.#jobs.set(id, abort);
    const { report, stop } = throttleProgress((progress: Progress) => {
      if (this.#jobs.has(id)) send({ type: 'progress', id, progress });
    });
    let outcome: Outcome<ResultOf<Method>>;
    try {
      // `in` and `[]` also find what every object inherits, and the name comes from outside.
      if (!Object.hasOwn(handlers, method)) throw new Error(`The analysis host has no method "${method}".`);
      outcome = { ok: true, value: await handlers[method](request, { signal: abort.signal, progress: report, memoryLimitBytes }) };
    } catch (error) {
      outcome = { ok: false, error: failureOf(error, abort.signal) };
    }
    stop();
    this.#settle(id, outcome);
  }

  #settle(id: number, outcome: Outcome<ResultOf<Method>>): void {
    if (!this.#jobs.delete(id)) return;
    try {
      this.#options.send({ type: 'result', id, outcome });
    } catch (error) {
      // A value that cannot cross the border (a function in it, say) must still end its call.
      this.#options.send({ type: 'result', id, outcome: { ok: false, error: failureOf(error) } });
    }
  }
}

function isToHost(message: unknown): message is ToHost {
  if (typeof message !== 'object' || message === null || !('type' in message) || !('id' in message)) return false;
  if (!Number.isSafeInteger(message.id)) return false;
  if (message.type === 'cancel') return true;
  return message.type === 'call' && 'method' in message && typeof message.method === 'string' && 'request' in message
    && typeof message.request === 'object' && message.request !== null;
}

function describe(message: unknown): string {
  if (typeof message !== 'object' || message === null) return typeof message;
  return `an object with ${Object.keys(message).slice(0, 8).join(', ') || 'no fields'}`;
}
