/**
 * A network as a chain of dense layers, f(x) = W_L σ(… σ(W_1 x + b_1) …) + b_L, and the layout of its parameter vector
 * θ ∈ R^D: layer by layer, the weight row-major as out × in, then the bias (PyTorch's parameter order).
 */
import type { Activation } from './activation.ts';
import type { Network } from './network.ts';
import { NetworkBuilder } from './networkBuilder.ts';

export interface DenseLayer {
  /** For people: the common prefix of its tensors, "0" for `0.weight`. */
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: TensorReference;
  /** Undefined for a layer without bias. */
  readonly bias: TensorReference | undefined;
  /** Applied to this layer's output; `linear` on the last layer unless the description says otherwise. */
  readonly activation: Activation;
}

export interface TensorReference {
  /** Name of the tensor in the weight file. */
  readonly tensor: string;
  /** Where this parameter's block begins in θ. */
  readonly offset: number;
  /** Whether the file stores the transpose (in × out) of the out × in block in θ. */
  readonly transposed: boolean;
}

export interface DenseChain {
  readonly inputs: number;
  readonly outputs: number;
  readonly layers: readonly DenseLayer[];
  /** D, the length of θ. */
  readonly parameters: number;
}

export interface DenseLayerShape {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: string;
  readonly bias: string | undefined;
  readonly transposed: boolean;
  readonly activation: Activation;
}

/** Lays out θ for layers given in order. Widths must chain; the callers that read files check that with their own messages. */
export function denseChain(shapes: readonly DenseLayerShape[]): DenseChain {
  let offset = 0;
  const layers: DenseLayer[] = [];
  for (const shape of shapes) {
    const weight: TensorReference = { tensor: shape.weight, offset, transposed: shape.transposed };
    offset += shape.inputs * shape.outputs;
    let bias: TensorReference | undefined;
    if (shape.bias !== undefined) {
      bias = { tensor: shape.bias, offset, transposed: false };
      offset += shape.outputs;
    }
    layers.push({ name: shape.name, inputs: shape.inputs, outputs: shape.outputs, weight, bias, activation: shape.activation });
  }
  const first = layers[0];
  const last = layers.at(-1);
  if (first === undefined || last === undefined) throw new RangeError('a chain has at least one layer');
  return { inputs: first.inputs, outputs: last.outputs, layers, parameters: offset };
}

/**
 * A chain by widths, with names as `torch.nn.Sequential(Linear, σ, Linear, …)` gives them ("0", "2", …).
 * @param widths [d, h_1, …, O]
 */
export function sequentialChain(widths: readonly number[], activation: Activation, output: Activation, bias = true): DenseChain {
  const count = widths.length - 1;
  return denseChain(
    Array.from({ length: count }, (_, l) => ({
      name: String(2 * l),
      inputs: widths[l]!,
      outputs: widths[l + 1]!,
      weight: `${2 * l}.weight`,
      bias: bias ? `${2 * l}.bias` : undefined,
      transposed: false,
      activation: l === count - 1 ? output : activation,
    })),
  );
}

const networks = new WeakMap<DenseChain, Network>();

/** The same function as a network; θ of the chain is its w. */
export function chainNetwork(chain: DenseChain): Network {
  const present = networks.get(chain);
  if (present !== undefined) return present;
  const builder = new NetworkBuilder();
  let node = builder.input([chain.inputs]);
  for (const { name, inputs, outputs, weight, bias, activation } of chain.layers) {
    const use = weight.transposed ? { tensor: weight.tensor, shape: [inputs, outputs], fileAxes: [1, 0] } : { tensor: weight.tensor, shape: [outputs, inputs] };
    node = builder.dense(name, node, use, bias === undefined ? undefined : { tensor: bias.tensor, shape: [outputs] });
    if (activation.name !== 'linear') node = builder.activation(`${name} ${activation.name}`, node, activation);
  }
  const network = builder.finish(node);
  networks.set(chain, network);
  return network;
}
