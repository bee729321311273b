// Bundles the four programs: extension, analysis host, command line (Node) and the webview's page script (browser).
import { build, context } from 'esbuild';
import { mkdir, readFile, rm } from 'node:fs/promises';

const watch = process.argv.includes('--watch');
const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
const root = new URL('..', import.meta.url).pathname;
const common = { absWorkingDir: root, bundle: true, logLevel: 'warning', define: { QUOTIENT_VERSION: JSON.stringify(version) } };
// Native TensorFlow is optional and never bundled: it is looked up at run time, in the host only.
const node = { ...common, platform: 'node', format: 'cjs', target: 'node22', sourcemap: true, external: ['vscode', '@tensorflow/tfjs-node'] };
const web = { ...common, platform: 'browser', format: 'iife', target: 'es2022', minify: true };

const programs = [
  { ...node, entryPoints: ['src/extension/extension.ts'], outfile: 'dist/extension.js' },
  { ...node, entryPoints: ['src/host/main.ts'], outfile: 'dist/host.js' },
  { ...node, format: 'esm', entryPoints: ['src/cli/main.ts'], outfile: 'dist/cli.mjs', banner: { js: '#!/usr/bin/env node' } },
  { ...web, entryPoints: ['webview/page.ts'], outfile: 'dist/page.js', loader: { '.css': 'text' } },
];

await rm(`${root}dist`, { recursive: true, force: true });
await mkdir(`${root}dist`);
if (watch) {
  for (const program of programs) await (await context({ ...program, logLevel: 'info' })).watch();
} else {
  await Promise.all(programs.map((program) => build(program)));
}
