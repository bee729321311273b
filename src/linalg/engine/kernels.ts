/** The compiled kernels: where the builds lie, which of them this processor and this runtime take, and what they export. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** Addresses and counts as `src/linalg/kernels` says at each function. */
export interface Kernels {
  serve(thread: number, seen: number): number;
  setCrew(count: number): void;
  setTileRows(rows: 4 | 6): void;
  dismiss(): void;
  gemmSlab(
    threads: number, m: number, n: number, k: number,
    a: number, aRow: number, aDepth: number, b: number, bDepth: number, bColumn: number,
    c: number, ldc: number, alpha: number, add: number, triangle: number,
    packA: number, packB: number, blockRows: number,
  ): void;
  addWeighted(threads: number, y: number, w: number, x: number, inputs: number, columns: number, seeds: number): void;
  rotate(x: number, y: number, count: number, c: number, s: number): void;
  tridiagonalPanel(
    threads: number, a: number, lda: number, order: number, count: number, width: number, panel: number, ldp: number, products: number,
    diagonal: number, off: number, tau: number, threaded: number,
  ): void;
  tridiagonalLeaves(threads: number, leaves: number, starts: number, d: number, e: number, z: number, ld: number, failed: number): void;
  rankOneEigen(
    threads: number, k: number, d: number, z: number, z2: number, rho: number, roots: number, vectors: number, ld: number,
    entries: number, weights: number, scratch: number,
  ): void;
  reflector(x: number, count: number, beta: number): number;
  reflectRows(threads: number, v: number, count: number, tau: number, first: number, ld: number, rows: number, norms: number, originals: number): void;
  jacobiRound(
    threads: number, x: number, ldx: number, rows: number, length: number, g: number, ldg: number, gLength: number, squares: number,
    blocks: number, blockRows: number, round: number, tolerance: number,
  ): void;
  rowSquares(x: number, ld: number, rows: number, length: number, squares: number): void;
  gatherPatches(
    threads: number, values: number, inputStep: number, channels: number, area: number, table: number, size: number, windows: number,
    first: number, count: number, matrix: number, ld: number,
  ): void;
  scatterPatches(
    threads: number, values: number, inputStep: number, channels: number, area: number, table: number, size: number, windows: number,
    first: number, count: number, matrix: number, ld: number,
  ): void;
  packWeights(threads: number, w: number, m: number, k: number, slab: number, packed: number): void;
  convolve(
    threads: number, x: number, inputStep: number, channels: number, area: number, groups: number, table: number, size: number, windows: number, total: number,
    packed: number, outputs: number, slabChannels: number, y: number, columns: number, rows: number, scratch: number, scratchBytes: number,
    other: number, coefficients: number, flags: number, ceiling: number,
  ): void;
  windowRuns(table: number, size: number, windows: number, runs: number): void;
  convolvePlanes(
    threads: number, x: number, area: number, planes: number, outputs: number, multiplier: number, w: number, table: number, runs: number, size: number, windows: number, y: number,
    other: number, coefficients: number, flags: number, ceiling: number,
  ): void;
  pool(threads: number, x: number, area: number, planes: number, table: number, runs: number, size: number, windows: number, shares: number, y: number): void;
  finish(threads: number, from: number, to: number, planes: number, channels: number, area: number, other: number, coefficients: number, flags: number, ceiling: number): void;
  rectify(threads: number, values: number, rows: number, width: number, bias: number, slope: number): void;
  mix(threads: number, a: number, b: number, t: number, count: number, y: number): void;
  contractCotangents(threads: number, t: number, rows: number, columns: number, b: number, seeds: number, shift: number, h: number): void;
  spreadCotangents(threads: number, t: number, rows: number, columns: number, b: number, seeds: number, totals: number, c: number): void;
  choleskyBlock(a: number, ld: number, n: number): number;
  solveRows(threads: number, l: number, ldl: number, n: number, x: number, ldx: number, rows: number): void;
  substitute(threads: number, l: number, ldl: number, n: number, b: number, ldb: number, columns: number, transposed: number): void;
  keepCheapest(cost: number, n: number, reading: number, price: number, columnOf: number, rowOf: number, waiting: number): number;
  reduceColumns(cost: number, n: number, reading: number, price: number, columnOf: number, rowOf: number, waiting: number, least: number, offers: number): number;
  augmentRows(cost: number, n: number, reading: number, price: number, columnOf: number, rowOf: number, waiting: number, count: number, patience: number): number;
  augmentPath(
    cost: number, n: number, reading: number, price: number, columnOf: number, rowOf: number, start: number,
    distance: number, open: number, reached: number, predecessor: number, settled: number, free: number,
  ): void;
}

export type Build = 'relaxed' | 'plain';

/** Beside the bundle; in `dist/` when the sources run themselves. */
export function engineFile(name: string): string {
  const here = import.meta.dirname;
  const beside = path.join(here, name);
  return existsSync(beside) ? beside : path.join(here, '../../../dist', name);
}

/** The fastest build that the runtime accepts, or the one asked for. */
export async function compileKernels(build?: Build): Promise<{ readonly build: Build; readonly module: WebAssembly.Module }> {
  const relaxed = build === 'plain' ? undefined : await readFile(engineFile('linalg.relaxed.wasm'));
  if (relaxed !== undefined && WebAssembly.validate(relaxed)) return { build: 'relaxed', module: await WebAssembly.compile(relaxed) };
  return { build: 'plain', module: await WebAssembly.compile(await readFile(engineFile('linalg.plain.wasm'))) };
}

/**
 * Rows of a product's register tile. Six are some 6 % faster than four where they stay in registers: with one instruction for a
 * multiply-add, and V8 13 (Node 24) or newer; V8 12 and before spill them and lose a third.
 */
export function tileRows(build: Build): 4 | 6 {
  return build === 'relaxed' && Number.parseInt(process.versions.v8, 10) >= 13 ? 6 : 4;
}

export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  // The exports' types are those of the kernels' sources, which another compiler checks.
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
}
