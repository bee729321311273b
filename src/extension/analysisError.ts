/** A failed analysis as an exception on the client's side of the border; the failure itself travelled as a value. */
import type { AnalysisFailure } from '../protocol/rpc.ts';

export class AnalysisError extends Error {
  override readonly name = 'AnalysisError';
  readonly kind: AnalysisFailure['kind'];
  /** The stack inside the host, for the log. */
  readonly hostStack: string | undefined;

  constructor(failure: AnalysisFailure) {
    super(failure.message);
    this.kind = failure.kind;
    this.hostStack = failure.stack;
  }
}

/** Whether the user stopped it himself and needs to be told nothing. */
export function isCancellation(error: unknown): boolean {
  return error instanceof AnalysisError && error.kind === 'cancelled';
}

/** Whether the sentence is about what was given, and there is nothing more to say. */
export function isRefusal(error: unknown): boolean {
  return error instanceof AnalysisError && (error.kind === 'input' || error.kind === 'memory');
}
