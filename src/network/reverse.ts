/**
 * Reverse mode: cotangents of the outputs pulled back through the graph, with any number of them for each input, so that one pass gives
 * the whole Jacobian of a batch (seeds: the identity), its product with H^{1/2} (seeds: the factor of H), or one gradient (one seed).
 */
import { addProduct } from '../linalg/product.ts';
import { addConvolutionPullback } from './convolution.ts';
import type { Trace } from './forward.ts';
import { blocksOf, blockValues, type Network, type NetworkNode, valueSize } from './network.ts';
import { normalisationDerivative, normaliseRows } from './normalisation.ts';
import { addAveragePullback, addPickPullback, maximumPositions } from './pooling.ts';
import { keptSlopes, type KeptSlopes, timesSlopes } from './slopes.ts';
import { toChannelFirst } from './valueOrder.ts';

/** Called for each node that has parameters, outputs first, with the cotangents of its value; they are the caller's during the call only. */
export type CotangentVisitor = (node: NetworkNode, cotangents: Float64Array) => void;

/** The cotangents of a value as far as its consumers have been seen. `owned` arrays may be overwritten. */
interface Pending {
  readonly values: Float64Array;
  readonly owned: boolean;
}

/**
 * @param values of `trace`, N inputs
 * @param seeds N·S × O: S cotangents of the outputs for each input; not changed
 */
export function pullBack(network: Network, state: Float64Array, { values, rows, slopes }: Trace, seeds: Float64Array, seedsPerInput: number, visit: CotangentVisitor): void {
  if (seeds.length !== rows * seedsPerInput * network.outputs) throw new RangeError(`${seeds.length} cotangents are not ${seedsPerInput} of ${network.outputs} for each of ${rows} inputs`);
  const needed = leadsToParameters(network);
  const pending: (Pending | undefined)[] = [];
  pending[network.output] = { values: seeds, owned: false };
  const give = (to: number, part: Float64Array, owned: boolean): void => {
    const before = pending[to];
    if (before === undefined) pending[to] = { values: part, owned };
    else pending[to] = { values: addInto(before.owned ? before.values : before.values.slice(), part), owned: true };
  };
  for (let index = network.output; index >= 0; index--) {
    const node = network.nodes[index]!;
    const here = pending[index];
    if (here === undefined) continue;
    pending[index] = undefined;
    if (blocksOf(node).some(({ trainable }) => trainable)) visit(node, here.values);
    if (node.inputs.some((input) => needed[input])) pullThrough(network, node, state, values, slopes, here, seedsPerInput, (k, part, owned) => { if (needed[node.inputs[k]!] === true) give(node.inputs[k]!, part, owned); });
  }
}

/** For each node, whether it or anything before it has parameters. */
export function leadsToParameters(network: Network): boolean[] {
  const needed: boolean[] = [];
  for (const node of network.nodes) needed[node.index] = blocksOf(node).some(({ trainable }) => trainable) || node.inputs.some((input) => needed[input]);
  return needed;
}

function addInto(sum: Float64Array, part: Float64Array): Float64Array {
  for (let k = 0; k < sum.length; k++) sum[k]! += part[k]!;
  return sum;
}

/** The cotangents of a node's inputs from those of its value. */
export function pullThrough(network: Network, node: NetworkNode, state: Float64Array, values: readonly Float64Array[], kept: KeptSlopes | undefined, { values: delta, owned }: Pending, seeds: number, give: (input: number, part: Float64Array, owned: boolean) => void): void {
  const size = valueSize(node.shape);
  const inputShape = network.nodes[node.inputs[0] ?? 0]!.shape;
  const x = values[node.inputs[0] ?? 0]!;
  const empty = (): Float64Array => new Float64Array((delta.length / size) * valueSize(inputShape));
  switch (node.op) {
    case 'input':
      return;
    case 'dense': {
      const part = empty();
      addProduct(part, delta, blockValues(state, node.weight), delta.length / size, inputShape[0]!, size, 'nn');
      give(0, part, true);
      return;
    }
    case 'conv': {
      const part = empty();
      addConvolutionPullback(node, inputShape, blockValues(state, node.weight), delta, part);
      give(0, part, true);
      return;
    }
    case 'batchnorm':
    case 'activation':
    case 'prelu': {
      const slope = keptSlopes(node, state, x, kept);
      if (slope === undefined) give(0, delta, owned);
      else give(0, timesSlopes(slope, delta, size, seeds, owned ? delta : new Float64Array(delta.length)), true);
      return;
    }
    case 'layernorm': {
      const rows = normaliseRows(node, x);
      const { scale } = node;
      const scaled = scale === undefined ? delta : delta.map((value, k) => value * state[scale.offset + (Math.floor(k / rows.groups) % rows.length)]!);
      give(0, normalisationDerivative(node.centred, rows, scaled, seeds), true);
      return;
    }
    case 'maxpool':
    case 'globalmaxpool': {
      const part = empty();
      addPickPullback(maximumPositions(node, inputShape, x), [valueSize(inputShape), size], delta, seeds, part);
      give(0, part, true);
      return;
    }
    case 'avgpool':
    case 'globalavgpool': {
      const part = empty();
      addAveragePullback(node, inputShape, delta, part);
      give(0, part, true);
      return;
    }
    case 'flatten': {
      // A transposed copy; the array itself where the orders agree.
      const part = node.order === 'channel-last' ? toChannelFirst(inputShape, delta) : delta;
      give(0, part, part !== delta || owned);
      return;
    }
    case 'dropout':
      give(0, delta, owned);
      return;
    case 'add':
      node.inputs.forEach((_, k) => { give(k, delta, false); });
      return;
    case 'concat': {
      let offset = 0;
      node.inputs.forEach((input, k) => {
        const width = valueSize(network.nodes[input]!.shape);
        const part = new Float64Array((delta.length / size) * width);
        for (let r = 0; r < delta.length / size; r++) part.set(delta.subarray(r * size + offset, r * size + offset + width), r * width);
        offset += width;
        give(k, part, true);
      });
    }
  }
}
