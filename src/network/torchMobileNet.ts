/**
 * MobileNetV2 (Sandler et al. 2018) by the names of torchvision's `mobilenetv2.py`. Strides are not in a state dict: they are those of the
 * paper's table 2 for its 17 blocks, of whatever width.
 */
import { activationNamed } from './activation.ts';
import type { Family } from './families.ts';
import { NetworkBuilder } from './networkBuilder.ts';
import { NotThisFamily } from './stateDict.ts';

const BLOCKS = 17;
/** Numbers of the blocks that halve the size, in `features`. */
const halving = new Set([2, 4, 7, 14]);
const SIZE = 224;

export const mobileNet: Family = {
  name: 'a MobileNetV2',
  matches: (dict) => dict.has('features.0.0.weight') && dict.has('features.1.conv.0.0.weight') && dict.has('classifier.1.weight'),
  read(dict) {
    const last = dict.last('features.');
    if (last !== BLOCKS + 1) throw new NotThisFamily(`it has ${last - 1} blocks, MobileNetV2 has ${BLOCKS}; nothing says their strides`);
    const relu6 = activationNamed('relu6');
    const channels = dict.shape('features.0.0.weight')[1] ?? 3;
    const builder = new NetworkBuilder();
    let node = dict.batchnorm(builder, 'features.0.1', dict.conv(builder, 'features.0.0', builder.input([channels, SIZE, SIZE]), 2));
    node = builder.activation('features.0.2', node, relu6);
    for (let block = 1; block <= BLOCKS; block++) {
      const name = `features.${block}.conv`;
      const from = node;
      // Expansion (left out in the first block), depthwise, projection without activation.
      const steps = dict.last(`${name}.`) - 1;
      for (let k = 0; k < steps; k++) {
        node = dict.batchnorm(builder, `${name}.${k}.1`, dict.conv(builder, `${name}.${k}.0`, node, k === steps - 1 && halving.has(block) ? 2 : 1));
        node = builder.activation(`${name}.${k}.2`, node, relu6);
      }
      node = dict.batchnorm(builder, `${name}.${steps + 1}`, dict.conv(builder, `${name}.${steps}`, node));
      if (!halving.has(block) && builder.shapeOf(from)[0] === builder.shapeOf(node)[0]) node = builder.add(`features.${block}.add`, [from, node]);
    }
    node = dict.batchnorm(builder, `features.${last}.1`, dict.conv(builder, `features.${last}.0`, node));
    node = builder.globalPool('avgpool', builder.activation(`features.${last}.2`, node, relu6), 'globalavgpool');
    node = dict.dense(builder, 'classifier.1', node);
    return { network: builder.finish(node), assumptions: `inputs of ${channels}×${SIZE}×${SIZE}, relu6, ε 1e-5, strides of the paper's table, average pooling over all positions` };
  },
};
