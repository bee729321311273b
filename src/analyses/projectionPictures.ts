/** Draws in planes of weight space: the section of a report that shows them, what it says about the draws at hand, and the JSON. */
import type { ProjectedDraws, ProjectedPlane, Projections } from '../posterior/projections.ts';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { JsonValue, PlaneOfDraws, ProjectionsSection } from '../protocol/report.ts';
import type { ProjectionPlane } from '../protocol/service.ts';
import type { PlottedPair } from './plottedPair.ts';

export interface ProjectionWords {
  /** Of a method by its key. */
  readonly name: (method: string) => string;
  readonly pair: Pick<PlottedPair, 'names'>;
  /** D */
  readonly parameters: number;
  /** N */
  readonly data: number;
  /** Whether linearised Laplace is shown elsewhere in the report. */
  readonly withLinearised: boolean;
  /** What ŵ is, where that does not go without saying. */
  readonly mode?: string;
  /** Shown at first. */
  readonly first: ProjectionPlane | undefined;
}

/** None when there is no plane to show. */
export function projectionsSection(found: Projections, words: ProjectionWords): ProjectionsSection[] {
  if (found.planes.length === 0) return [];
  const planes = found.planes.map((plane): PlaneOfDraws => ({
    id: plane.kind, stage: plane.stage, ...planeWords(plane, words),
    x: plane.xAxis, y: plane.yAxis, mode: plane.origin,
    surfaces: plane.surfaces.map((values) => values.map((value) => (value === null ? null : rounded(value, 4)))),
    panels: plane.methods.map((method, k) => ({
      meaning: panelMeaning(method, found.draws[k]!, plane),
      x: Array.from(method.x, (value) => rounded(value, 5)), y: Array.from(method.y, (value) => rounded(value, 5)),
    })),
  }));
  const { first } = words;
  return [{
    kind: 'projections', id: 'projections', title: 'Draws in weight space',
    meaning: sectionMeaning(found, words),
    drawing: 'The colours behind the draws are this rise.',
    valueLabel: 'rise of −log posterior above ŵ, nats', methods: found.draws.map(({ method }) => words.name(method)),
    planes: first === undefined ? planes : [...planes.filter(({ id }) => id === first), ...planes.filter(({ id }) => id !== first)],
  }];
}

const rounded = (value: number, digits: number): number => Number(value.toPrecision(digits));

function sectionMeaning({ draws, inputs }: Projections, { name, parameters, data, withLinearised, mode }: ProjectionWords): string {
  const rises = draws.map(({ method, rise }) => draws.length === 1 ? nats(rise) : `${name(method)} ${nats(rise)}`);
  const over = inputs < data ? ` (likelihood of ${formatCount(inputs)} of ${formatCount(data)} inputs, scaled up)` : '';
  const linearised = draws.some(({ method }) => method === 'sampled') && withLinearised ? ' Linearised Laplace has the draws of sampled Laplace: it differs in the function that takes them.' : '';
  return `How far −log posterior rises above ŵ${over}: at a draw of a Gaussian posterior with as many parameters by about D/2 = ${formatNumber(parameters / 2)} nats; at the median draw here: ${new Intl.ListFormat('en-GB').format(rises)}.${linearised}${mode === undefined ? '' : ` ${mode}`}`;
}

const nats = (rise: number): string => (Number.isFinite(rise) ? formatNumber(rise, 3) : 'beyond all numbers');
/** What is rounding is none. */
const percent = (share: number): string => `${formatNumber(share < 1e-9 ? 0 : 100 * share, 3)} %`;

function planeWords({ kind, stage, methods }: ProjectedPlane, { pair: { names: [a, b] } }: ProjectionWords): Pick<PlaneOfDraws, 'label' | 'meaning' | 'xLabel' | 'yLabel'> {
  const after = stage === 'removed' ? ' Each draw is replaced by its canonical form, and ŵ by its own, so that copies of one function fall on one point.' : '';
  switch (kind) {
    case 'image-kernel': return {
      label: 'Image and kernel of the GGN', xLabel: 'kernel direction', yLabel: 'image direction',
      meaning: `Across: the kernel direction along which the network’s loss changes most over the posterior; the linearised network’s does not change along it at all. Upwards: the direction that the data constrain best.${after}`,
    };
    case 'components': return {
      label: `Principal components${methods.length > 1 ? ' of all draws' : ''}`, xLabel: 'first component', yLabel: 'second component',
      meaning: `The two directions in which the draws${methods.length > 1 ? ' of all methods together' : ''} spread most.${after}`,
    };
    case 'own-components': return {
      label: 'Principal components of each method', xLabel: 'first component', yLabel: 'second component',
      meaning: `Each method in the plane of its own two principal components, on axes of one length.${after}`,
    };
    case 'parameters': return {
      label: `Parameters ${a} and ${b}`, xLabel: a, yLabel: b,
      meaning: `All other parameters stand where they are at ŵ in the background, and where they are in the draw for the points.${after}`,
    };
  }
}

function panelMeaning({ share, rise, x, y }: ProjectedPlane['methods'][number], { kernelShare, rise: whole }: ProjectedDraws, { stage, kind, xAxis, yAxis }: ProjectedPlane): string {
  if (!(share >= 0)) return 'These draws do not spread.';
  const kernel = stage === 'removed' || Number.isNaN(kernelShare) ? '' : `, ${percent(Math.max(0, kernelShare))} in the kernel of the GGN`;
  const where = kind === 'own-components' ? 'its own plane' : 'this plane';
  const outside = x.reduce((count, value, m) => count + (value >= xAxis.min && value <= xAxis.max && y[m]! >= yAxis.min && y[m]! <= yAxis.max ? 0 : 1), 0);
  const moved = stage === 'drawn' ? ` and ${nats(whole)} where the draws are` : '';
  return `${percent(share)} of the draws’ variance lies in ${where}${kernel}. The median draw rises ${nats(rise)} nats within the plane alone${moved}.${outside === 0 ? '' : ` ${formatCount(outside)} of ${formatCount(x.length)} draws lie outside these axes.`}`;
}

export function projectionsResult({ planes, draws, inputs }: Projections): JsonValue {
  const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
  return {
    // Inputs that the loss is taken over.
    inputs,
    // Per method: draws shown, share of their variance in the kernel of the GGN at ŵ, median rise of −log posterior above ŵ in nats.
    methods: Object.fromEntries(draws.map(({ method, draws: count, kernelShare, rise }) => [method, { draws: count, kernelShare: finite(kernelShare), medianRise: finite(rise) }])),
    planes: planes.map(({ kind, stage, methods }) => ({
      plane: kind, stage,
      // The share of a method's variance in this plane, and the median rise where its draws lie in it; these places are added from the section (fullResult.ts).
      methods: Object.fromEntries(methods.map(({ method, share, rise }) => [method, { share: finite(share), medianRise: finite(rise) }])),
    })),
  };
}
