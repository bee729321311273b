/**
 * How an exception inside the host becomes a value on the wire. The order matters: a cancelled job often dies of some other
 * error on its way out, and a memory refusal is also an error that the user can act on.
 */
import type { AnalysisFailure } from '../protocol/rpc.ts';
import { MemoryLimitError, UserError } from '../protocol/userError.ts';

/** @param signal of the job that threw, when there is one. */
export function failureOf(error: unknown, signal?: AbortSignal): AnalysisFailure {
  if (error instanceof MemoryLimitError) return { kind: 'memory', message: error.message };
  if (error instanceof UserError) return { kind: 'input', message: error.message };
  if (signal?.aborted === true && isAbort(error, signal)) return { kind: 'cancelled', message: 'The analysis was cancelled.' };
  if (error instanceof RangeError && /Array buffer allocation failed|Invalid (typed )?array length/i.test(error.message)) {
    return { kind: 'memory', message: `The analysis needed an array larger than this process can hold (${error.message}).` };
  }
  if (error instanceof Error) {
    return { kind: 'internal', message: error.message || error.name, ...(error.stack === undefined ? {} : { stack: error.stack }) };
  }
  return { kind: 'internal', message: `Something that is not an error was thrown: ${String(error)}` };
}

/** `signal.throwIfAborted()` throws the reason itself; file and timer functions throw an AbortError of their own. */
function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError');
}
