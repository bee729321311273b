/**
 * Parallel regions over one shared memory. Every thread has its own instance of this module; the conductor (thread 0) names an
 * operation, its arguments lie in the control page, all threads perform their part, and the conductor goes on when all are done.
 * Waiting spins briefly before it sleeps, because regions follow each other within microseconds.
 */
import { perform } from './operations';

/** The control page: one cache line for each word that several threads write. */
const EPOCH: usize = 1024;
const SLEEPERS: usize = 1088;
const DONE: usize = 1152;
const CONDUCTOR_SLEEPS: usize = 1216;
const ARRIVED: usize = 1280;
const GENERATION: usize = 1344;
const BARRIER_SLEEPERS: usize = 1408;
const NEXT: usize = 1472;
const OPERATION: usize = 1536;
const THREADS: usize = 1540;
const CREW: usize = 1544;
const ARGUMENTS: usize = 2048;

const SPIN: i32 = 20000;
const QUIT: i32 = 0;

// @ts-ignore: decorator
@inline export function argument<T>(k: i32): T {
  return load<T>(ARGUMENTS + (<usize>k << 3));
}

// @ts-ignore: decorator
@inline export function setArgument<T>(k: i32, value: T): void {
  store<T>(ARGUMENTS + (<usize>k << 3), value);
}

/** Takes the next number of a region's shared count: 0, 1, 2, … */
// @ts-ignore: decorator
@inline export function takeNext(): i32 {
  return atomic.add<i32>(NEXT, 1);
}

// @ts-ignore: decorator
@inline export function resetNext(): void {
  atomic.store<i32>(NEXT, 0);
}

function awaitChange(address: usize, seen: i32, sleepers: usize): void {
  for (let spin = 0; spin < SPIN; spin++) if (atomic.load<i32>(address) != seen) return;
  atomic.add<i32>(sleepers, 1);
  while (atomic.load<i32>(address) == seen) atomic.wait<i32>(address, seen, -1);
  atomic.sub<i32>(sleepers, 1);
}

/** All threads of a region wait for each other. */
export function barrier(threads: i32): void {
  if (threads == 1) return;
  const generation = atomic.load<i32>(GENERATION);
  if (atomic.add<i32>(ARRIVED, 1) == threads - 1) {
    atomic.store<i32>(ARRIVED, 0);
    atomic.add<i32>(GENERATION, 1);
    if (atomic.load<i32>(BARRIER_SLEEPERS) > 0) atomic.notify(GENERATION, -1);
  } else {
    awaitChange(GENERATION, generation, BARRIER_SLEEPERS);
  }
}

/** How many threads other than the conductor take part. */
export function setCrew(count: i32): void {
  store<i32>(CREW, count);
}

/** Runs an operation whose arguments are set, on at most `threads` threads; the conductor calls it. */
export function region(operation: i32, threads: i32): void {
  const crew = load<i32>(CREW);
  if (threads > crew + 1) threads = crew + 1;
  resetNext();
  if (threads <= 1) {
    perform(operation, 0, 1);
    return;
  }
  store<i32>(THREADS, threads);
  release(operation, crew);
  perform(operation, 0, threads);
  awaitCrew(crew);
}

function release(operation: i32, crew: i32): void {
  store<i32>(OPERATION, operation);
  atomic.store<i32>(DONE, 0);
  atomic.add<i32>(EPOCH, 1);
  if (atomic.load<i32>(SLEEPERS) > 0) atomic.notify(EPOCH, -1);
}

function awaitCrew(crew: i32): void {
  for (let spin = 0; spin < SPIN; spin++) if (atomic.load<i32>(DONE) == crew) return;
  atomic.store<i32>(CONDUCTOR_SLEEPS, 1);
  for (;;) {
    const done = atomic.load<i32>(DONE);
    if (done == crew) break;
    atomic.wait<i32>(DONE, done, -1);
  }
  atomic.store<i32>(CONDUCTOR_SLEEPS, 0);
}

/** Sends every thread of the crew back to its caller. */
export function dismiss(): void {
  release(QUIT, load<i32>(CREW));
}

/**
 * One region of a crew member's life; its thread calls it again and again. (A loop in here would be one endless call, which an
 * engine never recompiles with optimisation.)
 * @param seen regions that this member has been through since the memory was made
 * @returns 0 when it is dismissed
 */
export function serve(thread: i32, seen: i32): i32 {
  awaitChange(EPOCH, seen, SLEEPERS);
  const operation = load<i32>(OPERATION);
  if (operation == QUIT) return 0;
  const threads = load<i32>(THREADS);
  if (thread < threads) perform(operation, thread, threads);
  atomic.add<i32>(DONE, 1);
  if (atomic.load<i32>(CONDUCTOR_SLEEPS) > 0) atomic.notify(DONE, 1);
  return 1;
}
