/** Real architectures, by their layers' names in the framework that made them known; small images keep them quick. */
import { activationNamed } from '../../../src/network/activation.ts';
import type { ConvolutionOperation, Network } from '../../../src/network/network.ts';
import { NetworkBuilder, type NodeId } from '../../../src/network/networkBuilder.ts';

export const relu = activationNamed('relu');

function geometry(stride = 1, padding = 1, groups = 1): Pick<ConvolutionOperation, 'stride' | 'padding' | 'dilation' | 'groups'> {
  return { stride: [stride, stride], padding: [[padding, padding], [padding, padding]], dilation: [1, 1], groups };
}

/** Convolution `name` with a square kernel, named as PyTorch's. */
export function conv(builder: NetworkBuilder, name: string, from: NodeId, outputs: number, kernel: number, { stride = 1, padding = kernel >> 1, groups = 1, bias = false } = {}): NodeId {
  const inputs = builder.shapeOf(from)[0]! / groups;
  return builder.conv(name, from, { tensor: `${name}.weight`, shape: [outputs, inputs, kernel, kernel] }, bias ? { tensor: `${name}.bias`, shape: [outputs] } : undefined, geometry(stride, padding, groups));
}

export function batchnorm(builder: NetworkBuilder, name: string, from: NodeId): NodeId {
  const shape = [builder.shapeOf(from)[0]!];
  const tensor = (part: string): { readonly tensor: string; readonly shape: readonly number[] } => ({ tensor: `${name}.${part}`, shape });
  return builder.batchnorm(name, from, { scale: tensor('weight'), shift: tensor('bias'), mean: tensor('running_mean'), variance: tensor('running_var') }, 1e-5);
}

export function dense(builder: NetworkBuilder, name: string, from: NodeId, outputs: number, bias = true): NodeId {
  return builder.dense(name, from, { tensor: `${name}.weight`, shape: [outputs, builder.shapeOf(from)[0]!] }, bias ? { tensor: `${name}.bias`, shape: [outputs] } : undefined);
}

/** torchvision's ResNet-18 (He et al. 2016) with widths `width`, 2·width, … and `classes` outputs. */
export function resnet18(width = 64, image = 32, classes = 10): Network {
  const b = new NetworkBuilder();
  let x = conv(b, 'conv1', b.input([3, image, image]), width, 7, { stride: 2 });
  x = b.activation('relu', batchnorm(b, 'bn1', x), relu);
  x = b.pool('maxpool', x, 'maxpool', { kernel: [3, 3], stride: [2, 2], padding: [[1, 1], [1, 1]], countPadding: false });
  for (let stage = 0; stage < 4; stage++) {
    for (let block = 0; block < 2; block++) {
      const [name, channels, stride] = [`layer${stage + 1}.${block}`, width << stage, stage > 0 && block === 0 ? 2 : 1];
      let y = b.activation(`${name}.relu`, batchnorm(b, `${name}.bn1`, conv(b, `${name}.conv1`, x, channels, 3, { stride })), relu);
      y = batchnorm(b, `${name}.bn2`, conv(b, `${name}.conv2`, y, channels, 3));
      const skip = stride === 1 ? x : batchnorm(b, `${name}.downsample.1`, conv(b, `${name}.downsample.0`, x, channels, 1, { stride }));
      x = b.activation(`${name}.out`, b.add(`${name}.add`, [y, skip]), relu);
    }
  }
  return b.finish(dense(b, 'fc', b.flatten('flatten', b.globalPool('avgpool', x, 'globalavgpool')), classes));
}

/** Depthwise separable blocks (Howard et al. 2017, MobileNet): 3×3 depthwise, 1×1. */
export function mobilenet(widths: readonly number[] = [4, 6, 5], image = 6): Network {
  const b = new NetworkBuilder();
  let x = b.activation('relu0', batchnorm(b, 'bn0', conv(b, 'conv0', b.input([2, image, image]), widths[0]!, 3)), relu);
  widths.slice(1).forEach((width, k) => {
    const name = `block${k + 1}`;
    x = b.activation(`${name}.relu1`, batchnorm(b, `${name}.bn1`, conv(b, `${name}.depthwise`, x, b.shapeOf(x)[0]!, 3, { groups: b.shapeOf(x)[0]! })), relu);
    x = b.activation(`${name}.relu2`, batchnorm(b, `${name}.bn2`, conv(b, `${name}.pointwise`, x, width, 1)), relu);
  });
  return b.finish(dense(b, 'fc', b.globalPool('pool', x, 'globalavgpool'), 3));
}

/** One dense block (Huang et al. 2017, DenseNet): every layer sees all before it. */
export function densenet(growth: readonly number[] = [3, 2, 4], image = 4): Network {
  const b = new NetworkBuilder();
  const values = [b.activation('relu0', conv(b, 'conv0', b.input([2, image, image]), 5, 3, { bias: true }), relu)];
  growth.forEach((width, k) => {
    const joined = values.length === 1 ? values[0]! : b.concat(`concat${k}`, values);
    values.push(b.activation(`relu${k + 1}`, conv(b, `conv${k + 1}`, joined, width, 3, { bias: true }), relu));
  });
  return b.finish(dense(b, 'fc', b.flatten('flatten', b.concat('concat', values)), 3));
}
