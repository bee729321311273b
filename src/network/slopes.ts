/** Derivatives of the operations that act entry by entry: activations, PReLU, and the channel factors of batch normalisation. */
import { ofEach } from './activation.ts';
import { type Network, type NetworkNode, type NodeOf, valueSize } from './network.ts';
import { batchnormFactors } from './normalisation.ts';

/** ∂y/∂x of each entry, over all rows of x; undefined where it is 1. For batch normalisation one row serves all. */
function slopes(node: NodeOf<'activation' | 'prelu' | 'batchnorm'>, state: Float64Array, x: Float64Array): Float64Array | undefined {
  switch (node.op) {
    case 'activation':
      return node.activation.name === 'linear' ? undefined : ofEach(node.activation.derivative, x);
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

/** By node, for a trace whose derivatives are taken again and again. */
export type KeptSlopes = Map<number, Float64Array | undefined>;

/** As `slopes`; those of smooth activations, which take long, are looked up and kept where there is a place for them. */
export function keptSlopes(node: NodeOf<'activation' | 'prelu' | 'batchnorm'>, state: Float64Array, x: Float64Array, kept: KeptSlopes | undefined): Float64Array | undefined {
  if (kept === undefined || !isSmooth(node)) return slopes(node, state, x);
  const known = kept.get(node.index);
  if (known !== undefined) return known;
  const slope = slopes(node, state, x);
  kept.set(node.index, slope);
  return slope;
}

/** Numbers that `keptSlopes` keeps for one input. */
export function slopesPerInput(network: Network): number {
  return network.nodes.reduce((sum, node) => sum + (isSmooth(node) ? valueSize(node.shape) : 0), 0);
}

function isSmooth(node: NetworkNode): boolean {
  return node.op === 'activation' && node.activation.secondDerivative !== undefined;
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
