/**
 * LeNet-like networks, two convolutions and up to three dense layers (LeCun et al. 1998) by the names of PyTorch's tutorials. Of the usual
 * input sizes and paddings exactly one has to give the width of the first dense layer; the activation is asked for.
 */
import { UserError } from '../protocol/userError.ts';
import { LINEAR, type Activation } from './activation.ts';
import type { Network } from './network.ts';
import { NetworkBuilder } from './networkBuilder.ts';
import { unrecognised, type Recognition } from './recognition.ts';
import { NotThisFamily, squarePool, StateDict } from './stateDict.ts';
import type { NamedShape } from './tensorUses.ts';

/** Undefined when the names are others. */
export function recognizeLeNet(tensors: readonly NamedShape[], prefix: string): Recognition | undefined {
  const dict = new StateDict(tensors, prefix);
  const [, channels = 0, kernel1 = 0, width1] = dict.shape('conv1.weight');
  const [planes = 0, , kernel2 = 0, width2] = dict.shape('conv2.weight');
  if (channels === 0 || planes === 0 || kernel1 !== width1 || kernel2 !== width2) return undefined;
  const layers = dict.names().filter((name) => /^fc\d+\.weight$/.test(name)).length;
  if (layers === 0 || !dict.names().every((name) => /^(conv[12]|fc\d+)\.(weight|bias)$/.test(name))) return undefined;
  const side = Math.sqrt((dict.shape('fc1.weight')[1] ?? 0) / planes);
  const readings = (channels === 1 ? [28, 32] : [32]).flatMap((size) => [[0, 0], [(kernel1 - 1) / 2, 0], [(kernel1 - 1) / 2, (kernel2 - 1) / 2]].map(([first = 0, second = 0]) => ({ size, first, second })))
    .filter(({ size, first, second }) => Number.isInteger(first) && Number.isInteger(second) && Math.floor((Math.floor((size + 2 * first - kernel1 + 1) / 2) + 2 * second - kernel2 + 1) / 2) === side);
  const told = readings.map(({ size, first, second }) => `${size}×${size} with padding ${first} and ${second}`).join(' or ');
  const [reading, another] = readings;
  if (reading === undefined || another !== undefined) {
    return unrecognised(`it looks like a LeNet, but ${reading === undefined ? 'no usual size of input gives' : `inputs of ${told} give`} the width of "fc1"; describe the network in a NAME.network.json`);
  }
  const { size, first, second } = reading;
  const withActivation = (activation: Activation): Network => {
    const own = new StateDict(tensors, prefix);
    const builder = new NetworkBuilder();
    let node = builder.input([channels, size, size]);
    for (const [name, padding] of [['conv1', first], ['conv2', second]] as const) {
      node = builder.activation(`${name} ${activation.name}`, own.conv(builder, name, node, 1, padding), activation);
      node = squarePool(builder, `${name} maxpool`, node, 'maxpool', 2, 2);
    }
    node = builder.flatten('flatten', node);
    for (let k = 1; k <= layers; k++) {
      node = own.dense(builder, `fc${k}`, node);
      if (k < layers) node = builder.activation(`fc${k} ${activation.name}`, node, activation);
    }
    return builder.finish(node);
  };
  try {
    // Everything but the activation is there already: a misfit is found now.
    withActivation(LINEAR);
  } catch (error) {
    if (error instanceof NotThisFamily || error instanceof UserError) return unrecognised(`it looks like a LeNet, but ${error.message}`);
    throw error;
  }
  return {
    kind: 'activation-needed',
    outline: [`${channels}×${size}×${size}`, `conv ${dict.shape('conv1.weight')[0] ?? 0}`, `conv ${planes}`, ...Array.from({ length: layers }, (_, k) => String(dict.shape(`fc${k + 1}.weight`)[0] ?? 0))].join(' → '),
    withActivation,
    assumptions: [`The state dict was read as a LeNet by its names and shapes, with inputs of ${told} and max pooling 2/2 behind each convolution, which it does not say; a description in NAME.network.json overrides this.`],
  };
}
