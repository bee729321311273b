/**
 * Long float64 work that can be cancelled. An algorithm is written once, as a generator that yields wherever it may be
 * interrupted (about every millisecond of work); `complete` runs it through, `interruptibly` gives the event loop a turn
 * every 50 ms, so that a cancel message can arrive, and checks the signal then.
 */
export type Interruptible<T> = Generator<void, T, void>;

const STRETCH_MILLISECONDS = 50;

/** Runs to the end without a pause: for small problems and tests. */
export function complete<T>(work: Interruptible<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** @throws the signal's reason once it is aborted, within one stretch */
export async function interruptibly<T>(work: Interruptible<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let stretchEnd = performance.now() + STRETCH_MILLISECONDS;
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (performance.now() >= stretchEnd) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      if (signal.aborted) {
        // Lets it give back what it holds.
        work.return(undefined as never);
        signal.throwIfAborted();
      }
      stretchEnd = performance.now() + STRETCH_MILLISECONDS;
    }
  }
}
