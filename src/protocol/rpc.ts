/**
 * Messages between a client and the analysis host. Every call ends in exactly one `result`; errors cross the border as values.
 */
import type { AnalysisService } from './service.ts';

export type Method = keyof AnalysisService;
export type RequestOf<M extends Method> = Parameters<AnalysisService[M]>[0];
export type ResultOf<M extends Method> = ReturnType<AnalysisService[M]>;

export interface Progress {
  /** What is being done, for people: "Training network 2,400 of 10,000". */
  readonly message: string;
  /** 0 to 1, absent when unknown. */
  readonly fraction?: number;
}

export type ToHost =
  | { readonly type: 'call'; readonly id: number; readonly method: Method; readonly request: RequestOf<Method> }
  | { readonly type: 'cancel'; readonly id: number };

export type FromHost =
  | { readonly type: 'progress'; readonly id: number; readonly progress: Progress }
  | { readonly type: 'log'; readonly level: 'info' | 'warning' | 'error'; readonly text: string }
  | { readonly type: 'result'; readonly id: number; readonly outcome: Outcome<ResultOf<Method>> }
  /** The host is about to end because it passed its memory limit; its jobs end with it. */
  | { readonly type: 'over-memory'; readonly residentBytes: number };

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: AnalysisFailure };

/**
 * - `input`: something the user gave cannot be used; the message says what and what to do.
 * - `cancelled`: the user stopped it.
 * - `memory`: it would not fit, or did not.
 * - `crash`: the host process ended while the job ran.
 * - `internal`: a defect of ours.
 */
export interface AnalysisFailure {
  readonly kind: 'input' | 'cancelled' | 'memory' | 'crash' | 'internal';
  readonly message: string;
  readonly stack?: string;
}

/** What an analysis gets besides its request. */
export interface JobContext {
  readonly signal: AbortSignal;
  readonly progress: (progress: Progress) => void;
  /** Bytes that one job may plan to use; it refuses beforehand, with the estimate, when it would need more. */
  readonly memoryLimitBytes: number;
}
