/**
 * Runs the benchmarks of test/bench that can run here, and writes what they measured beside other programs into the README, between its markers, with machine, date and versions.
 * Usage: npm run bench [-- [PYTHON…] [NAME…] [--print]]: every PYTHON (default python3) is tried for the packages that a benchmark needs; with names, only these benchmarks run and, as with
 * `--print`, the table is printed and the README stays. The size of the extension is that of the last `npm run package`. What cannot run says why in a line.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { formatSeconds } from '../src/protocol/format.ts';
import type { Recorded } from '../test/bench/record.ts';
import { mustRun, root } from './run.ts';

interface Bench {
  readonly name: string;
  /** Python packages, by the name under which they are imported; the first have to be there, what stands after them makes parts possible. */
  readonly needs: readonly string[];
  readonly wants?: readonly string[];
  readonly args?: readonly string[];
}

const benches: readonly Bench[] = [
  { name: 'activation', needs: [] },
  { name: 'hover', needs: [] },
  { name: 'weightFiles', needs: ['numpy'] },
  { name: 'symmetry', needs: [] },
  { name: 'linalg', needs: ['numpy'], args: ['5'] },
  { name: 'curvature', needs: ['numpy'], wants: ['torch', 'laplace', 'curvlinops'], args: ['3', 'large'] },
  { name: 'laplaceDraws', needs: ['torch', 'laplace', 'backpack'] },
  { name: 'assignment', needs: ['scipy'] },
  { name: 'matching', needs: ['jax', 'scipy'] },
  { name: 'rebasin', needs: ['torch', 'torchvision', 'rebasin'] },
  { name: 'posterior', needs: ['numpy', 'scipy', 'arviz'] },
  { name: 'twoNeurons', needs: ['torch', 'numpy'] },
];
/** How people call what a benchmark names by its distribution. */
const peers: Readonly<Record<string, string>> = { 'numpy': 'NumPy', 'scipy': 'SciPy', 'jax': 'JAX', 'arviz': 'ArviZ', 'torch': 'PyTorch', 'laplace-torch': 'laplace-torch', 'curvlinops-for-pytorch': 'curvlinops' };

const words = process.argv.slice(2).filter((word) => word !== '--print');
const names = words.filter((word) => benches.some(({ name }) => name === word));
const pythons = words.filter((word) => !names.includes(word));
if (pythons.length === 0) pythons.push('python3');

const has = (python: string, modules: readonly string[]): boolean =>
  spawnSync(python, ['-c', 'import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in sys.argv[1:]))', ...modules], { stdio: 'ignore' }).status === 0;

/** The distribution's version there, or undefined. */
function version(python: string, distribution: string): string | undefined {
  const ran = spawnSync(python, ['-c', 'import sys, importlib.metadata as m; print(m.version(sys.argv[1]))', distribution], { encoding: 'utf8' });
  return ran.status === 0 ? ran.stdout.trim().replace(/\+.*$/, '') : undefined;
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'quotient-bench-'));
const records = path.join(folder, 'records.jsonl');
const versions = new Map<string, string>();
const skipped: string[] = [];
try {
  // The programs and kernels that are measured are those of these sources.
  await mustRun('bundle', []);
  writeFileSync(records, '');
  for (const { name, needs, wants = [], args = [] } of benches) {
    if (names.length > 0 && !names.includes(name)) continue;
    const python = pythons.find((each) => has(each, [...needs, ...wants])) ?? pythons.find((each) => has(each, needs));
    if (python === undefined && needs.length > 0) {
      skipped.push(`${name}: no Python with ${needs.join(', ')} among ${pythons.join(', ')}`);
      continue;
    }
    console.log(`\n── ${name}`);
    const before = lines().length;
    const { status } = spawnSync(process.execPath, [path.join('test/bench', `${name}.ts`), ...(needs.length > 0 ? [python ?? '', ...args] : [])], { cwd: root, stdio: 'inherit', env: { ...process.env, QUOTIENT_BENCH_RECORDS: records } });
    if (status !== 0) skipped.push(`${name}: ended with ${String(status)}`);
    for (const { peer } of lines().slice(before)) {
      const found = peer === undefined || python === undefined ? undefined : version(python, peer);
      if (peer !== undefined && found !== undefined) versions.set(peer, found);
    }
  }
  const table = measured(lines());
  console.log(`\n${table}`);
  if (names.length === 0 && !process.argv.includes('--print')) {
    const file = path.join(root, 'README.md');
    const text = readFileSync(file, 'utf8');
    const parts = /^([^]*<!-- bench:start -->\n)[^]*(\n<!-- bench:end -->[^]*)$/.exec(text);
    if (parts === null) throw new Error('README.md has no <!-- bench:start --> … <!-- bench:end -->');
    writeFileSync(file, `${parts[1] ?? ''}${table}${parts[2] ?? ''}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const line of skipped) console.log(`not run: ${line}`);

function lines(): readonly Recorded[] {
  return readFileSync(records, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Recorded);
}

function measured(all: readonly Recorded[]): string {
  const called = [...versions].map(([name, number]) => `${peers[name] ?? name} ${number}`);
  const rows = all.map(({ what, ...of }) => {
    if (of.peer === undefined) return `| ${what} | ${of.value} | – | – |`;
    const ratio = of.theirs / of.ours;
    return `| ${what} | ${formatSeconds(of.ours)} | ${peers[of.peer] ?? of.peer} ${formatSeconds(of.theirs)} | ${ratio.toPrecision(ratio < 100 ? 2 : 3)} |`;
  });
  return [
    `${new Date().toISOString().slice(0, 10)}, ${os.cpus()[0]?.model.trim() ?? 'unknown processor'}, ${os.availableParallelism()} cores, ${Math.round(os.totalmem() / 2 ** 30)} GiB, ${os.type()}, Node ${process.versions.node}, load before ${os.loadavg()[0]?.toFixed(1) ?? ''}; ${revision()}. Beside it ${called.join(', ')}.`,
    '',
    '| | Quotient | beside | times as fast |',
    '|---|--:|--:|--:|',
    ...rows,
  ].join('\n');
}

/** Which sources were measured. */
function revision(): string {
  try {
    return `commit ${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim()}`;
  } catch {
    return 'not a git checkout';
  }
}
