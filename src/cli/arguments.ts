/**
 * The command line as data: which commands and options there are, and how their text becomes a request. Everything the usage
 * text says is made from these tables, so that it cannot go stale.
 */
import { parseArgs } from 'node:util';
import { exampleNames, predictionMethods, projectionPlanes, scaleForms, stepKinds, type Likelihood } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';

/** Wrong usage: exit code 2, with a pointer to the help. */
export class UsageError extends UserError {
  override readonly name = 'UsageError';
}

interface OptionText {
  readonly value?: string;
  readonly text: string;
}

const options = {
  network: { value: 'FILE', text: 'what the network is: a description (default: NAME.network.json beside the weights), or its ONNX or Keras file' },
  activation: { value: 'NAME', text: 'hidden activation of a file that names dense layers only: relu, tanh, …' },
  data: { value: 'FILE', text: 'data with arrays x and y: .npz, .safetensors, .pt or .csv' },
  likelihood: { value: 'NAME', text: 'gaussian, categorical or bernoulli (default: what the targets are made for)' },
  noise: { value: 'σ', text: 'standard deviation of Gaussian observation noise (default 1)' },
  'prior-precision': { value: 'α', text: 'precision of the Gaussian prior over weights (default 1); trained on a mean loss of N inputs with weight decay λ, α = λN; predict also takes evidence: the α of the largest evidence' },
  toward: { value: 'PATH', text: 'split the way to this other checkpoint, or to draws (a file or a folder), into image and kernel of the GGN' },
  draw: { value: 'K', text: 'of the draws of --toward the K-th only, from 1 on' },
  step: { value: 'WHAT', text: `split a step of training the same way: ${stepKinds.join(' (of the log posterior; needs y), ')} (the next one by the state in FILE: Adam or momentum)` },
  test: { value: 'FILE', text: 'inputs x to predict at, and y where they are to be scored' },
  method: { value: 'NAMES', text: `methods, with commas between: ${predictionMethods.join(', ')}` },
  draws: { value: 'N', text: 'draws of each method that samples (default 200), or of a distribution in the files (1,000)' },
  'diffusion-steps': { value: 'T', text: 'steps of the Laplace diffusion (default 20)' },
  dropout: { value: 'RATE', text: 'dropout rate of a network without dropout layers' },
  as: { value: 'WHAT', text: 'what the networks are: draws, a trajectory of SGD (for SWAG), or one network with dropout' },
  scale: { value: 'FORM', text: `what a mean-field Gaussian’s scales are, where names mislead: ${scaleForms.join(', ')}` },
  train: { value: 'EPOCHS', text: 'train on to a mode first, with the prior as weight decay' },
  optimizer: { value: 'NAME', text: 'adam or sgd (default adam)' },
  'learning-rate': { value: 'η', text: 'of the mean loss of an input (default 0.01; less for sgd when the noise is small)' },
  plane: { value: 'PLANE', text: `the plane of draws to show first: ${projectionPlanes.join(', ')}` },
  inputs: { value: 'N', text: 'generic inputs when there is no data (default 2,000)' },
  axes: { value: 'AXES', text: 'leading axes of the arrays: draw, or chain,draw' },
  parameters: { value: 'A B', text: 'the two parameters to plot, such as "2.weight[0,0]" "2.weight[0,1]"' },
  memory: { value: 'GiB', text: 'memory that the job may plan to use (default 8, or what the machine has)' },
  by: { value: 'HOW', text: 'weights, activations (needs data), or universe: all at once (default weights)' },
  restarts: { value: 'N', text: 'weight matching from N random orders as well (default 2; 0 beyond 4 million parameters)' },
  scaling: { value: 'FORM', text: 'unit, balanced or none (default unit)' },
  permutation: { value: 'FORM', text: 'sorted or none (default sorted); of a posterior sorted, or aligned to the first draw as well' },
  sign: { value: 'FORM', text: 'fixed or none (default fixed)' },
  'count-biases': { text: 'let balanced minimise the mass of weights and biases' },
  against: { value: 'FILE', text: 'what changed from this file to the other, tensor by tensor' },
  'no-stats': { text: 'read the header only' },
  networks: { value: 'N', text: 'networks to train (default 10,000)' },
  out: { value: 'DIR', text: 'folder for the results' },
  overwrite: { text: 'replace files that are there already' },
  seed: { value: 'N', text: 'seed of every random number (default 0)' },
  json: { text: 'print the result as one JSON object' },
  html: { value: 'FILE', text: 'write a standalone report with interactive plots' },
} as const satisfies Record<string, OptionText>;

export type OptionName = keyof typeof options;

const network = ['network', 'activation'] as const;
const output = ['json', 'html', 'overwrite'] as const;

interface Command {
  readonly paths: string;
  readonly does: string;
  readonly options: readonly OptionName[];
}

export const commands = {
  inspect: { paths: 'FILE…', does: 'tensors, statistics, recognised network and its symmetries', options: [...network, 'against', 'no-stats', ...output] },
  canonicalize: {
    paths: 'FILE… --out DIR',
    does: 'write the canonical representative of each network, same names and shapes',
    options: ['out', ...network, 'scaling', 'permutation', 'sign', 'count-biases', 'data', 'seed', ...output],
  },
  align: {
    paths: 'REFERENCE FILE… --out DIR',
    does: 'bring the units of networks into the order of a reference, and write them',
    options: ['out', ...network, 'by', 'restarts', 'data', 'likelihood', 'memory', 'seed', ...output],
  },
  compare: { paths: 'A B', does: 'the same function, the same up to symmetry, or different; how far apart the weights are', options: [...network, 'data', 'likelihood', 'memory', 'seed', ...output] },
  rank: { paths: 'FILE', does: 'rank and kernel of the generalised Gauss–Newton matrix', options: [...network, 'data', 'likelihood', 'noise', 'prior-precision', 'inputs', 'toward', 'draw', 'step', 'memory', 'seed', ...output] },
  posterior: { paths: 'FILE…', does: 'a set of draws before and after its symmetries are removed', options: [...network, 'axes', 'as', 'scale', 'dropout', 'draws', 'parameters', 'data', 'likelihood', 'noise', 'prior-precision', 'scaling', 'permutation', 'memory', 'seed', ...output] },
  predict: {
    paths: 'FILE… --data FILE',
    does: 'posterior predictives by several methods side by side, scored, and why they differ',
    options: [...network, 'data', 'test', 'method', 'likelihood', 'noise', 'prior-precision', 'draws', 'diffusion-steps', 'axes', 'as', 'scale', 'dropout', 'train', 'optimizer', 'learning-rate', 'plane', 'parameters', 'seed', ...output],
  },
  example: { paths: 'NAME --out DIR', does: `write an example workspace: ${exampleNames.join(', ')}`, options: ['out', 'data', 'networks', 'seed', ...output] },
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof commands;

export interface ParsedArguments {
  readonly command: CommandName;
  readonly paths: readonly string[];
  readonly values: Values;
}

/** @throws UsageError naming the argument that is wrong */
export function parseCommandLine(argv: readonly string[]): ParsedArguments | { readonly command: 'help'; readonly about: CommandName | undefined } | { readonly command: 'version' } {
  const [name, ...rest] = argv;
  const known = (word: string | undefined): CommandName | undefined => (word !== undefined && Object.hasOwn(commands, word) ? (word as CommandName) : undefined);
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') return { command: 'help', about: known(rest[0]) };
  if (name === '--version') return { command: 'version' };
  const command = known(name);
  if (command === undefined) throw new UsageError(`there is no command "${name}"; the commands are ${Object.keys(commands).join(', ')}`);
  if (rest.includes('--help') || rest.includes('-h')) return { command: 'help', about: command };

  const allowed: readonly OptionName[] = commands[command].options;
  try {
    const { values, positionals } = parseArgs({
      args: joinedPair(rest),
      allowPositionals: true,
      options: Object.fromEntries(allowed.map((option) => [option, { type: 'value' in options[option] ? ('string' as const) : ('boolean' as const) }])),
    });
    return { command, paths: positionals, values: new Values(values) };
  } catch (error) {
    throw new UsageError(error instanceof Error ? withNeighbour(error.message.replace(/\. To specify.*$/s, ''), allowed) : String(error));
  }
}

/** An unknown option that is a known one with letters more or fewer at its end is named with it. */
function withNeighbour(message: string, allowed: readonly OptionName[]): string {
  const given = /^Unknown option '--([^']{3,})'/.exec(message)?.[1];
  const meant = given === undefined ? undefined : allowed.find((option) => option.startsWith(given) || given.startsWith(option));
  return meant === undefined ? message : `${message}; there is --${meant}`;
}

/** `--parameters A B` as one value, "A;B", which is another way to write it: `parseArgs` knows options with one value only. */
function joinedPair(args: readonly string[]): string[] {
  const at = args.indexOf('--parameters');
  const [first, second] = [args[at + 1], args[at + 2]];
  if (at < 0 || first === undefined || second === undefined || first.includes(';') || !second.endsWith(']')) return [...args];
  return [...args.slice(0, at), `--parameters=${first};${second}`, ...args.slice(at + 3)];
}

/** The options as given, each read with the type that it should have. */
export class Values {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  flag(name: OptionName): boolean {
    return this.#values[name] === true;
  }

  text(name: OptionName): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  choice<const T extends string>(name: OptionName, choices: readonly T[], fallback: T): T {
    const value = this.text(name) ?? fallback;
    const chosen = choices.find((choice) => choice === value);
    if (chosen === undefined) throw new UsageError(`--${name} is "${value}"; expected ${choices.join(', ')}`);
    return chosen;
  }

  number(name: OptionName, fallback: number, kind: 'positive' | 'count' | 'seed'): number {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    const fits =
      text.trim() !== '' &&
      Number.isFinite(value) &&
      (kind === 'positive' ? value > 0 : kind === 'count' ? Number.isInteger(value) && value > 0 : Number.isSafeInteger(value) && value >= 0);
    if (!fits) throw new UsageError(`--${name} is "${text}"; expected ${{ positive: 'a positive number', count: 'a positive whole number', seed: 'a whole number, 0 or more' }[kind]}`);
    return value;
  }

  likelihood(): { readonly likelihood?: Likelihood } {
    return this.text('likelihood') === undefined ? {} : { likelihood: this.choice('likelihood', ['gaussian', 'categorical', 'bernoulli'], 'gaussian') };
  }
}

export function usage(about: CommandName | undefined): string {
  if (about === undefined) {
    const width = Math.max(...Object.entries(commands).map(([name, { paths }]) => `${name} ${paths}`.length));
    const lines = Object.entries(commands).map(([name, { paths, does }]) => `  quotient ${`${name} ${paths}`.padEnd(width)}  ${does}`);
    return ['Symmetry analysis of neural-network weights.', '', ...lines, '', '  quotient help COMMAND    the options of a command', '  quotient --version', ''].join('\n');
  }
  const { paths, does, options: names } = commands[about];
  const shown = names.map((name) => {
    const option: OptionText = options[name];
    return [`--${name}${option.value === undefined ? '' : ` ${option.value}`}`, option.text] as const;
  });
  const width = Math.max(...shown.map(([option]) => option.length));
  return [`quotient ${about} ${paths}`, `  ${does}`, '', ...shown.map(([option, text]) => `  ${option.padEnd(width)}  ${text}`), '', 'Exit code: 0 done, 1 the analysis failed or refused, 2 wrong usage.', ''].join('\n');
}
