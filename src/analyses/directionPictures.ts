/** Directions in weight space as a section of a report: what the data constrain most and least, and one of the kernel. */
import type { ConstrainedDirection } from '../curvature/directions.ts';
import type { WeightPicture } from '../curvature/weightPictures.ts';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { FieldPanel, FieldsSection } from '../protocol/report.ts';
import { showName } from '../weights/weightFileError.ts';

/** @param directions in the order in which they are shown */
export function directionSection(directions: readonly ConstrainedDirection[], meaning: string): FieldsSection[] {
  const panels = directions.flatMap(panelOf);
  if (panels.length === 0) return [];
  return [{
    kind: 'fields', id: 'directions', title: 'Directions in weight space',
    meaning,
    drawing: 'Each picture is one weight tensor, its outputs downwards, in units of its largest element; kernels of a convolution are shown one by one.',
    xLabel: 'input', yLabel: 'output', valueLabel: 'element by the largest', colours: 'diverging', panels,
  }];
}

/** The weight tensor with the largest share of a direction. */
function panelOf({ kind, eigenvalue, pictures }: ConstrainedDirection): FieldPanel[] {
  const title = kind === 'kernel' ? 'kernel' : `${kind} constrained, λ = ${formatNumber(eigenvalue, 3)}`;
  const matrices = pictures.filter(({ block }) => block.shape.length > 1 && block.length > 1);
  const shown = matrices.reduce<WeightPicture | undefined>((best, picture) => (best === undefined || picture.share > best.share ? picture : best), undefined);
  if (shown === undefined) return [];
  const { block, rows, columns, values, share, kernels } = shown;
  // A direction has no length of its own, and beside one that few elements make up another would be blank.
  const largest = values.reduce((most, value) => Math.max(most, Number.isNaN(value) ? 0 : Math.abs(value)), 0) || 1;
  return [{
    title: `${title}: ${showName(block.tensor)}`,
    meaning: `${formatNumber(100 * share, 3)} % of the squared direction lies in this tensor; the largest element is ${formatNumber(largest, 3)}, the direction being of length 1.${kernels === undefined ? '' : ` ${kernelSentence(block.shape, kernels)}`}`,
    x: { min: 0, max: kernels === undefined ? block.length / block.shape[0]! : columns, bins: columns },
    y: { min: 0, max: kernels === undefined ? block.shape[0]! : rows, bins: rows, direction: 'down' },
    ...(kernels === undefined ? {} : { arranged: true as const }),
    values: Array.from(values, (value) => (Number.isNaN(value) ? null : value / largest)),
    curves: [],
    points: [],
  }];
}

function kernelSentence([all = 0, each = 0, ...kernel]: readonly number[], { outputs, inputs }: NonNullable<WeightPicture['kernels']>): string {
  const some = (shown: readonly number[], of: number, what: string): string => (shown.length === of ? `all ${formatCount(of)} ${what}` : `the ${formatCount(shown.length)} of ${formatCount(of)} ${what} that have most of it`);
  const sides = kernel.length === 1 ? `${kernel[0]!} elements` : kernel.join(' × ');
  return `Kernels of ${sides}: ${each === 1 ? '' : `side by side of ${some(inputs, each, 'input channels')}, `}downwards, column by column, of ${some(outputs, all, 'output channels')}.`;
}
