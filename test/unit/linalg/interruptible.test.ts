/** Cancellation: work stops at the next stretch, the event loop gets turns, and the result is the same as without pauses. */
import { describe, expect, test } from 'vitest';
import { complete, interruptibly, type Interruptible } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { singularValues, singularValuesOf } from '../../../src/linalg/singularValues.ts';
import { gaussian } from './matrices.ts';

function* endless(steps: { count: number }): Interruptible<never> {
  for (;;) {
    for (const end = performance.now() + 1; performance.now() < end;);
    steps.count++;
    yield;
  }
}

describe('interruptible work', () => {
  test('gives the result of an uninterrupted run', async () => {
    const a = gaussian(seededRandom(1), 20, 12);
    const signal = new AbortController().signal;
    expect(Array.from(await interruptibly(singularValues(a, 20, 12), signal))).toEqual(Array.from(singularValuesOf(a, 20, 12)));
    expect(complete((function* (): Interruptible<number> { yield; return 7; })())).toBe(7);
  });

  test('lets a timer fire while it runs, and stops with the reason that the timer gives', async () => {
    const stop = new AbortController();
    const steps = { count: 0 };
    setTimeout(() => { stop.abort(new Error('the user stopped it')); }, 5);
    await expect(interruptibly(endless(steps), stop.signal)).rejects.toThrow('the user stopped it');
    expect(steps.count).toBeGreaterThan(0);
  });

  test('lets what is stopped give back what it holds, inner work first', async () => {
    const stop = new AbortController();
    const given: string[] = [];
    function* holding(what: string, inner: () => Interruptible<never>): Interruptible<never> {
      try {
        return yield* inner();
      } finally {
        given.push(what);
      }
    }
    setTimeout(() => { stop.abort(); }, 5);
    await expect(interruptibly(holding('outer', () => holding('inner', () => endless({ count: 0 }))), stop.signal)).rejects.toThrow();
    expect(given).toEqual(['inner', 'outer']);
  });

  test('does not begin when the signal is aborted already', async () => {
    const steps = { count: 0 };
    await expect(interruptibly(endless(steps), AbortSignal.abort())).rejects.toThrow();
    expect(steps.count).toBe(0);
  });
});
