/**
 * How long a hover over a path waits for what the file holds, from the question to the answer of the analysis host: the first of a session, which
 * starts the host; the first of a format, when the host has read a file of another one; and one for a file of a format that it has
 * read. The headers of the first files that a document names are read when it opens: a hover over them waits for none of this. What the
 * extension itself and VS Code's own delay (300 ms as it comes) add is not in it. Needs `npm run build`.
 * Usage: node test/bench/hover.ts
 */
import path from 'node:path';
import { HostClient } from '../../src/extension/hostClient.ts';

const root = path.join(import.meta.dirname, '../..');
const file = (name: string): string => path.join(root, 'test/fixtures', name);
const files = ['weights/edges.safetensors', 'numpy/deflated.npz', 'keras/keras3.keras', 'architectures/resnet18.onnx'].map(file);
const REPEATS = 11;

const client = (): HostClient => new HostClient({ hostPath: path.join(root, 'dist/host.mjs'), memoryLimitBytes: () => 2 ** 31, idleMilliseconds: () => 60_000, log: () => undefined });

async function milliseconds(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const times: Record<'cold' | 'first' | 'other', number[]>[] = [];
for (const name of files) {
  const of: (typeof times)[number] = { cold: [], first: [], other: [] };
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const cold = client();
    of.cold.push(await milliseconds(() => cold.call('summarize', { file: name })));
    of.other.push(await milliseconds(() => cold.call('summarize', { file: name })));
    cold.dispose();
    const started = client();
    await started.call('summarize', { file: name.endsWith('.npz') ? file('weights/edges.safetensors') : file('numpy/deflated.npz') });
    of.first.push(await milliseconds(() => started.call('summarize', { file: name })));
    started.dispose();
  }
  times.push(of);
}
console.log(`${'hover over a path (ms)'.padEnd(34)}${'host starts'.padStart(13)}${'first of it'.padStart(13)}${'at work'.padStart(13)}`);
for (const [i, { cold, first, other }] of times.entries()) console.log(`  ${path.basename(files[i] ?? '').padEnd(32)}${[cold, first, other].map((values) => median(values).toFixed(1).padStart(13)).join('')}`);
