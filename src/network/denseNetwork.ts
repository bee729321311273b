/** A chain of dense layers by its widths, with names as `torch.nn.Sequential(Linear, σ, Linear, …)` gives them ("0", "2", …). */
import { LINEAR, type Activation } from './activation.ts';
import type { Network } from './network.ts';
import { NetworkBuilder } from './networkBuilder.ts';

/**
 * @param widths [d, h_1, …, O]
 * @param hidden between the layers
 * @param output after the last layer
 */
export function denseNetwork(widths: readonly number[], hidden: Activation, output: Activation = LINEAR, bias = true): Network {
  const builder = new NetworkBuilder();
  let node = builder.input([widths[0]!]);
  for (let l = 0; l + 1 < widths.length; l++) {
    const [inputs, outputs, name] = [widths[l]!, widths[l + 1]!, String(2 * l)];
    node = builder.dense(name, node, { tensor: `${name}.weight`, shape: [outputs, inputs] }, bias ? { tensor: `${name}.bias`, shape: [outputs] } : undefined);
    const activation = l + 2 === widths.length ? output : hidden;
    if (activation.name !== 'linear') node = builder.activation(String(2 * l + 1), node, activation);
  }
  return builder.finish(node);
}
