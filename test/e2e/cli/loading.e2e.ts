// What the package loads when: an extension that starts registers and does nothing else, a hover loads no analysis, and nobody but a panel loads Plotly.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { analysisFile, dist, loadedWith, standIn } from '../bundles.ts';

const root = path.resolve('.');
const text = (file: string): string => readFileSync(path.join(dist, file), 'utf8');
const kibibytes = (files: Iterable<string>): number => [...files].reduce((sum, file) => sum + statSync(path.join(dist, file)).size, 0) / 1024;
const analyses = ['inspect', 'diff', 'canonicalize', 'align', 'compare', 'rank', 'posterior', 'predict', 'example'].map(analysisFile);

test('activation starts no process, opens no file, and asks nobody', () => {
  const script = `${standIn(root)}
    const done = [];
    const watched = { 'node:child_process': ['fork', 'spawn', 'exec', 'execFile'], 'node:fs': ['readFileSync', 'openSync', 'statSync', 'readdirSync', 'existsSync', 'readFile', 'open', 'stat', 'readdir'], 'node:fs/promises': ['readFile', 'open', 'stat', 'readdir'] };
    const extension = require('./dist/extension.js');
    for (const [module, names] of Object.entries(watched)) for (const name of names) require(module)[name] = () => { done.push(module + ' ' + name); };
    extension.activate(context);
    await new Promise((resolve) => setTimeout(resolve, 200));
    process.stdout.write(JSON.stringify({ done, registered: context.subscriptions.length }), () => process.exit(0));`;
  const { done, registered } = JSON.parse(execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })) as { done: readonly string[]; registered: number };
  expect(done).toEqual([]);
  // Of commands alone there are more than twenty.
  expect(registered).toBeGreaterThan(30);
});

test('the extension brings no analysis and no Plotly; the host none of them before it is asked', () => {
  expect(/scatterpolargl|h5wasm|assemblyscript|SharedArrayBuffer/i.test(text('extension.js'))).toBe(false);
  expect(statSync(path.join(dist, 'extension.js')).size / 1024).toBeLessThan(300);
  expect(kibibytes(loadedWith('host.mjs'))).toBeLessThan(50);
});

test('a hover loads what reads a file and tells its network, and no analysis', () => {
  const hover = loadedWith(analysisFile('summarize'));
  expect([...hover].filter((file) => analyses.includes(file))).toEqual([]);
  expect(kibibytes(hover)).toBeLessThan(600);
  // The linear algebra comes with the first analysis.
  expect([...hover].filter((file) => /scatterpolargl|linalg\.relaxed/i.test(text(file)))).toEqual([]);
  expect(kibibytes(loadedWith(analysisFile('predict')))).toBeGreaterThan(1.5 * kibibytes(hover));
});

test('Plotly is in a script of its own, which the page asks for when it draws', () => {
  expect(readdirSync(dist).filter((file) => /\.m?js$/.test(file) && text(file).includes('scatterpolargl'))).toEqual(['plotly.js']);
  expect(statSync(path.join(dist, 'page.js')).size / 1024).toBeLessThan(300);
});
