/** Which plane through ŵ the rank report shows, and what is to be seen there. */
import type { ConstrainedDirection } from '../curvature/directions.ts';
import { lossPlane, type LossPlane } from '../curvature/lossPlane.ts';
import { planePrecision } from '../curvature/planeGaussian.ts';
import type { CurvatureProblem } from '../curvature/problem.ts';
import { largestScalingOrbits, type ScalingOrbit } from '../curvature/scalingOrbit.ts';
import { seededRandom } from '../linalg/random.ts';
import type { Network } from '../network/network.ts';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { FieldsSection, JsonValue } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { RankRequest } from '../protocol/service.ts';
import { showName } from '../weights/weightFileError.ts';

/** Multiplications that the picture may take: a second or two. */
const PLANE_PRODUCTS = 1e9;
/** Units tried until one is found that the data constrain. */
const TRIED_UNITS = 8;
/** Tensors that say where a direction lies. */
const NAMED_TENSORS = 3;

export type PlaneOfReport =
  | {
    readonly kind: 'plane';
    readonly plane: LossPlane;
    /** The unit whose scaling orbit lies in the plane; or a kernel direction, or without a kernel the least constrained one, with the valley followed. */
    readonly across: Pick<ScalingOrbit, 'layer' | 'unit'> | 'kernel' | 'least';
    /** Where the image direction lies, largest share first: parts of its squared length by tensor. */
    readonly imageShares: readonly { readonly tensor: string; readonly share: number }[];
    readonly likelihood: CurvatureProblem['likelihood'];
    readonly priorPrecision: number;
    readonly targets: boolean;
  }
  | { readonly kind: 'omitted'; readonly why: string };

/**
 * The plane of a unit's scaling symmetry, where there is one that the data constrain; otherwise that of the best constrained direction
 * and one of the kernel, or of the least constrained when there is no kernel.
 * @param directions undefined where they would have taken too long
 */
export async function planeOfReport(problem: CurvatureProblem, targets: Float64Array | undefined, tolerance: number, directions: readonly ConstrainedDirection[] | undefined, { priorPrecision, seed }: RankRequest, context: JobContext): Promise<PlaneOfReport> {
  const chosen = (await constrainedOrbit(problem, tolerance, context)) ?? directionsOf(directions);
  if (chosen === undefined) return { kind: 'omitted', why: directions === undefined ? 'its directions are eigenvectors of the GGN, which take too long for this many data and parameters' : 'there are no two directions to show, one of which the data constrain' };
  const { kernel, image, orbit, across } = chosen;
  const plane = await lossPlane({ problem, targets, priorPrecision, kernel, image, orbit, products: PLANE_PRODUCTS, random: seededRandom(seed) }, context);
  if (plane === undefined) return { kind: 'omitted', why: 'the many evaluations of this network that it takes would last too long' };
  return { kind: 'plane', plane, across, imageShares: sharesOf(problem.network, image), likelihood: problem.likelihood, priorPrecision, targets: targets !== undefined };
}

function sharesOf(network: Network, direction: Float64Array): { readonly tensor: string; readonly share: number }[] {
  const squares = network.blocks.filter(({ trainable }) => trainable).map(({ tensor, offset, length }) => ({ tensor, share: direction.subarray(offset, offset + length).reduce((sum, value) => sum + value * value, 0) }));
  const total = squares.reduce((sum, { share }) => sum + share, 0);
  return squares.map(({ tensor, share }) => ({ tensor, share: share / total })).filter(({ share }) => share > 0).toSorted((a, b) => b.share - a.share);
}

interface ChosenPlane {
  readonly kernel: Float64Array;
  readonly image: Float64Array;
  readonly orbit: ScalingOrbit['at'] | undefined;
  readonly across: Extract<PlaneOfReport, { kind: 'plane' }>['across'];
}

/** @param tolerance singular values at or below it are none */
async function constrainedOrbit(problem: CurvatureProblem, tolerance: number, context: JobContext): Promise<ChosenPlane | undefined> {
  for (const { kernel, image, at, layer, unit } of largestScalingOrbits(problem.network, problem.state, TRIED_UNITS)) {
    const { yy } = await planePrecision(problem, kernel, image, 0, context);
    if (Math.sqrt(yy) > tolerance) return { kernel, image, orbit: at, across: { layer, unit } };
  }
  return undefined;
}

function directionsOf(directions: readonly ConstrainedDirection[] | undefined): ChosenPlane | undefined {
  const find = (kind: ConstrainedDirection['kind']): Float64Array | undefined => directions?.find((direction) => direction.kind === kind)?.direction;
  const [image, kernel, least] = [find('most'), find('kernel'), find('least')];
  const across = kernel ?? least;
  return image === undefined || across === undefined ? undefined : { kernel: across, image, orbit: undefined, across: kernel === undefined ? 'least' : 'kernel' };
}

export function planeSection(found: PlaneOfReport): FieldsSection[] {
  if (found.kind === 'omitted') return [];
  const { plane: { halfWidth, halfHeight, bins, values, ellipse, curve, precision }, across, priorPrecision } = found;
  const unit = typeof across === 'object';
  const numbers = values.filter((value) => value !== null);
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const curvature = formatNumber(precision.yy - priorPrecision, 3);
  return [{
    kind: 'fields', id: 'plane', title: 'The loss in a plane through ŵ',
    meaning: `${axesSentence(found, curvature)} ${curveSentence(found)} ${ellipseSentence(found)}`,
    xLabel: unit ? 'kernel: scaling of the unit' : across === 'kernel' ? 'kernel direction' : 'least constrained direction',
    yLabel: unit ? 'growth of the unit' : 'best constrained direction',
    valueLabel: lossLabel(found),
    colours: low >= 0 && high > 20 * low ? 'log' : 'sequential',
    panels: [{
      title: unit ? `Unit ${across.unit} of layer ${across.layer}` : 'Image and kernel', meaning: 'Distances from ŵ in weight space.',
      x: { min: -halfWidth, max: halfWidth, bins }, y: { min: -halfHeight, max: halfHeight, bins, direction: 'up' }, values,
      curves: [
        { label: unit ? 'reparameterisations: the same function' : 'valley: the least changed functions', ...curve },
        { label: 'Laplace approximation, two standard deviations', ...ellipse },
      ],
      points: [{ label: 'ŵ', x: [0], y: [0] }],
    }],
  }];
}

function lossLabel({ targets, likelihood }: Extract<PlaneOfReport, { kind: 'plane' }>): string {
  if (!targets) return 'mean squared change of the outputs';
  return likelihood.kind === 'gaussian' ? 'loss ½(y − f)²/σ² a data point' : 'mean negative log-likelihood, nats';
}

function axesSentence({ across, imageShares }: Extract<PlaneOfReport, { kind: 'plane' }>, curvature: string): string {
  if (typeof across === 'object') return `Horizontally unit ${across.unit} of layer ${across.layer} takes in more and gives out less, a direction of the kernel; vertically it grows as a whole, a direction of the image with curvature ${curvature}.`;
  const shares = imageShares.slice(0, NAMED_TENSORS).map(({ tensor, share }) => `${formatNumber(100 * share, 2)} % of it in ${showName(tensor)}`).join(', ');
  return `Vertically the best constrained direction, the eigenvector of the GGN’s largest eigenvalue ${curvature} (${shares}; it is among the directions shown below); horizontally ${across === 'kernel' ? 'a random direction of the kernel' : 'the least constrained, there being no kernel'}.`;
}

function curveSentence({ plane: { loss, lossOnCurve }, across, targets }: Extract<PlaneOfReport, { kind: 'plane' }>): string {
  if (typeof across === 'object') return targets ? `Along the curve of reparameterisations the loss stays what it is at ŵ, ${formatNumber(loss, 3)}.` : 'Along the curve of reparameterisations no output changes.';
  return targets ? `Along the valley of least change it goes from ${formatNumber(loss, 3)} at ŵ to at most ${formatNumber(lossOnCurve, 3)}.` : `Along the valley of least change it reaches ${formatNumber(lossOnCurve, 3)}.`;
}

function ellipseSentence({ plane: { loss, doubled, lossAtEnd, halfWidth, ellipse, inputs }, targets }: Extract<PlaneOfReport, { kind: 'plane' }>): string {
  const reach = Math.max(...ellipse.x);
  const cut = reach > halfWidth ? ` The ellipse is ${formatNumber(reach / halfWidth, 2)} times as wide as the picture.` : '';
  const over = `${formatCount(inputs)} inputs`;
  const end = formatNumber(lossAtEnd, 3);
  if (!targets) return `At the end of the ellipse’s long axis, two standard deviations out, the outputs have changed by ${formatNumber(Math.sqrt(lossAtEnd), 3)} (root mean square over ${over}).${cut}`;
  const where = doubled === null ? `has not doubled within two standard deviations along the ellipse’s long axis (${end} there, ${formatNumber(loss, 3)} at ŵ)` : doubled > 1.95 ? `has doubled two standard deviations along the ellipse’s long axis (${end} there, ${formatNumber(loss, 3)} at ŵ)` : `has doubled ${formatNumber(doubled, 2)} standard deviations along the ellipse’s long axis, and is ${end} at two (${formatNumber(loss, 3)} at ŵ)`;
  return `Where the Gaussian goes straight on, the loss over ${over} ${where}.${cut}`;
}

export function planeResult(found: PlaneOfReport): JsonValue {
  if (found.kind === 'omitted') return null;
  const { plane: { inputs, loss, precision, doubled, lossAtEnd, lossOnCurve }, across, imageShares, priorPrecision } = found;
  return {
    // A unit, "kernel" or "least".
    across: typeof across === 'object' ? { layer: across.layer, unit: across.unit } : across,
    // "growth" of that unit, or the "most" constrained direction, and which tensors it lies in.
    image: typeof across === 'object' ? 'growth' : 'most',
    imageShares: imageShares.map(({ tensor, share }) => ({ tensor, share })),
    curvature: precision.yy - priorPrecision,
    data: inputs,
    // As `loss` names it, at ŵ, at the worse end of the ellipse's long axis, and the largest on the curve.
    loss: lossLabel(found),
    lossAtMode: loss,
    lossAtTwoDeviations: lossAtEnd,
    lossOnCurve,
    // Standard deviations along the long axis; null when it has not doubled within two.
    doubledAt: doubled,
  };
}
