/** Compiles the linear-algebra kernels (AssemblyScript) to WebAssembly: once with relaxed SIMD, once without. */
import { mkdir, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { mustRun, root } from './run.ts';

const SOURCES = 'src/linalg/kernels';
/** One shared memory of at most 4 GiB, given by the caller; its first page is the threads' control page. */
const OPTIONS = [
  '--runtime', 'stub', '--noAssert', '--optimizeLevel', '3', '--shrinkLevel', '0', '--converge',
  '--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536', '--memoryBase', '65536',
  '--enable', 'simd', '--enable', 'threads', '--enable', 'bulk-memory',
];
const BUILDS = [
  { file: 'dist/linalg.relaxed.wasm', options: ['--enable', 'relaxed-simd'] },
  { file: 'dist/linalg.plain.wasm', options: [] },
] as const;

/** Writes both builds into `dist/`. */
export async function compileKernels(): Promise<void> {
  await mkdir(path.join(root, 'dist'), { recursive: true });
  await Promise.all(BUILDS.map(({ file, options }) => mustRun('asc', [`${SOURCES}/index.ts`, '--outFile', file, ...OPTIONS, ...options])));
}

/** Compiles when a build is missing or older than a source; vitest calls it before the tests. */
export async function setup(): Promise<void> {
  const changed = async (file: string): Promise<number> => (await stat(path.join(root, file))).mtimeMs;
  const sources = [...(await readdir(path.join(root, SOURCES))).map((name) => `${SOURCES}/${name}`), 'build/kernels.ts'];
  const newest = Math.max(...(await Promise.all(sources.map(changed))));
  const builds = await Promise.all(BUILDS.map(({ file }) => changed(file).catch(() => 0)));
  if (Math.min(...builds) <= newest) await compileKernels();
}
