/** What a client and the analysis host agree on besides messages: how the host is started and how it says why it ended. */
import { formatBytes } from './format.ts';

/** Argument of the host's process: bytes of resident memory that it may use, `--memory-limit-bytes=N`. */
export const MEMORY_LIMIT_ARGUMENT = '--memory-limit-bytes=';

/** Part of the limit that the runtime itself takes; jobs plan with the rest. */
export const RUNTIME_RESERVE_BYTES = 128 * 2 ** 20;

/** Begins the last line on standard error of a host that had to be ended for its memory while it was computing. */
export const HOST_MEMORY_MARK = 'quotient-host: over the memory limit:';

/** The sentence for a job that was ended because the host passed its limit. */
export function overMemoryLimit(job: string, limitBytes: number): string {
  return `The ${job} analysis was stopped: the analysis host passed its memory limit of ${formatBytes(limitBytes)}. `
    + 'Raise "quotient.host.memoryLimit" in the settings, or analyse less at once.';
}
