/**
 * The command line: the analyses from a terminal. Results go to standard output, progress and errors to standard error. What belongs to the
 * process (pipes, interrupts, the exit code) is in `quotient.ts`, so that a test can run commands by the hundred in one process.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { analyses } from '../analyses/service.ts';
import { version } from '../analyses/provenance.ts';
import { requireReportFile, writeReportFile } from '../analyses/reportFile.ts';
import { fullResult } from '../protocol/fullResult.ts';
import { machineMemory } from '../protocol/machineMemory.ts';
import type { Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { PAGE_SCRIPTS, standaloneHtml } from '../protocol/standaloneHtml.ts';
import { alignMethods, fileMeanings, optimizerNames, predictionMethods, projectionPlanes, scaleForms, stepKinds, type PredictRequest } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { commands, parseCommandLine, usage, UsageError, type ParsedArguments } from './arguments.ts';
import { terminalProgress } from './progress.ts';
import { reportAsText } from './text.ts';

const DONE = 0;
const FAILED = 1;
const WRONG_USAGE = 2;
export const INTERRUPTED = 130;

/** A job from the command line may plan to use this much, unless the machine or the container has less. */
const MEMORY_LIMIT_GIB = 8;

/** What the command line needs of standard output and standard error. */
interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface Terminal {
  readonly stdout: Stream;
  readonly stderr: Stream;
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal;
}

/**
 * @param argv what stands behind the command's own name
 * @returns the exit code: 0 done, 1 failed or refused, 2 wrong usage, 130 interrupted
 */
export async function main(argv: readonly string[], { stdout, stderr, signal }: Terminal): Promise<number> {
  let json = argv.includes('--json');
  try {
    const parsed = parseCommandLine(argv);
    if (parsed.command === 'help') {
      stdout.write(usage(parsed.about));
      return DONE;
    }
    if (parsed.command === 'version') {
      stdout.write(`${version}\n`);
      return DONE;
    }
    json = parsed.values.flag('json');
    const [html, overwrite] = [parsed.values.text('html'), parsed.values.flag('overwrite')];
    if (html !== undefined) await requireReportFile(html, overwrite);
    const progress = terminalProgress(stderr);
    const context: JobContext = { signal, progress: progress.show, memoryLimitBytes: parsed.values.number('memory', Math.min(MEMORY_LIMIT_GIB, machineMemory() / 2 ** 30), 'positive') * 2 ** 30 };
    const report = await run(parsed, context).finally(() => {
      progress.clear();
    });
    if (html !== undefined) await writeReportFile(html, standaloneHtml(report, await pageScript()), overwrite);
    stdout.write(json ? `${JSON.stringify(fullResult(report))}\n` : reportAsText(report, stdout.columns));
    if (html !== undefined) stderr.write(`Report written to ${html}\n`);
    if (json) for (const warning of report.warnings) stderr.write(`warning: ${warning}\n`);
    return DONE;
  } catch (error) {
    if (signal.aborted) {
      stderr.write('Cancelled.\n');
      return INTERRUPTED;
    }
    const message = error instanceof UserError ? error.message : `internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    if (json) stdout.write(`${JSON.stringify({ error: message })}\n`);
    stderr.write(`quotient: ${message}\n`);
    if (error instanceof UsageError) stderr.write(`Try: quotient help${Object.hasOwn(commands, argv[0] ?? '') ? ` ${argv[0]!}` : ''}\n`);
    return error instanceof UsageError ? WRONG_USAGE : FAILED;
  }
}

function run({ command, paths, values }: ParsedArguments, context: JobContext): Promise<Report> {
  const activation = values.text('activation');
  const network = values.text('network');
  const options = { ...(activation === undefined ? {} : { activation }), ...(network === undefined ? {} : { network }) };
  const seed = values.number('seed', 0, 'seed');
  const files = (): readonly string[] => {
    if (paths.length === 0) throw new UsageError(`${command} needs at least one weight file`);
    return paths;
  };
  const only = (what: string): string => {
    const [first, ...others] = paths;
    if (first === undefined || others.length > 0) throw new UsageError(`${command} takes exactly one ${what}`);
    return first;
  };
  const folder = (): string => {
    const out = values.text('out');
    if (out === undefined) throw new UsageError(`${command} needs --out DIR`);
    return out;
  };
  const parameters = (): { readonly parameters?: readonly [string, string] } => {
    const names = values.text('parameters')?.split(';').map((name) => name.trim());
    if (names === undefined) return {};
    const [a, b, ...others] = names;
    if (a === undefined || b === undefined || others.length > 0) throw new UsageError('--parameters takes two names, such as "2.weight[0,0]" "2.weight[0,1]"');
    return { parameters: [a, b] };
  };
  const drawOptions = (): Pick<PredictRequest, 'axes' | 'as' | 'scale' | 'dropoutRate'> => ({
    ...(values.text('axes') === undefined ? {} : { axes: values.choice('axes', ['draw', 'chain,draw'], 'draw') }),
    ...(values.text('as') === undefined ? {} : { as: values.choice('as', fileMeanings, 'draws') }),
    ...(values.text('scale') === undefined ? {} : { scale: values.choice('scale', scaleForms, 'softplus') }),
    ...(values.text('dropout') === undefined ? {} : { dropoutRate: values.number('dropout', 0, 'positive') }),
  });
  const data = values.text('data');
  const withData = data === undefined ? {} : { data };
  const toward = values.text('toward');
  const withDirection = {
    ...(toward === undefined ? {} : { toward }),
    ...(values.text('draw') === undefined ? {} : { draw: values.number('draw', 1, 'count') }),
    ...(values.text('step') === undefined ? {} : { step: values.choice('step', stepKinds, 'gradient') }),
  };

  switch (command) {
    case 'inspect': {
      const against = values.text('against');
      if (against !== undefined) return analyses.diff({ files: [against, only('weight file')] }, context);
      return analyses.inspect({ ...options, files: files(), statistics: !values.flag('no-stats') }, context);
    }
    case 'canonicalize':
      return analyses.canonicalize(
        {
          ...options,
          ...withData,
          files: files(),
          out: { folder: folder() },
          overwrite: values.flag('overwrite'),
          scaling: values.choice('scaling', ['unit', 'balanced', 'none'], 'unit'),
          permutation: values.choice('permutation', ['sorted', 'none'], 'sorted'),
          sign: values.choice('sign', ['fixed', 'none'], 'fixed'),
          countBiases: values.flag('count-biases'),
          seed,
        },
        context,
      );
    case 'align': {
      const [reference, ...others] = files();
      if (reference === undefined || others.length === 0) throw new UsageError('align needs a reference and at least one network to align to it');
      return analyses.align(
        { ...options, ...withData, reference, files: others, out: { folder: folder() }, overwrite: values.flag('overwrite'), method: values.choice('by', alignMethods, 'weights'), ...(values.text('restarts') === undefined ? {} : { restarts: values.number('restarts', 0, 'seed') }), ...values.likelihood(), seed },
        context,
      );
    }
    case 'compare': {
      const [a, b, ...others] = files();
      if (a === undefined || b === undefined || others.length > 0) throw new UsageError('compare needs two weight files');
      return analyses.compare({ ...options, ...withData, files: [a, b], ...values.likelihood(), seed }, context);
    }
    case 'rank':
      return analyses.rank(
        {
          ...options,
          ...withData,
          ...withDirection,
          file: only('weight file'),
          inputs: values.number('inputs', 2000, 'count'),
          ...values.likelihood(),
          noise: values.number('noise', 1, 'positive'),
          priorPrecision: values.number('prior-precision', 1, 'positive'),
          seed,
        },
        context,
      );
    case 'posterior': {
      return analyses.posterior(
        {
          ...options,
          ...withData,
          files: files(),
          ...drawOptions(),
          ...(values.text('draws') === undefined ? {} : { draws: values.number('draws', 1000, 'count') }),
          ...parameters(),
          // Without a likelihood the data are inputs alone.
          ...(values.text('likelihood') === undefined ? {} : { ...values.likelihood(), noise: values.number('noise', 1, 'positive'), priorPrecision: values.number('prior-precision', 1, 'positive') }),
          scaling: values.choice('scaling', ['unit', 'balanced', 'none'], 'unit'),
          permutation: values.choice('permutation', ['sorted', 'aligned'], 'sorted'),
          seed,
        },
        context,
      );
    }
    case 'predict': {
      const test = values.text('test');
      const precision = values.text('prior-precision');
      if (data === undefined) throw new UsageError('predict needs --data FILE, the data that the network was trained on');
      return analyses.predict(
        {
          ...options,
          files: files(),
          data,
          ...(test === undefined ? {} : { test }),
          ...methodNames(values.text('method')),
          ...values.likelihood(),
          noise: values.number('noise', 1, 'positive'),
          priorPrecision: precision === 'evidence' ? precision : values.number('prior-precision', 1, 'positive'),
          draws: values.number('draws', 200, 'count'),
          diffusionSteps: values.number('diffusion-steps', 20, 'count'),
          ...drawOptions(),
          ...trainOptions(values),
          ...(values.text('plane') === undefined ? {} : { plane: values.choice('plane', projectionPlanes, 'components') }),
          ...parameters(),
          seed,
        },
        context,
      );
    }
    case 'example':
      return analyses.example({ ...withData, name: only('example name'), out: folder(), networks: values.number('networks', 10_000, 'count'), seed, overwrite: values.flag('overwrite') }, context);
  }
}

function methodNames(text: string | undefined): Pick<PredictRequest, 'methods'> {
  if (text === undefined) return {};
  const methods = text.split(',').map((name) => name.trim().replace('linearised', 'linearized')).map((name) => {
    const known = predictionMethods.find((method) => method === name);
    if (known === undefined) throw new UsageError(`there is no method "${name}"; the methods are ${predictionMethods.join(', ')}`);
    return known;
  });
  return { methods };
}

function trainOptions(values: ParsedArguments['values']): Pick<PredictRequest, 'train'> {
  if (values.text('train') === undefined) {
    if (values.text('optimizer') !== undefined || values.text('learning-rate') !== undefined) throw new UsageError('--optimizer and --learning-rate are of --train EPOCHS');
    return {};
  }
  const rate = values.text('learning-rate') === undefined ? {} : { learningRate: values.number('learning-rate', 0.01, 'positive') };
  return { train: { epochs: values.number('train', 1, 'count'), optimizer: values.choice('optimizer', optimizerNames, 'adam'), ...rate } };
}

/** The scripts that draw reports lie beside the bundled command. */
async function pageScript(): Promise<string> {
  return (await Promise.all(PAGE_SCRIPTS.map((file) => readFile(path.join(import.meta.dirname, file), 'utf8')))).join('\n');
}
