/**
 * The analyses for programs: `import { rank } from 'quotient'`. Each function answers one question with the report that the command line
 * and the panels show; `fullResult(report)` is what the command of the same name prints with `--json`. What is left out is as there.
 *
 * All throw `UserError`, whose message is one sentence for people, for input that cannot be used, and the reason of `signal` once that is aborted.
 */
import { analyses } from '../analyses/service.ts';
import { machineMemory } from '../protocol/machineMemory.ts';
import type { Progress } from '../protocol/rpc.ts';
import type { Report } from '../protocol/report.ts';
import { UserError } from '../protocol/userError.ts';
import type { AlignRequest, CanonicalizeRequest, CompareRequest, InspectRequest, PosteriorRequest, PredictRequest, RankRequest } from '../protocol/service.ts';

export { fullResult } from '../protocol/fullResult.ts';
export { MemoryLimitError, UserError } from '../protocol/userError.ts';
export type { Progress } from '../protocol/rpc.ts';
export type * from '../protocol/report.ts';
export type { AlignMethod, DrawAxes, FileMeaning, Likelihood, PermutationForm, PredictionMethod, ProjectionPlane, ScaleForm, ScalingForm, SignForm, StepKind, TrainRequest } from '../protocol/service.ts';

export interface JobOptions {
  /** Stops the work soon after it is aborted. */
  readonly signal?: AbortSignal;
  readonly progress?: (progress: Progress) => void;
  /** Bytes that the job may plan to use; half of the machine's memory when left out. What would need more is refused beforehand. */
  readonly memoryLimitBytes?: number;
}

type Files = string | readonly string[];

export type InspectOptions = JobOptions & Partial<Omit<InspectRequest, 'files' | 'brief'>>;

/** What is in weight files: tensors, statistics (unless `statistics: false`), the network recognised and its symmetries. */
export async function inspect(files: Files, options: InspectOptions = {}): Promise<Report> {
  const [job, request] = split(options);
  return analyses.inspect({ statistics: true, ...request, files: listed('inspect', files) }, context(job));
}

export type RankOptions = JobOptions & Partial<Omit<RankRequest, 'file'>>;

/** Rank, spectrum and kernel of the generalised Gauss–Newton matrix, on `data` or on generic inputs. */
export async function rank(file: string, options: RankOptions = {}): Promise<Report> {
  const [job, request] = split(options);
  return analyses.rank({ inputs: 2000, noise: 1, priorPrecision: 1, seed: 0, ...request, file: path('rank', file) }, context(job));
}

export type CompareOptions = JobOptions & Partial<Omit<CompareRequest, 'files'>>;

/** Whether two networks are the same function, the same up to symmetry, or different; and how far apart. */
export async function compare(first: string, second: string, options: CompareOptions = {}): Promise<Report> {
  const [job, request] = split(options);
  return analyses.compare({ seed: 0, ...request, files: [path('compare', first), path('compare', second)] }, context(job));
}

/** `out` is the one thing that has to be said: the folder, or with one file its path. */
export type CanonicalizeOptions = JobOptions & Pick<CanonicalizeRequest, 'out'> & Partial<Omit<CanonicalizeRequest, 'files' | 'out'>>;

/** Writes the canonical representative of each network; refuses where its function would not be the same. */
export async function canonicalize(files: Files, options: CanonicalizeOptions): Promise<Report> {
  const [job, request] = split(options);
  if ((request.out as unknown) === undefined) throw new UserError("canonicalize has to be told where to write: { out: { folder: 'out' } } or, for one network, { out: { file: 'new.safetensors' } }");
  return analyses.canonicalize({ overwrite: false, scaling: 'unit', permutation: 'sorted', sign: 'fixed', countBiases: false, seed: 0, ...request, files: listed('canonicalize', files) }, context(job));
}

export type AlignOptions = JobOptions & Pick<AlignRequest, 'out'> & Partial<Omit<AlignRequest, 'reference' | 'files' | 'out'>>;

/** Brings the units of networks into the order of a reference, and writes them. */
export async function align(reference: string, files: Files, options: AlignOptions): Promise<Report> {
  const [job, request] = split(options);
  if ((request.out as unknown) === undefined) throw new UserError("align has to be told where to write: { out: { folder: 'out' } } or, for one network, { out: { file: 'new.safetensors' } }");
  return analyses.align({ overwrite: false, method: 'weights', seed: 0, ...request, reference: path('align', reference), files: listed('align', files) }, context(job));
}

export type PosteriorOptions = JobOptions & Partial<Omit<PosteriorRequest, 'files'>>;

/** A set of draws, one a file or all in one, before and after its symmetries are removed. */
export async function posterior(files: Files, options: PosteriorOptions = {}): Promise<Report> {
  const [job, request] = split(options);
  return analyses.posterior({ scaling: 'unit', permutation: 'sorted', seed: 0, ...request, files: listed('posterior', files) }, context(job));
}

/** `data` is the one thing that has to be said: what the network was trained on. */
export type PredictOptions = JobOptions & Pick<PredictRequest, 'data'> & Partial<Omit<PredictRequest, 'files' | 'data'>>;

/** Posterior predictives by several methods side by side, scored. */
export async function predict(files: Files, options: PredictOptions): Promise<Report> {
  const [job, request] = split(options);
  if (typeof (request.data as unknown) !== 'string') throw new UserError("predict needs the data that the network was trained on: predict('net.safetensors', { data: 'data.npz' })");
  return analyses.predict({ noise: 1, priorPrecision: 1, draws: 200, diffusionSteps: 20, seed: 0, ...request, files: listed('predict', files) }, context(job));
}

const listed = (name: string, files: Files): readonly string[] => (Array.isArray(files) ? files as readonly string[] : [files as string]).map((file) => path(name, file));

/** Not everybody's program is typed. @throws UserError */
function path(name: string, file: unknown): string {
  if (typeof file === 'string') return file;
  throw new UserError(`${name} takes ${name === 'compare' ? 'two paths of weight files' : 'the path of a weight file'}, then options: ${name}(${name === 'compare' || name === 'align' ? "'a.safetensors', 'b.safetensors'" : "'net.safetensors'"}, { … }); there was ${file === null || file === undefined ? String(file) : `a value of type ${typeof file}`} in a path's place`);
}

function split<T extends JobOptions>(options: T | undefined): [job: JobOptions, request: Omit<T, keyof JobOptions>] {
  const { signal, progress, memoryLimitBytes, ...request } = options ?? ({} as T);
  return [{ ...(signal === undefined ? {} : { signal }), ...(progress === undefined ? {} : { progress }), ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }) }, request];
}

function context({ signal, progress, memoryLimitBytes }: JobOptions): { signal: AbortSignal; progress: (progress: Progress) => void; memoryLimitBytes: number } {
  return { signal: signal ?? new AbortController().signal, progress: progress ?? (() => undefined), memoryLimitBytes: memoryLimitBytes ?? machineMemory() / 2 };
}
