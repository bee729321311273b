/**
 * The way from one network to another, a draw less the mode, a difference of checkpoints, an optimiser's step, split into what the data see and
 * what they do not: image and kernel of the GGN (curvature/image.ts).
 */
import type { GgnImage, SplitDirection } from '../curvature/image.ts';
import { sameLayout, type Network } from '../network/network.ts';
import { readState } from '../network/parameters.ts';
import { requireNetwork } from '../network/readNetwork.ts';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { JsonValue, Section } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { RankRequest } from '../protocol/service.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';

export interface DirectionOfReport {
  readonly file: string;
  readonly split: SplitDirection;
}

/** θ of the other network less θ of this one. @throws WeightFileError when it is another network, or a set of draws */
export async function readDirection(path: string, network: Network, state: Float64Array, options: RankRequest): Promise<Float64Array> {
  const file = await openWeightFile(path);
  try {
    const { network: own, leading } = await requireNetwork(file, options);
    if (leading.length > 0) throw new WeightFileError(path, '', `holds ${leading.join(' × ')} draws; a direction leads to one network`);
    if (!sameLayout(network, own)) throw new WeightFileError(path, '', `does not hold the same network as ${showName(options.file)}, so there is no direction towards it`);
    const other = await readState(file, own);
    return other.subarray(0, network.parameters).map((value, i) => value - state[i]!);
  } finally {
    await file.close();
  }
}

export async function splitDirection(image: GgnImage, file: string, direction: Float64Array, context: JobContext): Promise<DirectionOfReport> {
  context.progress({ message: 'Splitting the direction into image and kernel' });
  return { file, split: await image.split(direction, context) };
}

export function directionSections({ file, split }: DirectionOfReport, data: string): Section[] {
  const { image, kernel } = split.squared;
  const total = image + kernel;
  const share = (part: number, whole: number): string => (whole === 0 ? '–' : `${formatNumber((100 * part) / whole, 3)} %`);
  return [
    {
      kind: 'figures', id: 'direction', title: `Direction towards ${showName(file)}`,
      meaning: total === 0
        ? 'Both files hold the same weights.'
        : `${share(kernel, total)} of the squared way lies in the kernel of the GGN: to first order it does not change the outputs on ${data}. Along the rest the loss rises, by the quadratic model, by ½ dᵀGd = ${formatNumber(0.5 * split.curvature, 3)} nats.`,
      figures: [
        { label: 'Length', value: formatNumber(Math.sqrt(total), 4), detail: 'Euclidean, of all parameters' },
        { label: 'In the image', value: share(image, total), detail: `length ${formatNumber(Math.sqrt(image), 3)}` },
        { label: 'In the kernel', value: share(kernel, total), detail: `length ${formatNumber(Math.sqrt(kernel), 3)}` },
        { label: 'Curvature dᵀGd', value: formatNumber(split.curvature, 4), detail: `${formatNumber(split.kernelCurvature, 2)} of it along the kernel part: rounding` },
      ],
    },
    {
      kind: 'table', id: 'direction-layers', title: 'The direction by tensor', meaning: 'Where the way lies, and how much of it the data see.',
      columns: [{ label: 'Tensor', align: 'left' }, { label: 'Parameters', align: 'right' }, { label: 'Share of the way', align: 'right' }, { label: 'of which kernel', align: 'right' }],
      rows: split.blocks.map(({ blocks, image: seen, kernel: unseen }) => [blocks.map(({ tensor }) => showName(tensor)).join(', '), formatCount(blocks.reduce((sum, { length }) => sum + length, 0)), share(seen + unseen, total), share(unseen, seen + unseen)]),
    },
  ];
}

export function directionResult({ file, split }: DirectionOfReport): JsonValue {
  return {
    file, squaredLength: split.squared.image + split.squared.kernel, squaredImage: split.squared.image, squaredKernel: split.squared.kernel, curvature: split.curvature, kernelCurvature: split.kernelCurvature,
    tensors: split.blocks.map(({ blocks, image, kernel }) => ({ tensors: blocks.map(({ tensor }) => tensor), squaredImage: image, squaredKernel: kernel })),
  };
}
