/**
 * How long a hover over a path waits for what the file holds, from the question to the answer of the analysis host: the first of a session, which
 * starts the host; the first after the host was prepared, as it is when a document with such paths opens; and one for a file that was
 * not asked for before. What the extension itself and VS Code's own delay (300 ms as it comes) add is not in it. Needs `npm run build`.
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
const times: Record<'cold' | 'prepared' | 'other', number[]>[] = [];
for (const name of files) {
  const of: (typeof times)[number] = { cold: [], prepared: [], other: [] };
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const cold = client();
    of.cold.push(await milliseconds(() => cold.call('summarize', { file: name })));
    of.other.push(await milliseconds(() => cold.call('summarize', { file: name })));
    cold.dispose();
    const prepared = client();
    await prepared.call('prepare', { files: [name] });
    of.prepared.push(await milliseconds(() => prepared.call('summarize', { file: name })));
    prepared.dispose();
  }
  times.push(of);
}
console.log(`${'hover over a path (ms)'.padEnd(34)}${'host starts'.padStart(13)}${'prepared'.padStart(13)}${'at work'.padStart(13)}`);
for (const [i, { cold, prepared, other }] of times.entries()) console.log(`  ${path.basename(files[i] ?? '').padEnd(32)}${[cold, prepared, other].map((values) => median(values).toFixed(1).padStart(13)).join('')}`);
