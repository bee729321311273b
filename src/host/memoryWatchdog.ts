/**
 * Keeps the host under its memory limit. V8's own limit sees the JavaScript heap only; weights live in array buffers, so what
 * counts here is the resident set of the whole process. It is sampled on a thread of its own, because the main thread is blind
 * for as long as an analysis computes without a pause.
 */
import { Worker } from 'node:worker_threads';
import { HOST_MEMORY_MARK } from '../protocol/hostProcess.ts';

const SAMPLE_MS = 200;
/** How long the main thread has to say goodbye in good order before the process is ended from here. */
const GRACE_MS = 2000;

/** Written as source text: the host stays one file, and this thread must not load the rest of it. */
const SAMPLER = `
const { parentPort, workerData } = require('node:worker_threads');
const { writeSync } = require('node:fs');
const { limitBytes, sampleMs, graceMs, mark } = workerData;
const timer = setInterval(() => {
  const rss = process.memoryUsage.rss();
  if (rss <= limitBytes) return;
  clearInterval(timer);
  parentPort.postMessage(rss);
  setTimeout(() => {
    writeSync(2, mark + ' ' + rss + ' of ' + limitBytes + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }, graceMs);
}, sampleMs);
`;

/**
 * @param limitBytes of resident memory
 * @param over called once, with the resident bytes, when the limit is passed. The process must end soon after: two seconds later
 *   it is ended by force, with a line on standard error from which the client knows the reason.
 */
export function watchMemory(limitBytes: number, over: (rss: number) => void): void {
  const worker = new Worker(SAMPLER, {
    eval: true,
    name: 'memory watchdog',
    workerData: { limitBytes, sampleMs: SAMPLE_MS, graceMs: GRACE_MS, mark: HOST_MEMORY_MARK },
    // The host's own heap limit in execArgv is not meant for a thread that holds a number.
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
  });
  worker.once('message', over);
  worker.unref();
}
