/**
 * Residual networks (He et al. 2016) by the names of torchvision's `resnet.py`, ResNeXt and wide ones included, and by those of the usual
 * CIFAR versions (a 3 × 3 convolution and no pooling at the beginning, `shortcut` for `downsample`, `linear` for `fc`).
 */
import { activationNamed } from './activation.ts';
import type { Family } from './families.ts';
import { NetworkBuilder, type NodeId } from './networkBuilder.ts';
import { NotThisFamily, squarePool, type StateDict } from './stateDict.ts';

export const resNet: Family = {
  name: 'a ResNet',
  matches: (dict) => ['conv1.weight', 'bn1.running_mean', 'layer1.0.conv1.weight', 'layer1.0.bn1.running_mean'].every((name) => dict.has(name)),
  read(dict) {
    const [, channels = 3, kernel = 7] = dict.shape('conv1.weight');
    const small = kernel === 3;
    const size = small ? (channels === 1 ? 28 : 32) : 224;
    const builder = new NetworkBuilder();
    const relu = activationNamed('relu');
    let node = builder.input([channels, size, size]);
    node = dict.batchnorm(builder, 'bn1', dict.conv(builder, 'conv1', node, small ? 1 : 2));
    node = builder.activation('relu', node, relu);
    if (!small) node = squarePool(builder, 'maxpool', node, 'maxpool', 3, 2, 1);
    for (let stage = 1; stage <= dict.last('layer'); stage++) {
      for (let block = 0; block <= dict.last(`layer${stage}.`); block++) node = residualBlock(dict, builder, `layer${stage}.${block}`, node, stage > 1);
    }
    node = builder.globalPool('avgpool', node, 'globalavgpool');
    node = dict.dense(builder, dict.has('fc.weight') ? 'fc' : 'linear', node);
    return {
      network: builder.finish(node),
      assumptions: `inputs of ${channels}×${size}×${size}, relu, ε 1e-5, ${small ? 'no pooling at the beginning' : 'max pooling 3/2 at the beginning'}, stride 2 in the first block of each later stage, average pooling over all positions`,
    };
  },
};

/** @param reduces whether it halves the size where its shortcut has a convolution */
function residualBlock(dict: StateDict, builder: NetworkBuilder, name: string, from: NodeId, reduces: boolean): NodeId {
  const relu = activationNamed('relu');
  const shortcut = ['downsample', 'shortcut'].find((each) => dict.has(`${name}.${each}.0.weight`));
  const stride = reduces && shortcut !== undefined ? 2 : 1;
  const convolutions = dict.last(`${name}.conv`);
  if (convolutions < 2 || convolutions > 3) throw new NotThisFamily(`"${name}" has ${convolutions} convolutions`);
  // The 3 × 3 convolution takes the stride: the first of two, the middle one of three.
  const strided = convolutions === 2 ? 1 : 2;
  let node = from;
  for (let k = 1; k <= convolutions; k++) {
    node = dict.batchnorm(builder, `${name}.bn${k}`, dict.conv(builder, `${name}.conv${k}`, node, k === strided ? stride : 1));
    if (k < convolutions) node = builder.activation(`${name}.relu${k}`, node, relu);
  }
  let other = from;
  if (shortcut !== undefined) other = dict.batchnorm(builder, `${name}.${shortcut}.1`, dict.conv(builder, `${name}.${shortcut}.0`, from, stride));
  else if (builder.shapeOf(from)[0] !== builder.shapeOf(node)[0]) throw new NotThisFamily(`the shortcut of "${name}" changes the number of channels without weights of its own (option A of the paper), which is not supported`);
  return builder.activation(`${name}.relu`, builder.add(`${name}.add`, [node, other]), relu);
}
