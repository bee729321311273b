/** Derivatives of the operations that act entry by entry: activations, PReLU, and the channel factors of batch normalisation. */
import { type NodeOf, valueSize } from './network.ts';
import { batchnormFactors } from './normalisation.ts';

/** ∂y/∂x of each entry, over all rows of x; undefined where it is 1. For batch normalisation one row serves all. */
export function slopes(node: NodeOf<'activation' | 'prelu' | 'batchnorm'>, state: Float64Array, x: Float64Array): Float64Array | undefined {
  switch (node.op) {
    case 'activation':
      return node.activation.name === 'linear' ? undefined : x.map(node.activation.derivative);
    case 'prelu': {
      const { offset, length } = node.slope;
      const area = valueSize(node.shape) / length;
      return x.map((value, k) => (value > 0 ? 1 : state[offset + (length === 1 ? 0 : Math.floor(k / area) % length)]!));
    }
    case 'batchnorm': {
      const { factor } = batchnormFactors(node, state);
      const area = valueSize(node.shape) / factor.length;
      return Float64Array.from({ length: valueSize(node.shape) }, (_, k) => factor[Math.floor(k / area)]!);
    }
  }
}

/**
 * u ⊙ slopes, row by row.
 * @param u `seeds` rows for each row of slopes; for slopes of one row, any number
 * @param size entries of a row
 * @param into may be u itself
 */
export function timesSlopes(slope: Float64Array, u: Float64Array, size: number, seeds: number, into: Float64Array): Float64Array {
  const one = slope.length === size;
  for (let r = 0; r < u.length / size; r++) {
    const from = one ? 0 : Math.floor(r / seeds) * size;
    for (let k = 0; k < size; k++) into[r * size + k] = u[r * size + k]! * slope[from + k]!;
  }
  return into;
}
