/**
 * What the extension asks the analysis host through. The host is started by the first call, replaced after a crash by the next
 * one, ended by force when it does not answer a cancellation, and stopped when nothing was asked of it for a while. Knows
 * nothing of VS Code, so that tests drive it against real processes.
 */
import type { Method, Progress, RequestOf, ResultOf } from '../protocol/rpc.ts';
import { t } from '../protocol/words.ts';
import { AnalysisError } from './analysisError.ts';
import { ForkedHost, type LogLevel } from './forkedHost.ts';

export interface HostClientOptions {
  /** The host's bundle. */
  readonly hostPath: string;
  /** Where native TensorFlow is looked for first, unless the user's environment names another folder. */
  readonly tensorflowFolder?: string;
  /** Read whenever a host starts, so that a changed setting holds from the next start. */
  readonly memoryLimitBytes: () => number;
  /** Milliseconds without a job after which the host is stopped; read whenever it becomes idle. */
  readonly idleMilliseconds: () => number;
  /** How long a cancelled job may take to answer before the host is ended by force. */
  readonly cancelGraceMilliseconds?: number;
  readonly log: (level: LogLevel, text: string) => void;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

const CANCEL_GRACE_MS = 5000;

export class HostClient {
  readonly #options: HostClientOptions;
  #host: ForkedHost | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #disposed = false;

  constructor(options: HostClientOptions) {
    this.#options = options;
  }

  /** The running host's process; undefined when there is none. */
  get processId(): number | undefined {
    return this.#host?.pid;
  }

  /**
   * @throws AnalysisError, whose kind says why: refused input, cancelled, memory, a crash of the host, or a defect of ours.
   */
  async call<M extends Method>(method: M, request: RequestOf<M>, { signal, onProgress }: CallOptions = {}): Promise<ResultOf<M>> {
    if (this.#disposed) throw new AnalysisError({ kind: 'cancelled', message: t('The extension is shutting down.') });
    if (signal?.aborted === true) throw new AnalysisError({ kind: 'cancelled', message: t('The analysis was cancelled.') });
    clearTimeout(this.#idleTimer);
    const host = this.#runningHost();
    const { id, result } = host.start(method, request, onProgress);

    let grace: NodeJS.Timeout | undefined;
    const cancel = (): void => {
      host.cancel(id);
      grace = setTimeout(() => {
        if (!host.running(id)) return;
        this.#options.log('warning', `The ${method} analysis did not answer its cancellation; its host is replaced.`);
        this.#drop(host);
        host.kill(t('the analysis host had to be replaced because a cancelled job did not stop. Run the command again.'), id);
      }, this.#options.cancelGraceMilliseconds ?? CANCEL_GRACE_MS);
    };
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      return await result;
    } finally {
      signal?.removeEventListener('abort', cancel);
      clearTimeout(grace);
      this.#whenIdle();
    }
  }

  /** Ends the host, with whatever runs in it; the next call starts a new one. */
  restart(): void {
    this.#stop(t('the analysis host was restarted. Run the command again.'));
  }

  dispose(): void {
    this.#disposed = true;
    this.#stop(t('the extension is shutting down.'));
  }

  #runningHost(): ForkedHost {
    if (this.#host?.alive === true) return this.#host;
    const host: ForkedHost = new ForkedHost({
      hostPath: this.#options.hostPath,
      tensorflowFolder: this.#options.tensorflowFolder,
      memoryLimitBytes: this.#options.memoryLimitBytes(),
      log: this.#options.log,
      ended: () => {
        this.#drop(host);
      },
    });
    this.#host = host;
    return host;
  }

  #stop(reason: string): void {
    clearTimeout(this.#idleTimer);
    const host = this.#host;
    if (host === undefined) return;
    this.#drop(host);
    host.kill(reason);
  }

  #drop(host: ForkedHost): void {
    if (this.#host === host) this.#host = undefined;
  }

  #whenIdle(): void {
    clearTimeout(this.#idleTimer);
    const host = this.#host;
    if (host?.idle !== true) return;
    this.#idleTimer = setTimeout(() => {
      if (!host.idle) return;
      this.#options.log('info', 'The analysis host is stopped until it is needed again.');
      this.#drop(host);
      host.kill(t('it was idle.'));
    }, this.#options.idleMilliseconds());
    // Nothing to wait for: the process that asks may end.
    this.#idleTimer.unref();
  }
}
