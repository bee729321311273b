/**
 * The analysis service as one interface: what the analysis host serves, and what the extension and the command line ask for.
 * The wire types of `rpc.ts` are derived from it, so that a method cannot exist on one side only.
 */
import type { BinAxis, Report, TensorStatistics } from './report.ts';

export interface AnalysisService {
  inspect(request: InspectRequest): Report;
  /** What changed between two weight files, tensor by tensor. */
  diff(request: DiffRequest): Report;
  canonicalize(request: CanonicalizeRequest): Report;
  align(request: AlignRequest): Report;
  compare(request: CompareRequest): Report;
  rank(request: RankRequest): Report;
  posterior(request: PosteriorRequest): Report;
  predict(request: PredictRequest): Report;
  example(request: ExampleRequest): Report;
  /** Header only, for hovers, decorations and for deciding what to ask the user. */
  summarize(request: SummarizeRequest): WeightSummary;
  /** One tensor in detail, for the viewer. */
  tensorDetail(request: TensorDetailRequest): TensorDetail;
  /** What the host runs on. */
  environment(request: Record<string, never>): Environment;
}

/** How a weight file becomes a network; what is left out is inferred, and an error says what could not be. */
export interface NetworkOptions {
  /** Path of a network description (`NAME.network.json`), or of another file of the network that tells it, such as an ONNX export. */
  readonly network?: string;
  /** `relu`, `leaky_relu:0.01`, `tanh`, …: the hidden activation of a file that names dense layers only. */
  readonly activation?: string;
}

export type Likelihood = 'gaussian' | 'categorical' | 'bernoulli';

/** A request of which the data have decided what was left open. */
export type Decided<Request extends { readonly likelihood?: Likelihood }> = Request & { readonly likelihood: Likelihood };

export interface InspectRequest extends NetworkOptions {
  readonly files: readonly string[];
  /** Reads every weight once; without it the header alone. */
  readonly statistics: boolean;
  /** Leaves out of the result the list of tensors, which a report's section has as well: for a page that shows a hundred thousand. */
  readonly brief?: boolean;
}

export interface DiffRequest {
  /** Before and after. */
  readonly files: readonly [string, string];
  /** As for `inspect`. */
  readonly brief?: boolean;
}

export type ScalingForm = 'unit' | 'balanced' | 'none';
export type PermutationForm = 'sorted' | 'none';
export type SignForm = 'fixed' | 'none';

export interface CanonicalizeRequest extends NetworkOptions {
  readonly files: readonly string[];
  /** Folder for the results, `NAME.canonical.safetensors` each; or, with one file, the result's own path in `outFile`. */
  readonly out: { readonly folder: string } | { readonly file: string };
  readonly overwrite: boolean;
  readonly scaling: ScalingForm;
  readonly permutation: PermutationForm;
  readonly sign: SignForm;
  /** Whether `balanced` counts biases in the mass that it minimises. */
  readonly countBiases: boolean;
  /** Inputs `x` on which the function is compared before and after; generic ones when left out. */
  readonly data?: string;
  readonly seed: number;
}

export const alignMethods = ['weights', 'activations', 'universe'] as const;
/** Weight matching to the reference; by responses to data; or all networks at once, the reference among them (cycle-consistent). */
export type AlignMethod = (typeof alignMethods)[number];

export interface AlignRequest extends NetworkOptions {
  readonly reference: string;
  readonly files: readonly string[];
  /** Folder for the results, `NAME.aligned.safetensors` each; or, with one file, its path. */
  readonly out: { readonly folder: string } | { readonly file: string };
  readonly overwrite: boolean;
  readonly method: AlignMethod;
  /** Weight matching: ascents from random orders besides the one from the network as it is; left out: two, none for large networks. */
  readonly restarts?: number;
  /** For the loss along the line, and the inputs that units respond to. */
  readonly data?: string;
  /** Left out: categorical where `y` are class numbers of a network with more outputs, gaussian elsewhere. */
  readonly likelihood?: Likelihood;
  readonly seed: number;
}

export interface CompareRequest extends NetworkOptions {
  readonly files: readonly [string, string];
  /** Inputs on which the functions are compared and, with targets, the loss along the line between the weights. */
  readonly data?: string;
  /** Left out: categorical where `y` are class numbers of a network with more outputs, gaussian elsewhere. */
  readonly likelihood?: Likelihood;
  readonly seed: number;
}

export const stepKinds = ['gradient', 'optimizer'] as const;
export type StepKind = (typeof stepKinds)[number];

export interface RankRequest extends NetworkOptions {
  readonly file: string;
  /** `.npz`, `.safetensors`, `.csv` or `.pt` with `x` (N×d) and optionally `y`. Without it, `inputs` generic inputs are drawn. */
  readonly data?: string;
  readonly inputs: number;
  /** Left out: categorical where `y` are class numbers of a network with more outputs, gaussian elsewhere. */
  readonly likelihood?: Likelihood;
  /** Standard deviation of Gaussian observation noise. */
  readonly noise: number;
  readonly priorPrecision: number;
  /** Another network of the same layout, or draws of it (as `posterior` takes them, a folder as well): the ways towards them are split into image and kernel. */
  readonly toward?: string;
  /** Which of the draws, from 1 on, in the order of the file or folder; all of them when left out. */
  readonly draw?: number;
  /** A step of training, split instead of a way: against the gradient of the negative log posterior, or as the optimiser's state in the file says. */
  readonly step?: StepKind;
  readonly seed: number;
}

export type DrawAxes = 'draw' | 'chain,draw';

export const scaleForms = ['softplus', 'exp', 'log-variance', 'deviation', 'variance'] as const;
/** What a file's scales are: ρ with s = log(1 + e^ρ), log s, log s², s, or s². */
export type ScaleForm = (typeof scaleForms)[number];

export const fileMeanings = ['draws', 'trajectory', 'dropout'] as const;
/** What several networks, or one, stand for: draws; iterates of SGD, to which SWAG fits a Gaussian; a network whose units are dropped at random. */
export type FileMeaning = (typeof fileMeanings)[number];

/** How weight files become draws of a posterior; what is left out is read off the files. */
export interface DrawOptions extends NetworkOptions {
  readonly axes?: DrawAxes;
  readonly as?: FileMeaning;
  /** Where the names of a mean-field Gaussian's scales mislead. */
  readonly scale?: ScaleForm;
  /** For a network whose graph has no dropout layers. */
  readonly dropoutRate?: number;
}

export interface PosteriorRequest extends DrawOptions {
  /** One draw a file, a folder of them, one file whose arrays carry leading draw axes, or files that hold a Gaussian over weights. */
  readonly files: readonly string[];
  /** How many draws of a Gaussian or of dropout masks; 1,000 when left out. */
  readonly draws?: number;
  /** Inputs `x` at which draws are compared as functions; standard normal ones without it. */
  readonly data?: string;
  /** With it, and targets `y` in the data, the draws are shown over the loss as well. */
  readonly likelihood?: Likelihood;
  readonly noise?: number;
  readonly priorPrecision?: number;
  readonly scaling: ScalingForm;
  /** `aligned` adds a stage in which the units of every draw are brought into the order closest to the first draw's. */
  readonly permutation?: 'sorted' | 'aligned';
  /** Names of the two parameters of the density plots, `TENSOR[i,j]`; by default two output weights. */
  readonly parameters?: readonly [string, string];
  readonly seed: number;
}

export const predictionMethods = [
  'sampled', 'linearized', 'linearized-sampled', 'projected', 'diffusion', 'diffusion-image', 'diffusion-kernel', 'last-layer', 'bayesian-last-layer', 'diagonal', 'swag', 'dropout', 'vi', 'ensemble', 'hmc',
] as const;
export type PredictionMethod = (typeof predictionMethods)[number];

/** Planes of weight space in which draws are shown: of an image and a kernel direction of the GGN, of two principal components of all draws or of a method's own, of two parameters. */
export const projectionPlanes = ['image-kernel', 'components', 'own-components', 'parameters'] as const;
export type ProjectionPlane = (typeof projectionPlanes)[number];

export const optimizerNames = ['adam', 'sgd'] as const;

/** Maximum a posteriori: the prior is the weight decay. */
export interface TrainRequest {
  readonly optimizer: (typeof optimizerNames)[number];
  readonly epochs: number;
  /** Of the mean loss of an input; by default 0.01 for Adam, and for SGD with momentum 0.01, less where the noise is small. */
  readonly learningRate?: number;
}

export interface PredictRequest extends DrawOptions {
  /** One network at its mode; or draws of a posterior, in every form that `posterior` takes. */
  readonly files: readonly string[];
  /** Training data, `x` and `y`. */
  readonly data: string;
  /** Inputs to predict at, `x`, and `y` where they are to be scored. */
  readonly test?: string;
  /** In the order in which they are shown; when left out, what the files are for: a network's Laplace posteriors, or the draws that they hold. */
  readonly methods?: readonly PredictionMethod[];
  /** Trains on from the network in the file first, to the mode of this posterior. */
  readonly train?: TrainRequest;
  /** Left out: categorical where `y` are class numbers of a network with more outputs, gaussian elsewhere. */
  readonly likelihood?: Likelihood;
  readonly noise: number;
  /** α, or `evidence`: where the Laplace evidence is largest (with the noise, for a Gaussian likelihood). */
  readonly priorPrecision: number | 'evidence';
  /** S, of each method that samples. */
  readonly draws: number;
  readonly diffusionSteps: number;
  /** The plane in which draws are shown at first; by default the first that there is. */
  readonly plane?: ProjectionPlane;
  /** Names of the parameters that span the plane `parameters`; by default two output weights. */
  readonly parameters?: readonly [string, string];
  readonly seed: number;
}

export const exampleNames = ['two-neurons', 'sine', 'digits'] as const;
export type ExampleName = (typeof exampleNames)[number];

export interface ExampleRequest {
  readonly name: string;
  /** Folder that receives the example; created when missing. */
  readonly out: string;
  /** Trains on this file's `x` and `y` instead of the generated data. */
  readonly data?: string;
  readonly networks: number;
  readonly seed: number;
  readonly overwrite: boolean;
}

export interface SummarizeRequest extends NetworkOptions {
  readonly file: string;
  /** Names of tensors that are looked for among all, however many there are. */
  readonly named?: readonly string[];
}

export interface TensorShape {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

export interface WeightSummary {
  readonly file: string;
  readonly format: string;
  readonly fileBytes: number;
  readonly tensors: number;
  readonly parameters: number;
  readonly dtypes: readonly string[];
  /** All of them up to 2,000, in file order. */
  readonly shapes: readonly TensorShape[];
  /** Those that the request named and the file holds. */
  readonly named?: readonly TensorShape[];
  /** Of a file that is part of a model. */
  readonly shard?: { readonly index: number; readonly count: number; readonly model: string };
  readonly metadata: Readonly<Record<string, string>>;
  readonly network: NetworkSummary;
  readonly holds: Holding;
}

/** What a file's weights are: one network (or nothing known), draws of one, SWAG's moments, a mean-field Gaussian. */
/** `tensorflow`: a model that TensorFlow.js alone runs, forwards only. */
export type Holding = 'network' | 'draws' | 'swag' | 'mean-field' | 'tensorflow';

export type NetworkSummary =
  | { readonly kind: 'recognised'; readonly description: string; readonly parameters: number; readonly symmetry: string }
  /** Dense layers whose activation nothing in the file tells: the user is asked once. */
  | { readonly kind: 'activation-needed'; readonly description: string }
  | { readonly kind: 'unrecognised'; readonly reason: string };

export interface TensorDetailRequest {
  readonly file: string;
  /** As the file spells it. */
  readonly tensor: string;
  /** Index along each axis but the last two: the matrix that the heat map is to show. Without it the first axis runs down and all others across; a vector is one row. */
  readonly slice?: readonly number[];
}

export interface TensorDetail {
  readonly file: string;
  readonly tensor: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Of the whole tensor, also where a slice is shown. */
  readonly statistics: TensorStatistics;
  /** Finer than that of the statistics; no counts when no element is finite. */
  readonly histogram: { readonly axis: BinAxis; readonly counts: readonly number[] };
  readonly heatMap: HeatMap;
}

/**
 * A matrix in cells of neighbouring elements, at most 256 × 256 of them: cell (i, j) holds the rows ⌊i·rows/cellRows⌋ to
 * ⌊(i+1)·rows/cellRows⌋ and the columns alike. Row-major arrays of cellRows · cellColumns numbers.
 */
export interface HeatMap {
  readonly slice: readonly number[];
  readonly rows: number;
  readonly columns: number;
  readonly cellRows: number;
  readonly cellColumns: number;
  /** Of the cell's finite elements; NaN when there are none. */
  readonly mean: readonly number[];
  readonly min: readonly number[];
  readonly max: readonly number[];
  /** NaN and infinite elements of each cell; empty when the matrix has none. */
  readonly notFinite: readonly number[];
}

export interface Environment {
  readonly version: string;
  readonly node: string;
  readonly processId: number;
  readonly cores: number;
  readonly memoryLimitBytes: number;
  /** Native TensorFlow is optional: the version of tfjs-node and of its library, or why it is not there. */
  readonly tensorflow: { readonly available: true; readonly version: string; readonly library: string } | { readonly available: false; readonly reason: string };
}
