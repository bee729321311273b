/** At most one message an interval, the first at once, the newest always: with a clock that the test moves. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import fc from 'fast-check';
import { PROGRESS_INTERVAL_MS, throttleProgress } from '../../../src/host/progressThrottle.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('whatever the rhythm of the reports, sends them in order, seldom enough, and the last one in the end', () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 3 * PROGRESS_INTERVAL_MS }), { minLength: 1, maxLength: 60 }), (pauses) => {
    const sent: { at: number; step: number }[] = [];
    const { report, stop } = throttleProgress((progress) => sent.push({ at: performance.now(), step: progress.fraction ?? -1 }));
    for (const [step, pause] of pauses.entries()) {
      report({ message: '', fraction: step });
      vi.advanceTimersByTime(pause);
    }
    vi.advanceTimersByTime(PROGRESS_INTERVAL_MS);
    stop();
    expect(sent[0]?.step).toBe(0);
    expect(sent.at(-1)?.step).toBe(pauses.length - 1);
    for (const [i, message] of sent.entries()) {
      const before = sent[i - 1];
      if (before === undefined) continue;
      expect(message.step).toBeGreaterThan(before.step);
      expect(message.at - before.at).toBeGreaterThanOrEqual(PROGRESS_INTERVAL_MS);
    }
  }));
});

it('sends by the clock in a synchronous stretch, where no timer fires', () => {
  const sent: string[] = [];
  const { report } = throttleProgress((progress) => sent.push(progress.message));
  report({ message: 'first' });
  const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + PROGRESS_INTERVAL_MS);
  report({ message: 'second' });
  clock.mockRestore();
  expect(sent).toEqual(['first', 'second']);
});

it('sends nothing once the job has ended', () => {
  const sent: string[] = [];
  const { report, stop } = throttleProgress((progress) => sent.push(progress.message));
  report({ message: 'first' });
  report({ message: 'waiting' });
  stop();
  report({ message: 'late' });
  vi.advanceTimersByTime(10 * PROGRESS_INTERVAL_MS);
  expect(sent).toEqual(['first']);
});
