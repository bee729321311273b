// Bundles the programs: extension, analysis host, its threads, command line, programmatic interface (Node) and the webview's page script
// (browser); compiles the linear-algebra kernels beside them.
import { build, context } from 'esbuild';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { writeDeclarations } from './declarations.ts';
import { compileKernels } from './kernels.ts';

const watch = process.argv.includes('--watch');
const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
const root = fileURLToPath(new URL('..', import.meta.url));
const common = { absWorkingDir: root, bundle: true, logLevel: 'warning', define: { QUOTIENT_VERSION: JSON.stringify(version) } };
// Native TensorFlow is optional and never bundled: it is looked up at run time, in the host only.
const node = { ...common, platform: 'node', format: 'cjs', target: 'node22', sourcemap: true, external: ['vscode', '@tensorflow/tfjs-node'] };
// A bundle finds its neighbours in dist/ by its own folder, which CommonJS has under another name.
const cjs = { ...node, define: { ...node.define, 'import.meta.dirname': '__dirname' } };
const web = { ...common, platform: 'browser', format: 'iife', target: 'es2022', minify: true };

const programs = [
  { ...cjs, entryPoints: ['src/extension/extension.ts'], outfile: 'dist/extension.js' },
  // These three serve the same analyses: what they share is in files of its own, and each analysis is loaded when it is asked for.
  { ...node, format: 'esm', splitting: true, entryPoints: { host: 'src/host/main.ts', cli: 'src/cli/quotient.ts', index: 'src/api/index.ts' }, outdir: 'dist', outExtension: { '.js': '.mjs' }, chunkNames: '[name]-[hash]' },
  { ...cjs, entryPoints: ['src/linalg/engine/crew.ts'], outfile: 'dist/linalgCrew.js' },
  { ...node, format: 'esm', entryPoints: ['src/weights/hdf5Worker.ts'], outfile: 'dist/hdf5Worker.mjs', sourcemap: false, minify: true, charset: 'utf8' },
  { ...node, format: 'esm', entryPoints: ['src/weights/statisticsWorker.ts'], outfile: 'dist/statisticsWorker.mjs' },
  { ...node, format: 'esm', entryPoints: ['src/posterior/hmcWorker.ts'], outfile: 'dist/hmcWorker.mjs', sourcemap: false, minify: true, charset: 'utf8' },
  { ...node, format: 'esm', entryPoints: ['src/posterior/diffusionWorker.ts'], outfile: 'dist/diffusionWorker.mjs', sourcemap: false, minify: true, charset: 'utf8' },
  { ...cjs, entryPoints: ['src/tensorflow/tensorflowProcess.ts'], outfile: 'dist/tensorflow.js', sourcemap: false, minify: true },
  { ...web, entryPoints: ['webview/page.ts'], outfile: 'dist/page.js', loader: { '.css': 'text' } },
  { ...web, entryPoints: ['webview/plotly.ts'], outfile: 'dist/plotly.js' },
];

await rm(`${root}dist`, { recursive: true, force: true });
await mkdir(`${root}dist`);
await compileKernels();
await writeDeclarations(root);
// The HDF5 library and its WebAssembly wrapping go into the worker, and their notices beside it.
const notices = await Promise.all(['node_modules/h5wasm/LICENSE.txt', 'build/hdf5.LICENSE.txt'].map((file) => readFile(`${root}${file}`, 'utf8')));
await writeFile(`${root}dist/hdf5Worker.LICENSE.txt`, notices.join('\n'));
// TensorFlow.js likewise, with its WebAssembly; threads and processors without SIMD are left out.
await copyFile(`${root}node_modules/@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-simd.wasm`, `${root}dist/tfjs-backend-wasm-simd.wasm`);
await copyFile(`${root}build/tensorflow.LICENSE.txt`, `${root}dist/tensorflow.LICENSE.txt`);
if (watch) {
  for (const program of programs) await (await context({ ...program, logLevel: 'info' })).watch();
} else {
  await Promise.all(programs.map((program) => build(program)));
}
