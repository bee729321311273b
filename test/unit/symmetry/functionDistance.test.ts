/** Equal functions have distance zero to rounding, different ones do not, and the first layer that differs is named. */
import { describe, expect, it } from 'vitest';
import { sharedEngine } from '../../../src/linalg/engine/engine.ts';
import { complete, type Interruptible } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { LINEAR, activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { type NodeOf, valueSize } from '../../../src/network/network.ts';
import { channelClasses } from '../../../src/symmetry/channelClasses.ts';
import { permutationScratch, permuteUnits } from '../../../src/symmetry/permuteUnits.ts';
import { resnet18 } from './architectures.ts';
import { genericInputs, genericProbes, type Probe } from '../../../src/symmetry/comparedInputs.ts';
import { distanceBetween, evaluateAt, functionChanged, functionDistance, type FunctionDistance } from '../../../src/symmetry/functionDistance.ts';
import { symmetryGroup } from '../../../src/symmetry/group.ts';
import { applyElement, randomElement } from '../../../src/symmetry/groupAction.ts';

const chain = denseNetwork([4, 8, 7, 3], activationNamed('relu'), LINEAR);
const layers = chain.nodes.filter((node): node is NodeOf<'dense'> => node.op === 'dense');
const random = seededRandom(11);
const theta = Float64Array.from({ length: chain.parameters }, () => random.normal());
const moved = theta.slice();
applyElement(chain, moved, randomElement(symmetryGroup(chain), random));

function* atProbes(probes: readonly Probe[], a: Float64Array, b: Float64Array, precision?: number): Interruptible<FunctionDistance> {
  return yield* distanceBetween(yield* evaluateAt(a, probes, 1), yield* evaluateAt(b, probes, 2), precision);
}

describe('function distance', () => {
  it('between copies by symmetry is rounding', () => {
    const distance = functionDistance(chain, theta, moved);
    expect(distance.relative).toBeGreaterThan(0);
    expect(distance.relative).toBeLessThan(1e-13);
    expect(distance.compared).toBe(96 * 3);
    expect(functionChanged(distance)).toBe(false);
    expect(distance.firstLayer).toBeNull();
  });

  it.each([0, 1, 2])('sees one row of layer %i changed by a thousandth, and names the layer', (l) => {
    const { weight, name } = layers[l]!;
    const changed = moved.slice();
    for (let i = 0; i < weight.shape[1]!; i++) changed[weight.offset + i]! += 1e-3;
    const distance = functionDistance(chain, theta, changed);
    expect(functionChanged(distance)).toBe(true);
    expect(distance.firstLayer).toBe(name);
  });

  it('sees the classic mistake: rows reordered without the next columns', () => {
    const second = channelClasses(chain)[1]!;
    const changed = theta.slice();
    permuteUnits(changed, second, Int32Array.of(1, 0, 2, 3, 4, 5, 6), permutationScratch([second]));
    const { offset, length } = layers[2]!.weight;
    changed.set(theta.subarray(offset, offset + length), offset);
    expect(functionDistance(chain, theta, changed).relative).toBeGreaterThan(1e-3);
  });

  it('does not call cancellation a change, and says that rounding explains it', () => {
    // f(x) = 1e9 relu(x) − 1e9 relu(x) + 1e-9 relu(x), summed in two orders.
    const small = denseNetwork([1, 3, 1], activationNamed('relu'), LINEAR, false);
    const distance = functionDistance(small, Float64Array.of(1, 1, 1, 1e9, -1e9, 1e-9), Float64Array.of(1, 1, 1, 1e9, 1e-9, -1e9));
    expect(distance.relative).toBeGreaterThan(1e-10);
    expect(distance.rounding).toBeGreaterThan(distance.relative);
    expect(functionChanged(distance)).toBe(false);
  });

  it('is infinite when only one network overflows, and zero between networks that vanish', () => {
    const tiny = denseNetwork([1, 1, 1], activationNamed('relu'), LINEAR, false);
    expect(functionDistance(tiny, Float64Array.of(1e200, 1e200), Float64Array.of(1, 1)).relative).toBe(Number.POSITIVE_INFINITY);
    expect(functionDistance(tiny, Float64Array.of(0, 1), Float64Array.of(0, 5)).relative).toBe(0);
  });

  it('refuses a network that it could compare nowhere', () => {
    const one = denseNetwork([1, 1], LINEAR, LINEAR, false);
    const distance = functionDistance(one, Float64Array.of(1e308), Float64Array.of(1e307), Float64Array.of(1e10));
    expect(distance.compared).toBe(0);
    expect(functionChanged(distance)).toBe(true);
  });

  it('uses given inputs; generic inputs are the same for one seed and reach three scales', () => {
    expect(functionDistance(chain, theta, moved, genericInputs(4, 10, 3)).compared).toBe(30);
    expect(genericInputs(4, 9, 3)).toEqual(genericInputs(4, 9, 3));
    const rows = genericInputs(500, 3, 1);
    const spread = (n: number): number => Math.hypot(...rows.subarray(500 * n, 500 * n + 500)) / Math.sqrt(500);
    expect(spread(0)).toBeCloseTo(0.1, 1);
    expect(spread(1)).toBeCloseTo(1, 0);
    expect(spread(2) / 10).toBeCloseTo(1, 0);
  });
});

describe('function distance of a residual network', () => {
  const network = resnet18(4, 16);
  const noise = seededRandom(3);
  const state = Float64Array.from({ length: network.stateSize }, (_, i) => (i < network.parameters ? 0.3 * noise.normal() : 0.5 + noise.uniform()));

  it('between copies by symmetry is rounding', () => {
    const copy = state.slice();
    applyElement(network, copy, randomElement(symmetryGroup(network), noise, 0.3));
    expect(functionChanged(functionDistance(network, state, copy))).toBe(false);
  });

  it.each([
    ['layer1.0.conv2.weight', 'layer1.0.conv2'],
    // The scale of one operand of a sum shows in the sum.
    ['layer2.0.downsample.1.weight', 'layer2.0.out'],
    ['layer3.1.bn1.weight', 'layer3.1.bn1'],
    ['fc.weight', 'fc'],
  ])('sees a change of %s and that it begins in %s', (tensor, layer) => {
    const { offset } = network.blocks.find((block) => block.tensor === tensor)!;
    const changed = state.slice();
    applyElement(network, changed, randomElement(symmetryGroup(network), noise, 0.3));
    for (let k = 0; k < 4; k++) changed[offset + k]! += 0.5;
    const distance = functionDistance(network, state, changed);
    expect(functionChanged(distance)).toBe(true);
    expect(distance.firstLayer).toBe(layer);
  });

  it('on smaller pictures sees the corner of every kernel, and an input of the own size beside them', async () => {
    await sharedEngine();
    const full = resnet18(4, 224);
    const probes = genericProbes(full, 0);
    expect(probes.map(({ network: { nodes }, x }) => [...nodes[0]!.shape, x.length / valueSize(nodes[0]!.shape)])).toEqual([[3, 65, 65, 96], [3, 224, 224, 1]]);
    const few = probes.slice(0, 1).map(({ network: smaller, x }) => ({ network: smaller, x: x.subarray(0, 3 * smaller.inputs) }));
    for (const node of full.nodes) {
      if (node.op !== 'conv') continue;
      const changed = state.slice();
      applyElement(full, changed, randomElement(symmetryGroup(full), noise, 0.3));
      const { offset, shape } = node.weight;
      const taps = shape[2]! * shape[3]!;
      for (let corner = taps - 1; corner < node.weight.length; corner += taps) changed[offset + corner]! += 1e-3;
      // No layer is looked for below an infinite precision.
      expect(functionChanged(complete(atProbes(few, state, changed, Number.POSITIVE_INFINITY))), node.name).toBe(true);
    }
    const copy = state.slice();
    applyElement(full, copy, randomElement(symmetryGroup(full), noise, 0.3));
    expect(functionChanged(functionDistance(full, state, copy))).toBe(false);
  });

  it('tells what storing weights in fewer bits does from a change', async () => {
    await sharedEngine();
    // Each weight of a copy rounded to 11 bits, as in a file of F16; then one layer doubled as well.
    const precision = 2 ** -10;
    const copy = state.slice();
    applyElement(network, copy, randomElement(symmetryGroup(network), noise, 0.3));
    const rounded = copy.map((value) => { const unit = 2 ** (Math.floor(Math.log2(Math.abs(value))) - 10); return Math.round(value / unit) * unit; });
    const distance = complete(atProbes(genericProbes(network, 0), state, rounded, precision));
    expect(distance.relative).toBeGreaterThan(1e-5);
    expect(functionChanged(distance)).toBe(true);
    expect(functionChanged(distance, precision)).toBe(false);
    expect(distance.firstLayer).toBeNull();
    const { offset, length } = network.blocks.find(({ tensor }) => tensor === 'layer4.1.conv1.weight')!;
    for (let k = offset; k < offset + length; k++) rounded[k]! *= -1;
    expect(functionChanged(complete(atProbes(genericProbes(network, 0), state, rounded, precision)), precision)).toBe(true);
  });

  it('sees running statistics that stayed behind when channels were reordered', () => {
    const stream = channelClasses(network)[0]!;
    const changed = state.slice();
    permuteUnits(changed, stream, Int32Array.of(1, 0, 2, 3), permutationScratch([stream]));
    const { offset, length } = network.blocks.find(({ tensor: name }) => name === 'bn1.running_var')!;
    changed.set(state.subarray(offset, offset + length), offset);
    expect(functionDistance(network, state, changed).firstLayer).toBe('bn1');
  });
});
