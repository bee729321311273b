#!/usr/bin/env node
/** The process that `quotient` is: its pipes, what interrupts it, and its exit code. */
import { constants } from 'node:os';
import { INTERRUPTED, main } from './main.ts';

// A reader that has seen enough (`quotient inspect … | head`) closes the pipe; that is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`quotient: the result cannot be written to standard output: ${error.code === 'ENOSPC' ? 'the disk is full' : error.message}\n`);
  process.exit(1);
});
// Nobody reads progress and warnings (`quotient … 2>&1 | head`), or they have no room: the work itself goes on, and its end is what counts.
process.stderr.on('error', () => undefined);
const interrupt = new AbortController();
/** How shells say by which signal a process was asked to end. */
let ended = 0;
// Ctrl-C, a job's time that is up, a terminal that was closed: half-written files are taken away. Asked twice, it ends at once.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    ended = 128 + constants.signals[signal];
    interrupt.abort();
  });
}
// On an older one, work on all cores can stop without a word.
const OLDEST_NODE = '22.15.0';
if (process.versions.node.localeCompare(OLDEST_NODE, 'en', { numeric: true }) < 0) {
  process.stderr.write(`quotient: Node ${process.versions.node} is too old; ${OLDEST_NODE} or newer is needed.\n`);
  process.exit(1);
}
const code = await main(process.argv.slice(2), { stdout: process.stdout, stderr: process.stderr, signal: interrupt.signal });
process.exitCode = code === INTERRUPTED ? ended : code;
