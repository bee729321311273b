/**
 * VGG networks (Simonyan & Zisserman 2015) by the names of torchvision's `vgg.py` and of their CIFAR versions: `features` is a Sequential whose gaps
 * in the numbering are activations and pooling, and the width of the first dense layer tells the size of the input.
 */
import { activationNamed } from './activation.ts';
import type { Family } from './families.ts';
import { NetworkBuilder } from './networkBuilder.ts';
import { NotThisFamily, squarePool } from './stateDict.ts';

export const vgg: Family = {
  name: 'a VGG network',
  matches: (dict) => dict.shape('features.0.weight').length === 4 && dict.names().every((name) => /^features\.\d+\.\w+$|^classifier\.(\d+\.)?(weight|bias)$/.test(name)),
  read(dict) {
    const relu = activationNamed('relu');
    const stages: { readonly conv: number; readonly normalised: boolean; pooled: boolean }[] = [];
    const last = dict.last('features.');
    for (let index = 0; index <= last; index++) {
      if (dict.shape(`features.${index}.weight`).length !== 4) continue;
      const [, , ...kernel] = dict.shape(`features.${index}.weight`);
      if (kernel.join() !== '3,3') throw new NotThisFamily('its convolutions are not 3 × 3');
      const previous = stages.at(-1);
      if (previous !== undefined) {
        // Between two convolutions: normalisation, which has tensors, an activation, and pooling where there is one more.
        const gap = index - previous.conv - (previous.normalised ? 2 : 1);
        if (gap !== 1 && gap !== 2) throw new NotThisFamily(`there are ${gap} modules without tensors before "features.${index}"`);
        previous.pooled = gap === 2;
      }
      stages.push({ conv: index, normalised: dict.has(`features.${index + 1}.running_mean`), pooled: true });
    }
    const pools = stages.filter(({ pooled }) => pooled).length;
    const heads = dict.has('classifier.weight') ? ['classifier'] : Array.from({ length: dict.last('classifier.') + 1 }, (_, k) => `classifier.${k}`).filter((name) => dict.has(`${name}.weight`));
    const [channels = 0] = dict.shape(`features.${stages.at(-1)?.conv ?? 0}.weight`);
    const side = Math.sqrt((dict.shape(`${heads[0] ?? ''}.weight`)[1] ?? 0) / channels);
    if (!Number.isInteger(side) || side < 1) throw new NotThisFamily('the width of its first dense layer is not that of square feature maps');
    const size = side * 2 ** pools;
    if (size > 4096) throw new NotThisFamily(`its inputs would be ${size} pixels wide`);
    const planes = dict.shape('features.0.weight')[1] ?? 3;

    const builder = new NetworkBuilder();
    let node = builder.input([planes, size, size]);
    for (const { conv, normalised, pooled } of stages) {
      node = dict.conv(builder, `features.${conv}`, node);
      if (normalised) node = dict.batchnorm(builder, `features.${conv + 1}`, node);
      const next = conv + (normalised ? 2 : 1);
      node = builder.activation(`features.${next}`, node, relu);
      if (pooled) node = squarePool(builder, `features.${next + 1}`, node, 'maxpool', 2, 2);
    }
    node = builder.flatten('flatten', node);
    for (const [k, name] of heads.entries()) {
      if (k > 0) node = builder.activation(`${heads[k - 1] ?? ''} relu`, node, relu);
      node = dict.dense(builder, name, node);
    }
    return { network: builder.finish(node), assumptions: `inputs of ${planes}×${size}×${size}, relu, max pooling 2/2 where the numbering has a gap and after the last convolution${stages.some(({ normalised }) => normalised) ? ', ε 1e-5' : ''}` };
  },
};
