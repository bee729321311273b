/**
 * `quotient align` on ResNet-18, the whole command with reading, checking the function, both lines and writing, beside the package rebasin,
 * of which only tracing and matching are counted; on the same weights, one after the other. Seconds of all processors are printed as well:
 * they do not count what others do on the machine at the same time.
 * Usage: node test/bench/rebasin.ts [PYTHON]   after a build; PYTHON needs torch, torchvision and rebasin.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { record } from './record.ts';

const python = (...options: readonly string[]): string => execFileSync(process.argv[2] ?? '/usr/bin/python3', [path.join(import.meta.dirname, 'rebasin.py'), ...options], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
const cli = path.join(import.meta.dirname, '../../dist/cli.mjs');

interface Aligned {
  readonly files: readonly { readonly distanceBefore: number; readonly distanceAfter: number; readonly functionError: number }[];
}

function ours(files: readonly string[], out: string, restarts: readonly string[]): { readonly seconds: number; readonly cpu: number; readonly found: Aligned['files'][number] } {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync('bash', ['-c', 'TIMEFORMAT="CPU %U %S"; time "$@" 2>/dev/null', 'bash', process.execPath, cli, 'align', ...files, '--out', out, '--overwrite', '--json', ...restarts], { encoding: 'utf8', maxBuffer: 2 ** 26 });
  const [found] = status === 0 ? (JSON.parse(stdout) as Aligned).files : [];
  if (found === undefined) throw new Error('nothing was aligned');
  const [, user, system] = /CPU (\S+) (\S+)/.exec(stderr) ?? [];
  return { seconds: (performance.now() - start) / 1000, cpu: Number(user) + Number(system), found };
}

const folder = mkdtempSync(path.join(tmpdir(), 'quotient-bench-'));
try {
  const files = ['a', 'b'].map((name) => path.join(folder, `${name}.pt`));
  python('make', ...files);
  const [traced = NaN, matched = NaN, cpu = NaN, before = NaN, after = NaN, changed = NaN] = (/RESULT (.*)/.exec(python('align', ...files))?.[1] ?? '').split(' ').map(Number);
  const theirs = traced + matched;
  console.log(`rebasin              ${theirs.toFixed(1)} s (processors ${cpu.toFixed(1)} s), distance ${before.toFixed(4)} to ${after.toFixed(4)}, outputs change by ${changed.toExponential(1)}`);
  for (const [what, options] of [['quotient align', []], ['  with 2 restarts', ['--restarts', '2']]] as const) {
    const { seconds, cpu: used, found } = ours(files, path.join(folder, 'out'), options);
    record({ what: `align of two ResNet-18 from file to file${options.length > 0 ? ', 2 restarts' : ''} (rebasin: tracing and matching alone)`, peer: 'rebasin', ours: seconds, theirs });
    console.log(`${what.padEnd(20)} ${seconds.toFixed(1)} s (processors ${used.toFixed(1)} s), distance ${found.distanceBefore.toFixed(4)} to ${found.distanceAfter.toFixed(4)}, outputs change by ${found.functionError.toExponential(1)} relative; rebasin takes ${(theirs / seconds).toFixed(2)} × as long (processors ${(cpu / used).toFixed(2)} ×)`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
