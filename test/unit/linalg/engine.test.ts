/** The engine's threads and memory: they start and end with their process, do without each other, and give back what they took. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { gram } from '../../../src/linalg/dense/gram.ts';
import { symmetricEigenvalues } from '../../../src/linalg/dense/symmetricEigen.ts';
import { Engine } from '../../../src/linalg/engine/engine.ts';
import { Heap } from '../../../src/linalg/engine/heap.ts';
import { compileKernels } from '../../../src/linalg/engine/kernels.ts';
import { complete, interruptibly, type Interruptible } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { distance, gaussian, symmetrised } from './matrices.ts';

const root = path.join(import.meta.dirname, '../../..');

/** Runs a program of its own on this Node; resolves when it has ended by itself. */
async function ownProcess(body: string): Promise<string> {
  const source = `import { Engine } from './src/linalg/engine/engine.ts'; import { gram } from './src/linalg/dense/gram.ts'; ${body}`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', source], { cwd: root, timeout: 60_000 });
  return stdout.trim();
}

describe('engine', () => {
  test('a process ends although its threads wait for work', async () => {
    const script = "const engine = await Engine.start({ threads: 3 }); const c = await gram(new Float64Array(90000).fill(1), 300, 300, {}, engine); console.log(engine.threads, c[0]);";
    expect(await ownProcess(script)).toBe('3 300');
  });

  test('takes the relaxed-SIMD build where the runtime accepts it, the plain one where it does not', async () => {
    expect((await compileKernels()).build).toBe('relaxed');
    // A runtime without relaxed SIMD rejects the module that uses it.
    const accepts = vi.spyOn(WebAssembly, 'validate').mockReturnValue(false);
    try {
      expect((await compileKernels()).build).toBe('plain');
    } finally {
      accepts.mockRestore();
    }
  });

  test('goes on alone when its threads have ended', async () => {
    const engine = await Engine.start({ threads: 2 });
    const a = gaussian(seededRandom(1), 200, 100);
    const before = await gram(a, 200, 100, {}, engine);
    await engine.stop();
    expect(engine.threads).toBe(1);
    expect(distance(await gram(a, 200, 100, {}, engine), before)).toBe(0);
  });

  test('computations that run at the same time do not disturb each other', async () => {
    const engine = await Engine.start({ threads: 2 });
    const matrices = [150, 220, 310].map((n) => ({ n, a: symmetrised(gaussian(seededRandom(n), n, n), n) }));
    const alone = [];
    for (const { a, n } of matrices) alone.push(await symmetricEigenvalues(a, n, {}, engine));
    expect(await Promise.all(matrices.map(({ a, n }) => symmetricEigenvalues(a, n, {}, engine)))).toEqual(alone);
    await engine.stop();
  });

  test('works on after its memory was given back', async () => {
    const engine = await Engine.start({ threads: 2 });
    const a = gaussian(seededRandom(2), 3000, 3);
    const first = await gram(a, 3000, 3, {}, engine);
    const grown = engine.memoryBytes;
    expect(grown).toBeGreaterThan(64 * 2 ** 20);
    await expect.poll(() => engine.memoryBytes, { timeout: 20_000, interval: 200 }).toBeLessThan(grown);
    expect(distance(await gram(a, 3000, 3, {}, engine), first)).toBe(0);
    expect(engine.threads).toBe(2);
    await engine.stop();
  });

  test('what an aborted or failed computation took is free again', async () => {
    const engine = await Engine.start({ threads: 1 });
    const take = async (fail: boolean): Promise<number> => engine.run('A test', 8e6, {}, function* (scope) {
      const address = scope.allocate(1e6);
      yield;
      if (fail) throw new Error('as planned');
      return address;
    });
    const address = await take(false);
    await expect(take(true)).rejects.toThrow('as planned');
    expect(await take(false)).toBe(address);
  });

  test('within a longer algorithm it is lent, and comes back however that ends', async () => {
    const engine = await Engine.start({ threads: 1 });
    const outcomes = { end: 0, fail: 0, wait: 0 };
    function* step(outcome: keyof typeof outcomes): Interruptible<number> {
      return yield* engine.within('A test', function* (scope) {
        const address = scope.allocate(1e6);
        outcomes[outcome] = address;
        scope.view(address, 1e6).fill(1);
        // Another step in its midst has memory of its own.
        const inner = yield* engine.within('Inside', function* (inside): Interruptible<number> {
          yield;
          const own = inside.allocate(1000);
          inside.view(own, 1000).fill(2);
          return own;
        });
        expect(inner >= address + 8e6 || inner + 8000 <= address).toBe(true);
        expect(scope.view(address, 1e6).every((value) => value === 1)).toBe(true);
        if (outcome === 'fail') throw new Error('as planned');
        while (outcome === 'wait') yield;
        return address;
      });
    }
    complete(step('end'));
    expect(() => complete(step('fail'))).toThrow('as planned');
    const stop = new AbortController();
    setTimeout(() => { stop.abort(new Error('enough')); }, 20);
    await expect(interruptibly(step('wait'), stop.signal)).rejects.toThrow('enough');
    // Each found the memory of the one before it free again.
    expect(outcomes).toEqual({ end: outcomes.end, fail: outcomes.end, wait: outcomes.end });
    expect(complete(step('end'))).toBe(outcomes.end);
  });

  test('its memory is not given back while it is lent', async () => {
    const engine = await Engine.start({ threads: 1 });
    const held = engine.within('A test', function* (scope): Interruptible<number> {
      const values = scope.view(scope.allocate(2e7), 2e7);
      values[12345] = 7;
      yield;
      return values[12345];
    });
    held.next();
    const grown = engine.memoryBytes;
    expect(grown).toBeGreaterThan(1.6e8);
    // Longer than an idle engine keeps it; other computations come and go meanwhile.
    await gram(Float64Array.of(1, 2), 2, 1, {}, engine);
    await new Promise<void>((resolve) => { setTimeout(resolve, 3000); });
    expect(engine.memoryBytes).toBeGreaterThanOrEqual(grown);
    expect(held.next()).toEqual({ done: true, value: 7 });
    await expect.poll(() => engine.memoryBytes, { timeout: 20_000, interval: 200 }).toBeLessThan(grown);
    await engine.stop();
  });

  test('computes beyond the first two gigabytes of its memory as within', async () => {
    const engine = await Engine.start({ threads: 2 });
    const a = gaussian(seededRandom(3), 150, 60);
    const within = await gram(a, 150, 60, {}, engine);
    const eigenvalues = await symmetricEigenvalues(within, 150, {}, engine);
    let done = false;
    const held = engine.run('A test', 2.3e9, {}, function* (scope) {
      // Nothing is written there, so the system need not provide it.
      scope.allocate(2.3e9 / 8);
      // Holds it, a turn of the event loop at a time, while the others compute.
      while (!done) yield;
    });
    const beyond = await gram(a, 150, 60, {}, engine);
    const beyondEigenvalues = await symmetricEigenvalues(beyond, 150, {}, engine);
    done = true;
    await held;
    expect(engine.memoryBytes).toBeGreaterThan(2.3e9);
    expect(distance(beyond, within)).toBe(0);
    expect(distance(beyondEigenvalues, eigenvalues)).toBe(0);
    await engine.stop();
  });

  test('says beforehand what cannot be addressed', async () => {
    const engine = await Engine.start({ threads: 1 });
    await expect(engine.run('A test', 2 ** 32, {}, function* () { yield; })).rejects.toThrow('A test would need about 4 GiB, more than the 4 GiB that the linear algebra can address.');
  });
});

test('the heap gives out disjoint blocks and takes the lowest that is free', () => {
  const heap = new Heap(1000);
  const a = heap.allocate(100);
  const b = heap.allocate(64);
  const c = heap.allocate(1);
  expect([a % 64, b % 64, c % 64]).toEqual([0, 0, 0]);
  expect(b).toBeGreaterThanOrEqual(a + 100);
  expect(c).toBeGreaterThanOrEqual(b + 64);
  heap.release(a);
  expect(heap.allocate(200)).toBeGreaterThan(c);
  expect(heap.allocate(128)).toBe(a);
  expect(heap.empty).toBe(false);
});
