/**
 * Every check there is, in the order in which a mistake is cheapest to find; with arguments, only the named steps. Succeeds when
 * everything that could run passed. What could not run is said at the end, with the reason; under CI that counts as a failure.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { chromium } from './chromium.ts';
import { layOutNpmPackage } from './npmPackage.ts';
import { packaging, root, run } from './run.ts';

type Outcome =
  | { readonly kind: 'passed' | 'failed'; readonly tests?: Counts }
  | { readonly kind: 'not run'; readonly reason: string };

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Step {
  readonly name: string;
  readonly run: () => Promise<Outcome>;
  /** Its failure makes what these steps would say meaningless. */
  readonly needs?: readonly string[];
}

const steps: readonly Step[] = [
  { name: 'build', run: () => check('bundle', []) },
  { name: 'typecheck', run: async () => both(await check('tsc', ['--noEmit', '-p', '.']), await check('tsc', ['--noEmit', '-p', 'webview'])) },
  { name: 'lint', run: () => check('eslint', ['.', '--max-warnings', '0']) },
  { name: 'unused', run: () => check('knip', []) },
  { name: 'unit', run: () => tests('unit', []) },
  { name: 'package', run: pack, needs: ['build'] },
  { name: 'cli', run: () => tests('cli', ['--config', 'test/e2e/vitest.config.ts', '--project', 'cli']), needs: ['package'] },
  { name: 'e2e', run: endToEnd, needs: ['package'] },
];

async function check(program: Parameters<typeof run>[0], args: readonly string[]): Promise<Outcome> {
  return { kind: (await run(program, args)) === 0 ? 'passed' : 'failed' };
}

function both(first: Outcome, second: Outcome): Outcome {
  return first.kind === 'passed' ? second : first;
}

async function pack(): Promise<Outcome> {
  await rm(path.join(root, 'out/quotient.vsix'), { force: true });
  await layOutNpmPackage();
  return check('vsce', packaging);
}

async function tests(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const results = path.join(root, `out/${name}.json`);
  await rm(results, { force: true });
  const code = await run('vitest', ['run', ...args, '--reporter=default', '--reporter=json', `--outputFile.json=${results}`], env);
  const counts = await readFile(results, 'utf8').then(
    (text) => {
      const json = JSON.parse(text) as { numPassedTests: number; numFailedTests: number; numPendingTests: number; numTodoTests: number };
      return { passed: json.numPassedTests, failed: json.numFailedTests, skipped: json.numPendingTests + json.numTodoTests };
    },
    () => ({ passed: 0, failed: 0, skipped: 0 }),
  );
  return { kind: code === 0 && counts.passed > 0 ? 'passed' : 'failed', tests: counts };
}

async function endToEnd(): Promise<Outcome> {
  const browser = await chromium(console.log);
  if ('missing' in browser) return { kind: 'not run', reason: browser.missing };
  try {
    const { installServer } = await import('../test/e2e/installServer.ts');
    await installServer(console.log);
  } catch (error) {
    return { kind: 'not run', reason: error instanceof Error ? error.message : String(error) };
  }
  return tests('e2e', ['--config', 'test/e2e/vitest.config.ts', '--project', 'workbench'], { CHROMIUM: browser.path });
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`no step ${unknown.join(', ')}; the steps are ${steps.map((step) => step.name).join(', ')}`);
  process.exit(2);
}
await mkdir(path.join(root, 'out'), { recursive: true });
const outcomes = new Map<string, Outcome>();
const lines: string[] = [];
for (const step of steps) {
  if (wanted.length > 0 && !wanted.includes(step.name)) continue;
  console.log(`\n── ${step.name}`);
  const started = performance.now();
  const broken = step.needs?.find((name) => outcomes.has(name) && outcomes.get(name)?.kind !== 'passed');
  const outcome: Outcome = broken === undefined ? await step.run() : { kind: 'not run', reason: `${broken} failed` };
  outcomes.set(step.name, outcome);
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(7);
  lines.push(`${step.name.padEnd(10)} ${seconds} s  ${describe(outcome)}`);
}

function describe(outcome: Outcome): string {
  if (outcome.kind === 'not run') return `not run: ${outcome.reason}`;
  const { tests: counts } = outcome;
  return counts === undefined ? outcome.kind : `${outcome.kind}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
}

// A step without tests of its own counts as one when it fails, and a step that did not run as one that was skipped.
const totals = { passed: 0, failed: 0, skipped: 0 };
for (const outcome of outcomes.values()) {
  if (outcome.kind === 'not run') totals.skipped++;
  else if (outcome.kind === 'failed' && (outcome.tests?.failed ?? 0) === 0) totals.failed++;
  if (outcome.kind !== 'not run' && outcome.tests !== undefined) {
    totals.passed += outcome.tests.passed;
    totals.failed += outcome.tests.failed;
    totals.skipped += outcome.tests.skipped;
  }
}
console.log(`\n${lines.join('\n')}\n\ntests: ${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
const missing = [...outcomes.values()].some((outcome) => outcome.kind === 'not run');
const isCi = process.env['CI'] !== undefined && process.env['CI'] !== '' && process.env['CI'] !== 'false';
process.exitCode = totals.failed > 0 || (missing && isCi) ? 1 : 0;
