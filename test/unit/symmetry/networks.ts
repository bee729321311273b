/** Random networks for the laws: chains and graphs of all operations, and weights from well-behaved to nasty. */
import fc from 'fast-check';
import { type Random, seededRandom } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import type { Network } from '../../../src/network/network.ts';
import { NetworkBuilder, type NodeId } from '../../../src/network/networkBuilder.ts';
import { channelClasses } from '../../../src/symmetry/channelClasses.ts';
import { batchnorm, conv, dense } from './architectures.ts';

/**
 * - `normal`: standard normal;
 * - `whole`: −1, 0, 1, so that almost everything ties;
 * - `wide`: normal × 10^k, −50 ≤ k ≤ 50, a tenth of them zero.
 */
export type WeightKind = 'normal' | 'whole' | 'wide';

export interface Sample {
  readonly network: Network;
  readonly state: Float64Array;
  readonly random: Random;
  readonly kind: WeightKind;
}

export interface SampleOptions {
  readonly activations: readonly string[];
  readonly kinds?: readonly WeightKind[];
}

/** Chains of 1 to 4 layers with widths 1 to 6, each layer with its own activation and with or without bias. */
export function samples({ activations, kinds = ['normal', 'whole', 'wide'] }: SampleOptions): fc.Arbitrary<Sample> {
  return fc
    .record({
      widths: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 2, maxLength: 5 }),
      names: fc.array(fc.constantFrom(...activations), { minLength: 4, maxLength: 4 }),
      biases: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      kind: fc.constantFrom(...kinds),
      spoil: fc.boolean(),
      seed: fc.nat(),
    })
    .map(({ widths, names, biases, kind, spoil, seed }) => {
      const b = new NetworkBuilder();
      let x = b.input([widths[0]!]);
      widths.slice(1).forEach((width, l) => {
        x = dense(b, String(2 * l), x, width, biases[l]);
        const name = names[l]!;
        if (l + 2 < widths.length && name !== 'linear') x = b.activation(String(2 * l + 1), x, activationNamed(name));
      });
      return sampled(b.finish(x), kind, spoil, seededRandom(seed));
    });
}

export interface GraphOptions extends SampleOptions {
  /** Whether to normalise anywhere. */
  readonly normalisation?: boolean;
  /** Whether to use maps twice. */
  readonly tied?: boolean;
}

/** Small networks of every operation: images or vectors in, residual sums, concatenations, tied maps. The same seed gives the same network. */
export function graphs({ activations, kinds = ['normal', 'whole'], normalisation = true, tied = true }: GraphOptions): fc.Arbitrary<Sample> {
  return fc.record({ kind: fc.constantFrom(...kinds), spoil: fc.boolean(), seed: fc.nat() }).map(({ kind, spoil, seed }) => {
    const random = seededRandom(seed);
    return sampled(randomGraph(activations, normalisation, tied, random), kind, spoil, random);
  });
}

function sampled(network: Network, kind: WeightKind, spoil: boolean, random: Random): Sample {
  const state = Float64Array.from({ length: network.stateSize }, () => weight(kind, random));
  for (const node of network.nodes) {
    if (node.op !== 'batchnorm') continue;
    for (let c = 0; c < node.variance.length; c++) state[node.variance.offset + c] = kind === 'whole' ? 1 + random.below(2) : 0.3 + random.uniform();
  }
  if (spoil) spoilUnits(network, state, random);
  return { network, state, random, kind };
}

function weight(kind: WeightKind, random: Random): number {
  switch (kind) {
    case 'normal':
      return random.normal();
    case 'whole':
      return random.below(3) - 1;
    case 'wide':
      return random.below(10) === 0 ? 0 : random.normal() * 10 ** (100 * random.uniform() - 50);
  }
}

/** In every class: copies a unit's consuming entries, its others, or both onto another's, or zeroes one of them. */
function spoilUnits(network: Network, state: Float64Array, random: Random): void {
  for (const { units, uses } of channelClasses(network)) {
    const from = random.below(units);
    const to = random.below(units);
    const factor = random.below(3) === 0 ? 0 : 1;
    const which = random.below(4);
    if (which === 3) continue;
    for (const { block, role, outer, length, inner, groups, members, multiplicity } of uses) {
      if (!block.trainable || which === (role === 'consumer' ? 1 : 0)) continue;
      const rows = outer / groups;
      for (let m = 0; m < multiplicity; m++) {
        const [source, target] = [members[from * multiplicity + m]!, members[to * multiplicity + m]!];
        for (let a = 0; a < rows; a++) {
          for (let b = 0; b < inner; b++) {
            const at = (index: number): number => block.offset + ((Math.floor(index / length) * rows + a) * length + (index % length)) * inner + b;
            state[at(target)] = factor * state[at(source)]!;
          }
        }
      }
    }
  }
}

function randomGraph(activations: readonly string[], normalisation: boolean, tied: boolean, random: Random): Network {
  const b = new NetworkBuilder();
  const chance = (one: number): boolean => random.below(one) === 0;
  let count = 0;
  const name = (what: string): string => `${what}${count++}`;
  const bias = (): boolean => !chance(3);
  const activated = (x: NodeId): NodeId => {
    if (chance(8)) return b.prelu(name('prelu'), x, { tensor: name('slope'), shape: [chance(2) ? 1 : b.shapeOf(x)[0]!] });
    const chosen = activations[random.below(activations.length)]!;
    return chosen === 'linear' ? x : b.activation(name('activation'), x, activationNamed(chosen));
  };
  const normalised = (x: NodeId): NodeId => {
    if (!normalisation) return x;
    if (!chance(4)) return batchnorm(b, name('bn'), x);
    const over = chance(2) ? 'all' : 'channels';
    const shape = over === 'all' ? b.shapeOf(x) : [b.shapeOf(x)[0]!];
    return b.layernorm(name('ln'), x, over, !chance(3), { tensor: name('ln.scale'), shape }, { tensor: name('ln.shift'), shape }, 1e-5);
  };
  const mapped = (x: NodeId, outputs: number): NodeId => {
    if (b.shapeOf(x).length === 1) return dense(b, name('dense'), x, outputs, bias());
    return conv(b, name('conv'), x, outputs, chance(2) ? 1 : 3, { bias: bias() });
  };
  const width = (): number => 1 + random.below(5);
  const step = (x: NodeId): NodeId => {
    const [channels, ...spatial] = b.shapeOf(x) as [number, ...number[]];
    switch (random.below(spatial.length === 0 ? 6 : 10)) {
      case 0:
      case 1:
        return activated(normalised(mapped(x, width())));
      case 2:
        return activated(mapped(x, width()));
      case 3: {
        const inner = activated(normalised(mapped(x, width())));
        const outer = mapped(inner, channels);
        return chance(2) ? activated(b.add(name('add'), [x, chance(2) ? normalised(outer) : outer])) : b.add(name('add'), [mapped(x, channels), outer]);
      }
      case 4:
        return b.concat(name('concat'), [x, activated(mapped(x, width()))]);
      case 5: {
        // A map used twice.
        if (spatial.length > 0 || !tied) return b.dropout(name('dropout'), x, 0.5);
        const [tensor, shift] = [name('tied'), name('tied.bias')];
        const once = (from: NodeId): NodeId => activated(b.dense(name('step'), from, { tensor, shape: [channels, channels] }, { tensor: shift, shape: [channels] }));
        return once(once(x));
      }
      case 6:
        return activated(normalised(conv(b, name('depthwise'), x, channels * (chance(3) ? 2 : 1), 3, { groups: channels, bias: bias() })));
      case 7: {
        const wide = activated(mapped(x, 4));
        return activated(conv(b, name('grouped'), wide, chance(2) ? 4 : 6, 1, { groups: 2, bias: bias() }));
      }
      case 8:
        return spatial.some((length) => length < 2) ? x : b.pool(name('pool'), x, chance(2) ? 'maxpool' : 'avgpool', { kernel: [2, 2], stride: [2, 2], padding: [[0, 0], [0, 0]], countPadding: true });
      default:
        return conv(b, name('valid'), x, width(), spatial.every((length) => length >= 3) ? 3 : 1, { padding: 0, bias: true });
    }
  };
  let x = chance(3) ? b.input([1 + random.below(4)]) : b.input([1 + random.below(3), 3 + random.below(2), 3]);
  for (let left = 1 + random.below(3); left > 0; left--) x = step(x);
  if (b.shapeOf(x).length > 1) x = chance(2) ? b.flatten(name('flatten'), x, chance(2) ? 'channel-first' : 'channel-last') : b.globalPool(name('global'), x, chance(3) ? 'globalmaxpool' : 'globalavgpool');
  for (let left = random.below(3); left > 0; left--) x = step(x);
  return b.finish(dense(b, 'out', x, 1 + random.below(3), bias()));
}

/**
 * Largest relative difference over entries; zeros must meet zeros.
 * @param floor entries of this size or less count as this large: for sums that may cancel
 */
export function entryDistance(a: Float64Array, b: Float64Array, floor = 0): number {
  let worst = 0;
  a.forEach((value, i) => {
    const other = b[i]!;
    if (value !== other) worst = Math.max(worst, Math.abs(value - other) / Math.max(Math.abs(value), Math.abs(other), floor));
  });
  return worst;
}
