/** Densely connected networks (Huang et al. 2017) by the names of torchvision's `densenet.py`. */
import { activationNamed } from './activation.ts';
import type { Family } from './families.ts';
import { NetworkBuilder, type NodeId } from './networkBuilder.ts';
import { squarePool } from './stateDict.ts';

const SIZE = 224;

export const denseNet: Family = {
  name: 'a DenseNet',
  matches: (dict) => dict.has('features.conv0.weight') && dict.has('features.denseblock1.denselayer1.norm1.running_mean') && dict.has('classifier.weight'),
  read(dict) {
    const relu = activationNamed('relu');
    const channels = dict.shape('features.conv0.weight')[1] ?? 3;
    const builder = new NetworkBuilder();
    const normalised = (name: string, from: NodeId): NodeId => builder.activation(`${name} relu`, dict.batchnorm(builder, name, from), relu);
    let node = normalised('features.norm0', dict.conv(builder, 'features.conv0', builder.input([channels, SIZE, SIZE]), 2));
    node = squarePool(builder, 'features.pool0', node, 'maxpool', 3, 2, 1);
    const blocks = dict.last('features.denseblock');
    for (let block = 1; block <= blocks; block++) {
      const name = `features.denseblock${block}`;
      const parts = [node];
      for (let layer = 1; layer <= dict.last(`${name}.denselayer`); layer++) {
        const each = `${name}.denselayer${layer}`;
        const inner = dict.conv(builder, `${each}.conv1`, normalised(`${each}.norm1`, node));
        parts.push(dict.conv(builder, `${each}.conv2`, normalised(`${each}.norm2`, inner)));
        node = builder.concat(`${each}.concat`, parts);
      }
      if (block === blocks) break;
      const transition = `features.transition${block}`;
      node = squarePool(builder, `${transition}.pool`, dict.conv(builder, `${transition}.conv`, normalised(`${transition}.norm`, node)), 'avgpool', 2, 2);
    }
    node = builder.globalPool('avgpool', normalised('features.norm5', node), 'globalavgpool');
    return { network: builder.finish(dict.dense(builder, 'classifier', node)), assumptions: `inputs of ${channels}×${SIZE}×${SIZE}, relu, ε 1e-5, max pooling 3/2 at the beginning, average pooling 2/2 between blocks and over all positions at the end` };
  },
};
