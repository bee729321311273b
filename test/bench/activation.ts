/**
 * What is installed and what is loaded: sizes of the package and its programs, how much of the processor's time the extension's code takes to load and to activate, and what the
 * analysis host loads before it is ready, for a hover, and for analyses. Activation is measured against a stand-in for VS Code that takes
 * registrations and does nothing: our own share of it. Needs `npm run package`.
 * Usage: node test/bench/activation.ts
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { analysisFile, dist, loadedWith, standIn } from '../e2e/bundles.ts';
import { record } from './record.ts';

const root = path.join(import.meta.dirname, '../..');
const REPEATS = 9;
const kibibytes = (bytes: number): string => `${Math.round(bytes / 1024).toLocaleString('en')} KiB`;
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const line = (name: string, ...cells: readonly string[]): void => { console.log(`  ${name.padEnd(44)}${cells.map((cell) => cell.padStart(14)).join('')}`); };

const bytes = (files: Iterable<string>): number => [...files].reduce((sum, file) => sum + statSync(path.join(dist, file)).size, 0);

/** Median of the milliseconds that a script prints, in a fresh Node each time. */
function inFreshNode(script: string): number {
  return median(Array.from({ length: REPEATS }, () => Number(execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' }))));
}

console.log('sizes');
line('', 'bytes', 'gzip');
for (const [name, file] of [['quotient.vsix', path.join(root, 'out/quotient.vsix')], ['extension.js (every window)', path.join(dist, 'extension.js')], ['page.js (a panel)', path.join(dist, 'page.js')], ['plotly.js (its first plot)', path.join(dist, 'plotly.js')], ['hdf5Worker.mjs (an HDF5 file)', path.join(dist, 'hdf5Worker.mjs')]] as const) {
  line(name, kibibytes(statSync(file).size), name.endsWith('vsix') ? '' : kibibytes(gzipSync(readFileSync(file)).length));
}

console.log('analysis host: code loaded, and milliseconds of the processor to load it');
const host = loadedWith('host.mjs');
line('to be ready', kibibytes(bytes(host)));
const all = readdirSync(dist).filter((file) => file.endsWith('.mjs') && !/^(?:cli|index|hdf5Worker|diffusionWorker|hmcWorker|statisticsWorker)\.mjs$/.test(file));
for (const [name, what] of [['summarize', 'for a hover'], ['inspect', 'for the viewer'], ['rank', 'for rank'], ['posterior', 'for posterior'], ['predict', 'for predict']] as const) {
  const files = new Set([...host, ...loadedWith(analysisFile(name))]);
  const url = JSON.stringify(new URL(`../../dist/${analysisFile(name)}`, import.meta.url).href);
  line(what, kibibytes(bytes(files)), `${inFreshNode(`const used = process.cpuUsage(); await import(${url}); const { user, system } = process.cpuUsage(used); console.log((user + system) / 1000);`).toFixed(1)} ms`);
}
line('all of it', kibibytes(bytes(all)));

/** The window's own extension host has these already. */
const ready = `${standIn(root)} for (const name of ['child_process', 'crypto', 'fs', 'fs/promises', 'os', 'path', 'util']) require('node:' + name);`;
console.log('extension, milliseconds of the processor in a window that shows no weight file');
const now = 'const now = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };';
const timed = (what: string): number => inFreshNode(`${ready} ${now} const t0 = now(); const extension = require('./dist/extension.js'); const t1 = now(); extension.activate(context); const t2 = now(); console.log(${what}); process.exit(0);`);
const [loading, activating] = [timed('t1 - t0'), timed('t2 - t1')];
line('load', '', `${loading.toFixed(1)} ms`);
line('activate', '', `${activating.toFixed(1)} ms`);
record({ what: 'size of the extension', value: kibibytes(statSync(path.join(root, 'out/quotient.vsix')).size) });
record({ what: 'loading and activating the extension, processor time', value: `${(loading + activating).toFixed(1)} ms` });
