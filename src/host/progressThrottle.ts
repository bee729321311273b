/**
 * Progress in a form that a window can take: at most one message in every tenth of a second a job, and always the newest. An
 * analysis may then report every step of an inner loop without a thought for the channel.
 */
import type { Progress } from '../protocol/rpc.ts';

export const PROGRESS_INTERVAL_MS = 100;

export interface ProgressThrottle {
  readonly report: (progress: Progress) => void;
  /** Drops what has not been sent and sends nothing more. */
  readonly stop: () => void;
}

/** The first report goes out at once; of those that follow within the interval, the last one at its end. */
export function throttleProgress(send: (progress: Progress) => void): ProgressThrottle {
  let lastSent = Number.NEGATIVE_INFINITY;
  let waiting: Progress | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const sendNow = (progress: Progress): void => {
    clearTimeout(timer);
    timer = undefined;
    waiting = undefined;
    lastSent = performance.now();
    send(progress);
  };
  return {
    report(progress) {
      if (stopped) return;
      const wait = lastSent + PROGRESS_INTERVAL_MS - performance.now();
      // Compared with the clock and not left to the timer alone: in a synchronous stretch no timer fires.
      if (wait <= 0) {
        sendNow(progress);
        return;
      }
      waiting = progress;
      timer ??= setTimeout(() => {
        if (waiting !== undefined) sendNow(waiting);
      }, wait);
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
