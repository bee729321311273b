/** Random networks for the laws: widths, activations, and weights from well-behaved to nasty. */
import fc from 'fast-check';
import { type Random, seededRandom } from '../../../src/linalg/random.ts';
import { LINEAR, activationNamed } from '../../../src/network/activation.ts';
import { type DenseChain, denseChain } from '../../../src/network/denseChain.ts';
import { hiddenLayers } from '../../../src/symmetry/hiddenLayer.ts';

/**
 * - `normal`: standard normal;
 * - `whole`: −1, 0, 1, so that almost everything ties;
 * - `wide`: normal × 10^k, −50 ≤ k ≤ 50, a tenth of them zero.
 */
export type WeightKind = 'normal' | 'whole' | 'wide';

export interface Sample {
  readonly chain: DenseChain;
  readonly theta: Float64Array;
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
      const layers = widths.length - 1;
      const chain = denseChain(
        Array.from({ length: layers }, (_, l) => ({
          name: String(2 * l),
          inputs: widths[l]!,
          outputs: widths[l + 1]!,
          weight: `${2 * l}.weight`,
          bias: biases[l]! ? `${2 * l}.bias` : undefined,
          transposed: false,
          activation: l === layers - 1 ? LINEAR : activationNamed(names[l]!),
        })),
      );
      const random = seededRandom(seed);
      const theta = Float64Array.from({ length: chain.parameters }, () => weight(kind, random));
      if (spoil) spoilUnits(chain, theta, random);
      return { chain, theta, random, kind };
    });
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

/** In every hidden layer: copies a unit's column, its row, or both onto another's, or zeroes one of them. */
function spoilUnits(chain: DenseChain, theta: Float64Array, random: Random): void {
  for (const { units, fanIn, fanOut, weight, bias, outgoing } of hiddenLayers(chain)) {
    const from = random.below(units);
    const to = random.below(units);
    const factor = random.below(3) === 0 ? 0 : 1;
    const which = random.below(4);
    if (which === 3) continue;
    if (which !== 0) {
      for (let i = 0; i < fanIn; i++) theta[weight + to * fanIn + i] = factor * theta[weight + from * fanIn + i]!;
      if (bias !== undefined) theta[bias + to] = factor * theta[bias + from]!;
    }
    if (which !== 1) for (let k = 0; k < fanOut; k++) theta[outgoing + k * units + to] = factor * theta[outgoing + k * units + from]!;
  }
}

/** Largest relative difference over entries; zeros must meet zeros. */
export function entryDistance(a: Float64Array, b: Float64Array): number {
  let worst = 0;
  a.forEach((value, i) => {
    const other = b[i]!;
    if (value !== other) worst = Math.max(worst, Math.abs(value - other) / Math.max(Math.abs(value), Math.abs(other)));
  });
  return worst;
}
