/** The tensors that a description, a configuration or a family of state dicts finds in the weight file, as the builder takes them. */
import type { TensorUse } from './networkBuilder.ts';

/** Name and shape of a tensor of the weight file, without any leading draw axes. */
export interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** One number a channel, also where the file keeps axes of length 1 to broadcast along: [C, 1, 1]. */
export function vectorUse({ name, shape }: NamedShape): TensorUse {
  return shape.length === 1 ? { tensor: name, shape } : { tensor: name, shape, squeeze: true };
}

/** Axes of a kernel that the file stores as …spatial × in × out (Keras, TensorFlow): dense kernels, which have no spatial axes, too. */
export function inOutAxes(rank: number): readonly number[] {
  return [...Array.from({ length: rank - 2 }, (_, axis) => axis + 2), 1, 0];
}
