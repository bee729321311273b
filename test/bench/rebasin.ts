/**
 * Alignment of two ResNet-18 beside the package rebasin on the same weights, twice: matching against tracing and matching, in a process that has
 * read both files; and whole process against whole process, from two files to a third. There `quotient align` does more: it checks that
 * the function is the same, looks at the line between the networks before and after, and reads back what it wrote. Medians of runs that take
 * turns, so that what others do on the machine at the same time is shared.
 * Usage: node test/bench/rebasin.ts [PYTHON]   after a build; PYTHON needs torch, torchvision and rebasin.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sharedEngine } from '../../src/linalg/engine/engine.ts';
import { interruptibly } from '../../src/linalg/interruptible.ts';
import { seededRandom } from '../../src/linalg/random.ts';
import { type Network, parameterDistance } from '../../src/network/network.ts';
import { readState } from '../../src/network/parameters.ts';
import { requireNetwork } from '../../src/network/readNetwork.ts';
import { matchingClasses } from '../../src/symmetry/matchingClasses.ts';
import { bestWeightMatching } from '../../src/symmetry/weightMatching.ts';
import { openWeightFile } from '../../src/weights/openWeights.ts';
import { record } from './record.ts';

const RUNS = 3;

const python = (...options: readonly string[]): string => execFileSync(process.argv[2] ?? '/usr/bin/python3', [path.join(import.meta.dirname, 'rebasin.py'), ...options], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
const cli = path.join(import.meta.dirname, '../../dist/cli.mjs');
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

function seconds(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}

async function read(file: string): Promise<{ readonly network: Network; readonly state: Float64Array }> {
  const opened = await openWeightFile(file);
  const { network } = await requireNetwork(opened, {});
  const state = await readState(opened, network);
  await opened.close();
  return { network, state };
}

const folder = mkdtempSync(path.join(tmpdir(), 'quotient-bench-'));
try {
  const [fileA, fileB] = ['a', 'b'].map((name) => path.join(folder, `${name}.pt`)) as [string, string];
  python('make', fileA, fileB);

  const engine = await sharedEngine();
  await engine.run('Waiting for the crew', 0, {}, function* () { yield; });
  const [a, b] = [await read(fileA), await read(fileB)];
  const classes = matchingClasses(a.network);
  const matching: { readonly ours: number; readonly theirs: number; readonly said: string }[] = [];
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    const { state } = await interruptibly(bestWeightMatching(a.network, classes, a.state, b.state, 0, { random: seededRandom(run) }), new AbortController().signal);
    const ours = (performance.now() - start) / 1000;
    const [traced = NaN, matched = NaN, , before = NaN, after = NaN, changed = NaN] = (/RESULT (.*)/.exec(python('align', fileA, fileB))?.[1] ?? '').split(' ').map(Number);
    matching.push({ ours, theirs: traced + matched, said: `distance ${before.toFixed(4)} to ${after.toFixed(4)} (outputs change by ${changed.toExponential(1)}), here ${parameterDistance(a.network, a.state, b.state).toFixed(4)} to ${parameterDistance(a.network, a.state, state).toFixed(4)}` });
    console.log(`matching: quotient ${ours.toFixed(2)} s, rebasin ${traced.toFixed(2)} + ${matched.toFixed(2)} s, ${matching.at(-1)!.said}`);
  }
  const [ours, theirs] = [median(matching.map((run) => run.ours)), median(matching.map((run) => run.theirs))];
  record({ what: 'matching of two ResNet-18 (rebasin: tracing and matching)', peer: 'rebasin', ours, theirs });
  console.log(`  medians ${ours.toFixed(2)} s and ${theirs.toFixed(2)} s: rebasin takes ${(theirs / ours).toFixed(2)} × as long\n`);

  const whole: { readonly ours: number; readonly theirs: number }[] = [];
  for (let run = 0; run < RUNS; run++) {
    whole.push({
      ours: seconds(() => { execFileSync(process.execPath, [cli, 'align', fileA, fileB, '--out', path.join(folder, 'out'), '--overwrite'], { stdio: 'ignore' }); }),
      theirs: seconds(() => { python('save', fileA, fileB, path.join(folder, 'theirs.pt')); }),
    });
    console.log(`from file to file: quotient align ${whole.at(-1)!.ours.toFixed(2)} s, rebasin ${whole.at(-1)!.theirs.toFixed(2)} s`);
  }
  const [align, peer] = [median(whole.map((run) => run.ours)), median(whole.map((run) => run.theirs))];
  record({ what: 'align of two ResNet-18 from file to file, a process each', peer: 'rebasin', ours: align, theirs: peer });
  console.log(`  medians ${align.toFixed(2)} s and ${peer.toFixed(2)} s: rebasin takes ${(peer / align).toFixed(2)} × as long`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
