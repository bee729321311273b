/** Compiles the kernels (AssemblyScript) to WebAssembly: those of linear algebra once with relaxed SIMD, once without; those of statistics. */
import { mkdir, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { mustRun, root } from './run.ts';

const COMMON = ['--runtime', 'stub', '--noAssert', '--optimizeLevel', '3', '--shrinkLevel', '0', '--converge', '--enable', 'simd', '--enable', 'bulk-memory'];
const LINALG = {
  folder: 'src/linalg/kernels',
  source: 'src/linalg/kernels/index.ts',
  /** One shared memory of at most 4 GiB, given by the caller; its first page is the threads' control page. */
  options: ['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536', '--memoryBase', '65536', '--enable', 'threads'],
};
const STATISTICS = {
  folder: 'src/weights/kernels',
  source: 'src/weights/kernels/statistics.ts',
  /** A memory of its own; see `src/weights/statisticsKernel.ts` for what lies where. */
  options: ['--initialMemory', '161', '--memoryBase', '2048'],
};
const BUILDS = [
  { ...LINALG, file: 'dist/linalg.relaxed.wasm', options: [...LINALG.options, '--enable', 'relaxed-simd'] },
  { ...LINALG, file: 'dist/linalg.plain.wasm' },
  { ...STATISTICS, file: 'dist/statistics.wasm' },
] as const;

/** Writes all builds into `dist/`. */
export async function compileKernels(): Promise<void> {
  await mkdir(path.join(root, 'dist'), { recursive: true });
  await Promise.all(BUILDS.map(({ file, source, options }) => mustRun('asc', [source, '--outFile', file, ...COMMON, ...options])));
}

/** Compiles when a build is missing or older than a source; vitest calls it before the tests. */
export async function setup(): Promise<void> {
  const changed = async (file: string): Promise<number> => (await stat(path.join(root, file))).mtimeMs;
  const within = await Promise.all([LINALG, STATISTICS].map(async ({ folder }) => (await readdir(path.join(root, folder))).map((name) => `${folder}/${name}`)));
  const sources = [...within.flat(), 'build/kernels.ts'];
  const newest = Math.max(...(await Promise.all(sources.map(changed))));
  const builds = await Promise.all(BUILDS.map(({ file }) => changed(file).catch(() => 0)));
  if (Math.min(...builds) <= newest) await compileKernels();
}
