/**
 * Ways in weight space, to a draw or from one checkpoint to another or along a step of training, split into what the data see and what they do
 * not: image and kernel of the GGN (curvature/image.ts).
 */
import type { BlockShare, GgnImage, SplitDirection } from '../curvature/image.ts';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { Figure, JsonValue, Section } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { showName } from '../weights/weightFileError.ts';
import type { Ways } from './rankWays.ts';

export interface DirectionOfReport {
  readonly ways: Omit<Ways, 'ways'>;
  readonly splits: readonly SplitOfReport[];
  /** Of the GGN and of the network: what a direction at random has. */
  readonly kernelDimension: number;
  readonly parameters: number;
}

interface SplitOfReport extends Pick<SplitDirection, 'squared' | 'curvature' | 'kernelCurvature' | 'blocks'> {
  readonly number: number;
}

export async function splitWays(image: GgnImage, { ways, ...rest }: Ways, context: JobContext): Promise<DirectionOfReport> {
  const { parameters } = image.problem.network;
  const splits: SplitOfReport[] = [];
  for (const { number, direction } of ways) {
    context.progress({ message: ways.length === 1 ? 'Splitting the direction into image and kernel' : `Splitting direction ${splits.length + 1} of ${ways.length} into image and kernel`, fraction: splits.length / ways.length });
    const { squared, curvature, kernelCurvature, blocks } = await image.split(direction, context);
    splits.push({ number, squared, curvature, kernelCurvature, blocks });
  }
  return { ways: rest, splits, kernelDimension: parameters - image.rank, parameters };
}

const share = (part: number, whole: number): string => (whole === 0 ? '–' : `${formatNumber((100 * part) / whole, 3)} %`);
const total = ({ squared: { image, kernel } }: Pick<SplitOfReport, 'squared'>): number => image + kernel;

export function directionSections(report: DirectionOfReport, data: string): Section[] {
  const { splits } = report;
  const [first] = splits;
  if (first === undefined) return [];
  return [splits.length === 1 ? oneDirection(report, first, data) : manyDirections(report, data), tensorTable(splits), ...(splits.length === 1 ? [] : [drawTable(splits)])];
}

/** The answer in a sentence. */
export function directionSentence({ ways: { title }, splits }: DirectionOfReport): string {
  const { image, kernel } = sumOf(splits);
  return image + kernel === 0 ? `${title}: nothing moves.` : `${title}: ${share(kernel, image + kernel)} of the squared way lies in the kernel of the GGN, ${share(image, image + kernel)} in its image.`;
}

function oneDirection({ ways: { title, about, source }, kernelDimension, parameters }: DirectionOfReport, split: SplitOfReport, data: string): Section {
  const { squared: { image, kernel }, curvature, kernelCurvature } = split;
  const whole = total(split);
  const isStep = source === 'gradient' || source === 'optimizer';
  return {
    kind: 'figures', id: 'direction', title,
    meaning: whole === 0
      ? `${about}${isStep ? 'It is zero: nothing moves.' : 'Both files hold the same weights.'}`
      : `${about}${share(kernel, whole)} of the squared way lies in the kernel of the GGN: to first order it does not change the outputs on ${data}. Along the rest the loss ${isStep ? 'bends' : 'rises'}, by the quadratic model, by ½ dᵀGd = ${formatNumber(0.5 * curvature, 3)} nats.`,
    figures: [
      { label: 'Length', value: formatNumber(Math.sqrt(whole), 4), detail: 'Euclidean, of all parameters' },
      { label: 'In the image', value: share(image, whole), detail: `length ${formatNumber(Math.sqrt(image), 3)}` },
      { label: 'In the kernel', value: share(kernel, whole), detail: `length ${formatNumber(Math.sqrt(kernel), 3)}` },
      atRandom(kernelDimension, parameters),
      { label: 'Curvature dᵀGd', value: formatNumber(curvature, 4), detail: `${formatNumber(kernelCurvature, 2)} of it along the kernel part: rounding` },
    ],
  };
}

function atRandom(kernelDimension: number, parameters: number): Figure {
  return { label: 'A direction at random', value: share(kernelDimension, parameters), detail: 'in the kernel: its share of the dimensions' };
}

function manyDirections({ ways: { title, about, count }, splits, kernelDimension, parameters }: DirectionOfReport, data: string): Section {
  const shares = splits.map((split) => (total(split) === 0 ? 0 : split.squared.kernel / total(split)));
  const all = sumOf(splits);
  const looked = splits.length === count ? 'the draws' : `${formatCount(splits.length)} of ${formatCount(count)} draws, at even distances`;
  const curvature = splits.reduce((sum, split) => sum + split.curvature, 0) / splits.length;
  return {
    kind: 'figures', id: 'direction', title,
    meaning: `${about}Of the squared ways to ${looked}, ${share(all.kernel, all.image + all.kernel)} lie in the kernel of the GGN: to first order they do not change the outputs on ${data}. By the quadratic model the loss is ½ dᵀGd = ${formatNumber(0.5 * curvature, 3)} nats higher there, on average; where it is higher by much more, a draw has left the valley along the kernel.`,
    figures: [
      { label: 'Draws', value: formatCount(splits.length), detail: `of ${formatCount(count)}` },
      { label: 'Length', value: formatNumber(medianOf(splits.map((split) => Math.sqrt(total(split)))), 4), detail: 'Euclidean, of all parameters; the median' },
      { label: 'In the kernel', value: share(all.kernel, all.image + all.kernel), detail: `of a draw between ${share(Math.min(...shares), 1)} and ${share(Math.max(...shares), 1)}, half of them below ${share(medianOf(shares), 1)}` },
      atRandom(kernelDimension, parameters),
      { label: 'Curvature dᵀGd', value: formatNumber(curvature, 4), detail: 'mean' },
    ],
  };
}

function sumOf(parts: readonly Pick<SplitOfReport, 'squared'>[]): { readonly image: number; readonly kernel: number } {
  return { image: parts.reduce((sum, { squared }) => sum + squared.image, 0), kernel: parts.reduce((sum, { squared }) => sum + squared.kernel, 0) };
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** Squared lengths by tensor, summed over all ways. */
function tensorShares(splits: readonly SplitOfReport[]): BlockShare[] {
  return (splits[0]?.blocks ?? []).map(({ blocks }, b) => ({
    blocks, image: splits.reduce((sum, split) => sum + split.blocks[b]!.image, 0), kernel: splits.reduce((sum, split) => sum + split.blocks[b]!.kernel, 0),
  }));
}

function tensorTable(splits: readonly SplitOfReport[]): Section {
  const all = sumOf(splits);
  return {
    kind: 'table', id: 'direction-layers', title: splits.length === 1 ? 'The direction by tensor' : 'The directions by tensor', meaning: `Where the ${splits.length === 1 ? 'way lies' : 'ways lie'}, and how much of ${splits.length === 1 ? 'it' : 'them'} the data do not see.`,
    columns: [{ label: 'Tensor', align: 'left' }, { label: 'Parameters', align: 'right' }, { label: 'Share of the way', align: 'right' }, { label: 'Of it in the kernel', align: 'right' }],
    rows: tensorShares(splits).map(({ blocks, image, kernel }) => [blocks.map(({ tensor }) => showName(tensor)).join(', '), formatCount(blocks.reduce((sum, { length }) => sum + length, 0)), share(image + kernel, all.image + all.kernel), share(kernel, image + kernel)]),
  };
}

function drawTable(splits: readonly SplitOfReport[]): Section {
  return {
    kind: 'table', id: 'direction-draws', title: 'The directions one by one', meaning: 'To first order the kernel part of a way changes no output on these inputs; by what the loss does along it beyond that, sampled predictives differ from linearised ones.',
    columns: [{ label: 'Draw', align: 'right' }, { label: 'Length', align: 'right' }, { label: 'In the kernel', align: 'right' }, { label: 'Curvature dᵀGd', align: 'right' }],
    rows: splits.map((split) => [formatCount(split.number), formatNumber(Math.sqrt(total(split)), 4), share(split.squared.kernel, total(split)), formatNumber(split.curvature, 4)]),
  };
}

export function directionResult({ ways: { source, count }, splits }: DirectionOfReport): JsonValue {
  const all = sumOf(splits);
  const curvature = splits.reduce((sum, split) => sum + split.curvature, 0) / splits.length;
  return {
    // Sums over the draws, curvatures their means; of one way, its own.
    file: source, draws: count, squaredLength: all.image + all.kernel, squaredImage: all.image, squaredKernel: all.kernel, curvature,
    kernelCurvature: splits.reduce((sum, split) => sum + split.kernelCurvature, 0) / splits.length,
    tensors: tensorShares(splits).map(({ blocks, image, kernel }) => ({ tensors: blocks.map(({ tensor }) => tensor), squaredImage: image, squaredKernel: kernel })),
    ways: splits.map((split) => ({ draw: split.number, squaredImage: split.squared.image, squaredKernel: split.squared.kernel, curvature: split.curvature })),
  };
}
