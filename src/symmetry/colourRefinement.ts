/**
 * What tells tied units apart when no order of their neighbours is known yet: colour refinement (Weisfeiler & Leman 1968) on the
 * weighted graph of units. Every hidden unit gets a colour that depends only on the network and not on the order in which its
 * units are stored: two units share one only if their biases, and their weights from and to units of each colour, are the same. Needed
 * only for exact ties in networks with two or more hidden layers (duplicate, pruned or integer-valued units).
 *
 * With signs to be fixed as well, each unit j of an odd layer stands for two nodes, j⁺ and j⁻ = (−u_j, −v_j), and a sign is
 * chosen by comparing their colours.
 *
 * Weights enter as signed ranks: magnitudes within the tie tolerance of one another are one rank, so that rounding does not count.
 * Units that share a final colour are taken to be exchangeable (an automorphism maps one to the other); in graphs built to be regular this
 * can fail, and the canonical form is then not unique.
 */
import type { DenseChain } from '../network/denseChain.ts';
import { type HiddenLayer, hiddenLayers } from './hiddenLayer.ts';

interface Neighbours {
  /** Signed weight ranks, out × in. */
  readonly weights: Int32Array;
  readonly biases: Int32Array | undefined;
}

export class ColourRefinement {
  readonly #hidden: readonly HiddenLayer[];
  /** colours[l] belongs to the inputs of chain layer l; of a doubled layer, nodes 2j and 2j + 1 are j⁺ and j⁻. */
  readonly #colours: readonly Int32Array[];
  readonly #counts: number[];
  readonly #ranks: readonly Neighbours[];
  readonly #doubled: readonly boolean[];
  readonly #base: number;

  /** @param signs whether units of odd layers stand for two nodes each */
  constructor(chain: DenseChain, theta: Float64Array, tolerance: number, signs: boolean) {
    this.#hidden = hiddenLayers(chain);
    this.#doubled = [false, ...this.#hidden.map((layer) => signs && layer.odd), false];
    // Inputs and outputs are pinned: their colours are their positions.
    const ends = [Int32Array.from({ length: chain.inputs }, (_, i) => i), Int32Array.from({ length: chain.outputs }, (_, o) => o)] as const;
    this.#colours = [ends[0], ...this.#hidden.map((layer, h) => new Int32Array(layer.units * (this.#doubled[h + 1] === true ? 2 : 1))), ends[1]];
    this.#counts = this.#colours.map(() => 1);
    this.#ranks = chain.layers.map(({ weight, bias, inputs, outputs }) => ({
      weights: signedRanks(theta.subarray(weight.offset, weight.offset + inputs * outputs), tolerance),
      biases: bias === undefined ? undefined : signedRanks(theta.subarray(bias.offset, bias.offset + outputs), tolerance),
    }));
    this.#base = 2 * this.#ranks.reduce((most, { weights }) => Math.max(most, weights.length), 1) + 1;
    this.#refine();
  }

  /** Colour of a unit of hidden layer h; larger sorts first. `sign` −1 asks for j⁻. */
  colour(h: number, unit: number, sign: 1 | -1 = 1): number {
    return this.#colours[h + 1]![this.#node(h + 1, unit, sign)]!;
  }

  /** Makes one unit (or signed unit) the largest of its colour, and carries the consequences through the network. */
  individualise(h: number, unit: number): void {
    const colours = this.#colours[h + 1]!;
    const node = this.#node(h + 1, unit, 1);
    const own = colours[node]!;
    for (let i = 0; i < colours.length; i++) if (i === node || colours[i]! > own) colours[i]!++;
    this.#counts[h + 1]!++;
    this.#refine();
  }

  #node(level: number, unit: number, sign: 1 | -1): number {
    return this.#doubled[level] === true ? 2 * unit + (sign < 0 ? 1 : 0) : unit;
  }

  #refine(): void {
    for (let changed = true; changed; ) {
      changed = false;
      for (let h = 0; h < this.#hidden.length; h++) changed = this.#recolour(h) || changed;
      for (let h = this.#hidden.length - 2; h >= 0; h--) changed = this.#recolour(h) || changed;
    }
  }

  /** Splits the colours of one layer by what its nodes see; the order of colours already told apart stays. */
  #recolour(h: number): boolean {
    const colours = this.#colours[h + 1]!;
    if (this.#counts[h + 1] === colours.length) return false;
    const seen = Array.from(colours, (_, node) => this.#signature(h, node));
    const order = Array.from(colours, (_, node) => node).sort((a, b) => compare(seen[a]!, seen[b]!));
    let count = 0;
    order.forEach((node, p) => {
      if (p === 0 || compare(seen[order[p - 1]!]!, seen[node]!) !== 0) count++;
      colours[node] = count - 1;
    });
    const split = count > this.#counts[h + 1]!;
    this.#counts[h + 1] = count;
    return split;
  }

  /** [colour; bias; weights from each incoming colour; weights to each outgoing colour], the latter two as sorted multisets. */
  #signature(h: number, node: number): Float64Array {
    const { units, fanIn, fanOut } = this.#hidden[h]!;
    const doubled = this.#doubled[h + 1] === true;
    const unit = doubled ? node >> 1 : node;
    const sign = doubled && node % 2 === 1 ? -1 : 1;
    const from = this.#ranks[h]!;
    const to = this.#ranks[h + 1]!;
    const incoming = this.#colours[h]!;
    const outgoing = this.#colours[h + 2]!;
    const signature = new Float64Array(2 + incoming.length + outgoing.length);
    signature[0] = this.#colours[h + 1]![node]!;
    signature[1] = sign * (from.biases?.[unit] ?? 0);
    const twoIn = incoming.length > fanIn;
    for (let i = 0; i < incoming.length; i++) {
      const rank = from.weights[unit * fanIn + (twoIn ? i >> 1 : i)]!;
      signature[2 + i] = incoming[i]! * this.#base + sign * (twoIn && i % 2 === 1 ? -rank : rank);
    }
    const twoOut = outgoing.length > fanOut;
    const begin = 2 + incoming.length;
    for (let k = 0; k < outgoing.length; k++) {
      const rank = to.weights[(twoOut ? k >> 1 : k) * units + unit]!;
      signature[begin + k] = outgoing[k]! * this.#base + sign * (twoOut && k % 2 === 1 ? -rank : rank);
    }
    signature.subarray(2, begin).sort();
    signature.subarray(begin).sort();
    return signature;
  }
}

/** Whole numbers in the order of the values: equal for values tied in magnitude and of one sign, negated for the other sign, 0 for 0. */
export function signedRanks(values: Float64Array, tolerance: number): Int32Array {
  const sizes = Float64Array.from(values, Math.abs).sort();
  const begins: number[] = [];
  let previous = 0;
  for (const size of sizes) {
    if (size > 0 && size - previous > tolerance * size) begins.push(size);
    previous = size;
  }
  return Int32Array.from(values, (value) => {
    let low = 0;
    let high = begins.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (begins[middle]! <= Math.abs(value)) low = middle + 1;
      else high = middle;
    }
    return value < 0 ? -low : low;
  });
}

function compare(a: Float64Array, b: Float64Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}
