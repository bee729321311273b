/**
 * The function of a network at many weights and the same inputs, f_{w_s}(x_n) for all s and n: what sampled predictives are made of. Chains of dense
 * layers are evaluated in the engine's memory, where weights and inputs are brought once and no value leaves before it is an output;
 * every other network draw by draw (forward.ts).
 */
import { setImmediate } from 'node:timers/promises';
import { sharedEngine, type Scope } from '../linalg/engine/engine.ts';
import { packingDoubles, packingSpace, product } from '../linalg/engine/product.ts';
import type { Interruptible } from '../linalg/interruptible.ts';
import type { Activation } from './activation.ts';
import { forward } from './forward.ts';
import { valueSize, type Block, type Network, type NodeOf } from './network.ts';

/** y = σ(W x + b), one after the other. */
interface ChainLayer {
  readonly weight: Block;
  readonly bias: Block | undefined;
  readonly activations: readonly Activation[];
}

/** Numbers of one layer's values at a time: with the next layer's they stay in the cache that is shared. */
const VALUES = 2 ** 19;
/** Draws between two turns of the event loop, where they do not go to the engine. */
const TURN = 16;

/**
 * @param states w_s, S × `stateSize`
 * @param x inputs, N × d row-major
 * @returns S × N × O
 * @throws the signal's reason once it is aborted
 */
export async function forwardDraws(network: Network, states: Float64Array, x: Float64Array, signal: AbortSignal): Promise<Float64Array> {
  const draws = states.length / network.stateSize;
  const rows = x.length / network.inputs;
  const outputs = new Float64Array(draws * rows * network.outputs);
  const chain = denseChain(network);
  if (chain === undefined) {
    for (let s = 0; s < draws; s++) {
      outputs.set(forward(network, states.subarray(s * network.stateSize, (s + 1) * network.stateSize), x), s * rows * network.outputs);
      if (s % TURN === TURN - 1) await setImmediate();
      signal.throwIfAborted();
    }
    return outputs;
  }
  const engine = await sharedEngine();
  const widest = Math.max(...chain.map(({ weight: { shape } }) => Math.max(...shape)));
  const step = Math.min(rows, Math.max(1, Math.floor(VALUES / widest)));
  const packed = { n: widest, k: widest };
  const bytes = 8 * (states.length + x.length + 2 * step * widest + packingDoubles(packed, engine.threads));
  await engine.run(`${draws} draws through the network`, bytes, { signal }, function* (scope): Interruptible<void> {
    const bring = (values: Float64Array): number => {
      const address = scope.allocate(values.length);
      scope.view(address, values.length).set(values);
      return address;
    };
    const [weights, inputs] = [bring(states), bring(x)];
    const places = [scope.allocate(step * widest), scope.allocate(step * widest)] as const;
    const packing = packingSpace(scope, packed);
    for (let s = 0; s < draws; s++) {
      const at = weights + 8 * s * network.stateSize;
      for (let first = 0; first < rows; first += step) {
        const count = Math.min(step, rows - first);
        let from = inputs + 8 * first * network.inputs;
        for (const [k, { weight, bias, activations }] of chain.entries()) {
          const [width, depth] = weight.shape as [number, number];
          const to = places[(k % 2) as 0 | 1];
          yield* product(scope, packing, { m: count, n: width, k: depth }, { address: from, rowStep: depth, columnStep: 1 }, { address: at + 8 * weight.offset, rowStep: 1, columnStep: depth }, to, width);
          finish(scope, to, count, width, bias === undefined ? 0 : at + 8 * bias.offset, activations);
          from = to;
        }
        outputs.set(scope.view(from, count * network.outputs), (s * rows + first) * network.outputs);
      }
    }
  });
  return outputs;
}

/** Bias and activations of a layer's values, count × width, in place. @param bias 0 for none */
function finish(scope: Scope, address: number, count: number, width: number, bias: number, activations: readonly Activation[]): void {
  const slope = activations[0] === undefined ? 1 : rectifierSlope(activations[0]);
  if (bias !== 0 || slope !== undefined) scope.kernels.rectify(scope.threads, address, count, width, bias, slope ?? 1);
  const values = scope.view(address, count * width);
  for (const { value } of slope === undefined ? activations : activations.slice(1)) for (let k = 0; k < values.length; k++) values[k] = value(values[k]!);
}

/** s of max(z, 0) + s min(z, 0); undefined for what is not of this form. */
function rectifierSlope({ positivelyHomogeneous, value }: Activation): number | undefined {
  return positivelyHomogeneous && value(1) === 1 ? -value(-1) : undefined;
}

/** The layers of a network that is a chain of dense ones with activations after some of them; undefined for every other. */
function denseChain({ nodes, output }: Network): ChainLayer[] | undefined {
  if (output !== nodes.length - 1 || !nodes.every((node, k) => (k === 0 ? node.inputs.length === 0 : node.inputs.length === 1 && node.inputs[0] === k - 1))) return undefined;
  const layers: { readonly weight: Block; readonly bias: Block | undefined; readonly activations: Activation[] }[] = [];
  for (const node of nodes) {
    switch (node.op) {
      case 'input':
        if (node.order === 'channel-last' && node.shape.length > 1) return undefined;
        break;
      case 'dense':
        layers.push({ weight: node.weight, bias: node.bias, activations: [] });
        break;
      case 'activation': {
        const layer = layers.at(-1);
        if (layer === undefined) return undefined;
        layer.activations.push(node.activation);
        break;
      }
      case 'flatten':
        if (!keepsOrder(node, nodes[node.inputs[0]!]!.shape)) return undefined;
        break;
      case 'dropout':
        break;
      default:
        return undefined;
    }
  }
  return layers.length === 0 ? undefined : layers;
}

function keepsOrder({ order }: NodeOf<'flatten'>, shape: readonly number[]): boolean {
  return order === 'channel-first' || shape[0] === 1 || valueSize(shape) === shape[0];
}
