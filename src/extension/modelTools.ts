/**
 * What language models may ask: read-only questions about weight files of the workspace, each answered by the report that people see, as
 * text. Knows nothing of VS Code, so that a test can ask as a model does: with whatever it makes up.
 */
import path from 'node:path';
import type { Report } from '../protocol/report.ts';
import type { RequestOf } from '../protocol/rpc.ts';
import type { Likelihood, NetworkOptions, RankRequest } from '../protocol/service.ts';
import { namesApart } from '../protocol/shownPaths.ts';
import { t } from '../protocol/words.ts';
import { AnalysisError } from './analysisError.ts';
import { modelText } from './modelText.ts';
import { isInside } from './pathLiteral.ts';
import type { ReportQuestion } from './reportQuestion.ts';

export interface ToolSurroundings {
  /** Folders of the workspace: nothing outside is read. */
  readonly roots: readonly string[];
  readonly seed: number;
  readonly rank: Pick<RankRequest, 'inputs' | 'noise' | 'priorPrecision'>;
  /** What the user has answered about these files before. */
  readonly known: (files: readonly string[]) => Promise<NetworkOptions>;
  readonly ask: (question: ReportQuestion) => Promise<Report>;
}

export type ModelTool = (input: unknown, surroundings: ToolSurroundings) => Promise<string>;

/** Under the names by which package.json describes them. */
export const modelTools: Readonly<Record<string, ModelTool>> = {
  quotient_summarizeWeights: async (input, surroundings) => {
    const file = workspaceFile(text(input, 'file'), surroundings.roots);
    const request: RequestOf<'inspect'> = { files: [file], statistics: flag(input, 'statistics'), brief: true, ...await network(input, [file], surroundings) };
    return modelText(await surroundings.ask({ method: 'inspect', title: t('Weights of {0}', path.basename(file)), request }));
  },
  quotient_rank: async (input, surroundings) => {
    const file = workspaceFile(text(input, 'file'), surroundings.roots);
    const { noise, priorPrecision } = surroundings.rank;
    const request: RequestOf<'rank'> = {
      file, inputs: surroundings.rank.inputs, noise: positive(input, 'noise', noise), priorPrecision: positive(input, 'priorPrecision', priorPrecision),
      seed: surroundings.seed, ...data(input, surroundings), ...await network(input, [file], surroundings),
    };
    return modelText(await surroundings.ask({ method: 'rank', title: t('Rank and kernel of {0}', path.basename(file)), request }));
  },
  quotient_compare: async (input, surroundings) => {
    const files = [workspaceFile(text(input, 'first'), surroundings.roots), workspaceFile(text(input, 'second'), surroundings.roots)] as const;
    const request: RequestOf<'compare'> = { files, seed: surroundings.seed, ...data(input, surroundings), ...await network(input, files, surroundings) };
    const [a = '', b = ''] = namesApart(files);
    return modelText(await surroundings.ask({ method: 'compare', title: t('Functions of {0} and {1}', a, b), request }));
  },
};

/** @throws AnalysisError, for the model to read, when the file is not one of the workspace. */
export function workspaceFile(named: string, roots: readonly string[]): string {
  const [first] = roots;
  if (first === undefined) throw refused('No folder is open: open the folder that holds the weight files.');
  // With several folders, the Explorer's own "folder/file" counts as well.
  const root = roots.find((folder) => named.split(/[\\/]/)[0] === path.basename(folder) && roots.length > 1);
  const file = root === undefined ? path.resolve(first, named) : path.resolve(path.dirname(root), named);
  if (!roots.some((folder) => isInside(file, folder))) throw refused(`${named} is not in the workspace: only files below ${roots.map((folder) => path.basename(folder)).join(', ')} are read. Give a path relative to that folder.`);
  return file;
}

async function network(input: unknown, files: readonly string[], { roots, known }: ToolSurroundings): Promise<NetworkOptions> {
  const [activation, description] = [optional(input, 'activation'), optional(input, 'network')];
  return {
    ...(activation === undefined ? await known(files) : { activation }),
    ...(description === undefined ? {} : { network: workspaceFile(description, roots) }),
  };
}

function data(input: unknown, { roots }: ToolSurroundings): { readonly data?: string; readonly likelihood?: Likelihood } {
  const [file, likelihood] = [optional(input, 'data'), optional(input, 'likelihood')];
  if (likelihood !== undefined && likelihood !== 'gaussian' && likelihood !== 'categorical' && likelihood !== 'bernoulli') throw refused(`"likelihood" is "${likelihood}"; expected gaussian, categorical or bernoulli.`);
  return { ...(likelihood === undefined ? {} : { likelihood }), ...(file === undefined ? {} : { data: workspaceFile(file, roots) }) };
}

const refused = (message: string): AnalysisError => new AnalysisError({ kind: 'input', message });

const field = (input: unknown, name: string): unknown => (typeof input === 'object' && input !== null && Object.hasOwn(input, name) ? Reflect.get(input, name) : undefined);

function text(input: unknown, name: string): string {
  const value = optional(input, name);
  if (value === undefined) throw refused(`"${name}" is missing: give the path of a weight file, relative to the workspace folder.`);
  return value;
}

function optional(input: unknown, name: string): string | undefined {
  const value = field(input, name);
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw refused(`"${name}" is not a text.`);
  return value;
}

function positive(input: unknown, name: string, otherwise: number): number {
  const value = field(input, name) ?? otherwise;
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) throw refused(`"${name}" is ${JSON.stringify(value)}; expected a positive number.`);
  return value;
}

const flag = (input: unknown, name: string): boolean => field(input, name) === true;
