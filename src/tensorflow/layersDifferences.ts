/**
 * Layers and options that TensorFlow.js 4.22 reads without complaint and computes otherwise than Keras does, or takes and then fails at. Measured
 * against TensorFlow layer by layer (test/unit/tensorflow/layers.test.ts).
 */

type Config = Readonly<Record<string, unknown>>;

/** Layers that are wrong, or fail, whatever their options are. */
const layers: ReadonlySet<string> = new Set(['Conv3DTranspose', 'StackedRNNCells', 'Resizing', 'CenterCrop']);

/** @param isKeras3 whose `hard_sigmoid` has another slope @returns what TensorFlow.js has in another way, for people; undefined when nothing */
export function differenceOfLayer(className: string, config: Config, isKeras3: boolean): string | undefined {
  if (layers.has(className)) return className;
  const { groups, interpolation, output_padding: outputPadding, negative_slope: slope, threshold, max_value: most } = config;
  if (typeof groups === 'number' && groups !== 1) return `${className} in ${groups} groups`;
  if (className === 'UpSampling2D' && interpolation !== undefined && interpolation !== 'nearest') return `${className} with interpolation "${typeof interpolation === 'string' ? interpolation : '?'}"`;
  if (outputPadding !== undefined && outputPadding !== null) return `${className} with output padding`;
  // The axes are lost, whatever the layer behind makes of that.
  if (config['keepdims'] === true) return `${className} that keeps its axes`;
  // A slope alone is another layer, see `layersTopology.ts`.
  if (className === 'ReLU' && isNonZero(threshold)) return 'ReLU with a threshold';
  if (className === 'ReLU' && isNonZero(slope) && most !== undefined && most !== null) return 'ReLU with a slope and a maximum';
  const hard = Object.entries(config).find(([key, value]) => key.endsWith('activation') && value === 'hard_sigmoid');
  if (isKeras3 && hard !== undefined) return 'hard_sigmoid as Keras 3 defines it';
  return undefined;
}

export const isNonZero = (value: unknown): boolean => typeof value === 'number' && value !== 0;
