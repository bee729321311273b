/**
 * Keras weights without a configuration (`save_weights`): a chain of dense layers where every layer that has weights is a kernel (in × out) with or
 * without bias, and their widths fit in the order in which the file lists them.
 */
import type { KerasLayer } from '../weights/weightFile.ts';
import { LINEAR, type Activation } from './activation.ts';
import type { Network } from './network.ts';
import { NetworkBuilder, type TensorUse } from './networkBuilder.ts';
import { unrecognised, type Recognition } from './recognition.ts';
import { vectorUse, type NamedShape } from './tensorUses.ts';

const UNTOLD = 'it holds Keras weights without the configuration that says what its layers do; save the whole model, or describe it in a NAME.network.json';

export function recognizeKerasWeights(listed: readonly KerasLayer[], tensors: readonly NamedShape[]): Recognition {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const layers: { readonly name: string; readonly kernel: NamedShape; readonly bias: NamedShape | undefined }[] = [];
  for (const { name, group, weights } of listed) {
    if (weights.length === 0) continue;
    const [kernel, bias, another] = weights.map((tensor) => byName.get(tensor));
    const [inputs, outputs] = kernel?.shape ?? [];
    const fits = kernel?.shape.length === 2 && inputs !== 0 && outputs !== 0 && another === undefined && (bias === undefined || (bias.shape.length === 1 && bias.shape[0] === outputs));
    const before = layers.at(-1)?.kernel.shape[1];
    if (kernel === undefined || !fits || (before !== undefined && before !== inputs)) return unrecognised(UNTOLD);
    layers.push({ name: name ?? group, kernel, bias });
  }
  const [first] = layers;
  if (first === undefined) return unrecognised(UNTOLD);
  const withActivation = (activation: Activation): Network => {
    const builder = new NetworkBuilder();
    let node = builder.input([first.kernel.shape[0]!]);
    for (const [l, { name, kernel, bias }] of layers.entries()) {
      const weight: TensorUse = { tensor: kernel.name, shape: kernel.shape, fileAxes: [1, 0] };
      node = builder.dense(name, node, weight, bias === undefined ? undefined : vectorUse(bias));
      if (l + 1 < layers.length && activation.name !== 'linear') node = builder.activation(`${name} ${activation.name}`, node, activation);
    }
    return builder.finish(node);
  };
  if (layers.length === 1) return { kind: 'network', network: withActivation(LINEAR), assumptions: [] };
  return { kind: 'activation-needed', outline: [first.kernel.shape[0], ...layers.map(({ kernel }) => kernel.shape[1])].join(' → '), withActivation, assumptions: [] };
}
