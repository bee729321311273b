/**
 * A report is what every analysis returns and everything else shows: plain data that survives JSON, a structured clone and a
 * reload of the window. Host, command line, HTML export and webview all consume this one type. Arrays are aggregated before
 * they get here (histograms, at most some thousand points), so that a report stays small however large the weights are.
 */

import type { DifferenceTable } from './differenceTable.ts';
import type { TensorTable } from './tensorTable.ts';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export type AnalysisName = 'inspect' | 'diff' | 'canonicalize' | 'align' | 'compare' | 'rank' | 'posterior' | 'predict' | 'example';

export interface Report {
  readonly analysis: AnalysisName;
  /** What was asked, of what: "GGN rank and kernel of model.safetensors". */
  readonly title: string;
  /** The answer in one sentence. */
  readonly summary: string;
  /** Files that were read, as the request named them. */
  readonly sources: readonly string[];
  readonly sections: readonly Section[];
  /** Each says what is wrong and what to do about it. */
  readonly warnings: readonly string[];
  /** The machine-readable result, printed by `--json`; its fields are a contract with other programs. */
  readonly result: JsonValue;
  readonly provenance: Provenance;
}

export interface Provenance {
  readonly version: string;
  readonly seed: number | null;
  readonly seconds: number;
}

export type Section =
  | FiguresSection
  | TableSection
  | TensorsSection
  | DifferencesSection
  | DensitySection
  | SpectrumSection
  | WaterfallSection
  | HistogramSection
  | LinesSection
  | FieldsSection
  | ProjectionsSection;

interface SectionBase {
  /** Stable within one kind of report; names exported files and restores view state. */
  readonly id: string;
  readonly title: string;
  /** One or two sentences: what this section says about the user's own network. */
  readonly meaning: string;
  /** How to read the drawing, or what can be done with it: nothing to say where it is not drawn, such as in a terminal. */
  readonly drawing?: string;
  readonly warnings?: readonly string[];
}

/** A handful of headline numbers. */
export interface FiguresSection extends SectionBase {
  readonly kind: 'figures';
  readonly figures: readonly Figure[];
}

export interface Figure {
  readonly label: string;
  /** Formatted for reading. The exact number is in the report's result. */
  readonly value: string;
  /** Resolution, bracket, unit, or a word of explanation. */
  readonly detail?: string;
}

export interface TableSection extends SectionBase {
  readonly kind: 'table';
  readonly columns: readonly TableColumn[];
  readonly rows: readonly (readonly (string | number | null)[])[];
}

export interface TableColumn {
  readonly label: string;
  readonly align: 'left' | 'right';
}

/** What is in a weight file: the tree of the viewer. */
export interface TensorsSection extends SectionBase {
  readonly kind: 'tensors';
  /** The file, as the request named it: what more is asked for about one of its tensors is asked of it. */
  readonly file: string;
  readonly tensors: TensorTable;
}

export interface TensorRow {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Logical parameters: the product of the shape. */
  readonly elements: number;
  readonly bytes: number;
  /** What lies in the file, where that is not one number of `dtype` for each element. */
  readonly stored?: StoredForm;
  /** Absent until statistics were asked for, or for dtypes that hold no real numbers. */
  readonly statistics?: TensorStatistics;
}

export interface StoredForm {
  /** `U8` of a tensor that is read as `F32`; `Q4_K` of quantised blocks. */
  readonly dtype: string;
  /** Numbers, or blocks of numbers that share a scale. */
  readonly count: number;
  readonly elementsEach: number;
}

/** Of any set of elements: a tensor, a file. */
export interface ElementStatistics {
  readonly count: number;
  /** NaN, like `max`, `mean` and `standardDeviation`, when no element is finite. */
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Population standard deviation (divisor n) of the finite elements. */
  readonly standardDeviation: number;
  /** Euclidean norm of the finite elements. */
  readonly norm: number;
  readonly zeros: number;
  readonly nan: number;
  readonly infinite: number;
}

/** Shares of the finite elements that lie below each of `TensorStatistics.quantiles`. */
export const quantileLevels = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99] as const;

export interface TensorStatistics extends ElementStatistics {
  /** Of the finite elements at `quantileLevels`, interpolated linearly between neighbours (Hyndman & Fan 1996, type 7); empty when no element is finite. */
  readonly quantiles: readonly number[];
  /** Counts of the finite elements in equal bins on [min, max], at most 64, fewer for few elements; empty when no element is finite, one bin when all are equal. */
  readonly histogram: readonly number[];
  /** Quantiles, and the edges of bins, are known to this distance; 0 where they are exact. */
  readonly resolution: number;
}

/** Two weight files, tensor by tensor. */
export interface DifferencesSection extends SectionBase {
  readonly kind: 'differences';
  /** Short names of the two. */
  readonly before: string;
  readonly after: string;
  readonly tensors: DifferenceTable;
}

/**
 * Two-dimensional histograms of the same points under successive transformations. They are linked twice: panels with equal axes
 * are zoomed together, and points chosen in one panel can be found again in all others.
 */
export interface DensitySection extends SectionBase {
  readonly kind: 'density';
  readonly xLabel: string;
  readonly yLabel: string;
  /** False where x = y means nothing; otherwise the line is drawn. */
  readonly diagonal?: boolean;
  readonly panels: readonly DensityPanel[];
}

/** `bins` equal bins on [min, max]. */
export interface BinAxis {
  readonly min: number;
  readonly max: number;
  readonly bins: number;
}

export interface DensityPanel {
  readonly title: string;
  readonly meaning: string;
  readonly x: BinAxis;
  readonly y: BinAxis;
  /** y-major: counts[iy * x.bins + ix]. */
  readonly counts: readonly number[];
  readonly total: number;
  /** Points that fell outside the axes. */
  readonly outside: number;
  /** Some of the points one by one, at most some thousand; entry k is the same point in every panel. */
  readonly sample: { readonly x: readonly number[]; readonly y: readonly number[] };
}

/** Eigenvalues on a logarithmic axis, with what decides the rank. */
export interface SpectrumSection extends SectionBase {
  readonly kind: 'spectrum';
  readonly valueLabel: string;
  /** Descending. May be thinned to at most 4,096 points; `index` then gives each value's position (from 1). */
  readonly values: readonly number[];
  readonly index: readonly number[];
  readonly dimension: number;
  readonly rank: number;
  readonly rankBracket: readonly [number, number];
  /** Values at or below it count as zero. */
  readonly tolerance: number;
  /** Below it the method that ran cannot tell a value from zero. */
  readonly resolution: number;
}

/** A whole divided into parts that add up: D = data-limited + hidden + symmetry + rank. */
export interface WaterfallSection extends SectionBase {
  readonly kind: 'waterfall';
  /** What is counted. */
  readonly valueLabel: string;
  readonly total: WaterfallStep;
  readonly steps: readonly WaterfallStep[];
  readonly remainder: WaterfallStep;
}

export interface WaterfallStep {
  readonly label: string;
  readonly value: number;
  readonly meaning: string;
}

/** One-dimensional histograms on a common axis. */
export interface HistogramSection extends SectionBase {
  readonly kind: 'histogram';
  readonly xLabel: string;
  readonly axis: BinAxis;
  readonly series: readonly HistogramSeries[];
}

export interface HistogramSeries {
  readonly label: string;
  readonly counts: readonly number[];
  /** Where the counts are estimates: the standard error of each. */
  readonly errors?: readonly number[];
}

/** Curves, with an uncertainty band where they have one: barriers, predictive bands, rank against the number of data. */
export interface LinesSection extends SectionBase {
  readonly kind: 'lines';
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xScale: AxisScale;
  readonly yScale: AxisScale;
  /** Side by side with common axes, zoomed together; one is enough where curves can share a picture. */
  readonly panels: readonly LinePanel[];
}

export type AxisScale = 'linear' | 'log';

export interface LinePanel {
  /** May be empty where there is one panel only. */
  readonly title: string;
  readonly meaning: string;
  readonly series: readonly LineSeries[];
  /** Single points drawn over the curves: data. */
  readonly points?: { readonly label: string; readonly x: readonly number[]; readonly y: readonly number[] };
}

/** At most some thousand points; not finite: a gap. */
export interface LineSeries {
  readonly label: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** Not a finding but what to hold the others against: as sure as right, all alike. Muted in a picture, and nothing to say where there is none. */
  readonly reference?: true;
  /** What the shading around the curve is, "95 % of predictions" or "± 2 standard errors", and its edges. */
  readonly band?: { readonly label: string; readonly lower: readonly number[]; readonly upper: readonly number[] };
}

/** A quantity over a plane, as colours, with curves and points on it: a loss around ŵ, a direction as a picture of weights. */
export interface FieldsSection extends SectionBase {
  readonly kind: 'fields';
  readonly xLabel: string;
  readonly yLabel: string;
  readonly valueLabel: string;
  /** `diverging` has its neutral colour at zero, for signed values; `log` is sequential in log10 of positive values. */
  readonly colours: 'sequential' | 'diverging' | 'log';
  /** Lines of equal value: at powers of ten on a `log` scale. */
  readonly contours?: boolean;
  readonly panels: readonly FieldPanel[];
}

export interface FieldPanel {
  readonly title: string;
  readonly meaning: string;
  readonly x: BinAxis;
  /** Runs upwards, or downwards as rows of a matrix do. */
  readonly y: BinAxis & { readonly direction: 'up' | 'down' };
  /** Its cells are arranged one beside the other, and where they stand means nothing: the axes have neither names nor numbers. */
  readonly arranged?: true;
  /** y-major: values[iy * x.bins + ix], the value in the middle of the bin; null where there is none. */
  readonly values: readonly (number | null)[];
  /** At most some hundred points each. */
  readonly curves: readonly { readonly label: string; readonly x: readonly number[]; readonly y: readonly number[] }[];
  readonly points: readonly { readonly label: string; readonly x: readonly number[]; readonly y: readonly number[] }[];
}

/**
 * Draws of several methods in planes of weight space, over the loss there. All planes are in the report; which of them, before or after
 * symmetries are removed, and of which methods, is chosen on the page.
 */
export interface ProjectionsSection extends SectionBase {
  readonly kind: 'projections';
  /** Of the surfaces. */
  readonly valueLabel: string;
  readonly methods: readonly string[];
  /** The first is shown at first. */
  readonly planes: readonly PlaneOfDraws[];
}

export interface PlaneOfDraws {
  /** Equal for the same plane before and after. */
  readonly id: string;
  readonly label: string;
  readonly stage: 'drawn' | 'removed';
  readonly meaning: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** The same for all methods. */
  readonly x: BinAxis;
  readonly y: BinAxis;
  /** y-major as a field's values: one for all methods, or one a method. */
  readonly surfaces: readonly (readonly (number | null)[])[];
  /** ŵ. */
  readonly mode: readonly [number, number];
  /** In the order of `methods`; at most some hundred draws each. */
  readonly panels: readonly { readonly meaning: string; readonly x: readonly number[]; readonly y: readonly number[] }[];
}
