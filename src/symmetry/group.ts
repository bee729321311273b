/**
 * The symmetry group of a network as a product of factors: maps w → g·w that leave the function (or, for the output shifts,
 * the likelihood) as it is, derived from the graph. Factors after Hecht-Nielsen (1990) and Kůrková & Kainen (1994) for permutations and
 * signs, Neyshabur et al. (2015) and Laurent et al. (2023) for scaling; what a normalisation divides by or subtracts; the full linear
 * group where nothing nonlinear lies between two maps. Running statistics are constants, except that they are reordered with their channels.
 *
 * Not found: coupled scalings of a tied map beyond one scale a unit, shifts through zero-padded borders, and symmetries of special weights.
 */
import type { Network } from '../network/network.ts';
import type { Likelihood } from '../protocol/service.ts';
import { channelClasses } from './channelClasses.ts';
import { mixedClasses, scaledMaps, signedMaps } from './linearMaps.ts';
import { type BiasShift, biasShifts } from './shifts.ts';
import { type UniformShift, uniformShifts } from './uniformShifts.ts';
import { type ChannelClass, firstProducer } from './unitClasses.ts';

interface FactorBase {
  /** For people: the layer's name in the file. */
  readonly layerName: string;
  /** Units (or logits) it acts on. */
  readonly size: number;
  /** log10 of the number of copies of a generic network that a discrete factor makes; 0 for a continuous one. */
  readonly log10Copies: number;
  /** Dimension of a continuous factor's orbit through a generic network; 0 for a discrete one. */
  readonly dimensions: number;
  /** Part of the same layer's general linear factor, so not counted again in totals. */
  readonly contained: boolean;
  /** One sentence for people. */
  readonly sentence: string;
}

export type SymmetryFactor =
  | (FactorBase & { readonly kind: 'permutation'; readonly units: ChannelClass })
  /** `normalisation-scale`: the scale of what batch normalisation divides by. */
  | (FactorBase & { readonly kind: 'scaling' | 'normalisation-scale'; readonly units: ChannelClass })
  | (FactorBase & { readonly kind: 'sign'; readonly units: ChannelClass })
  /** Rows W → A W, b → A b; columns W → W A⁻¹. */
  | (FactorBase & { readonly kind: 'general-linear'; readonly units: ChannelClass })
  /** `normalisation-shift`: what batch normalisation subtracts; `sum-shift`: between the operands of a sum; `shift`: between linear layers. */
  | (FactorBase & { readonly kind: 'shift' | 'normalisation-shift' | 'sum-shift'; readonly shift: BiasShift })
  /** What layer normalisation subtracts: W → W + 1 tᵀ, b → b + c 1. */
  | (FactorBase & { readonly kind: 'centring'; readonly shift: UniformShift })
  /** b → b + c 1: softmax does not see a constant added to every logit. */
  | (FactorBase & { readonly kind: 'output-shift'; readonly shift: UniformShift })
  /** W → W + 1 tᵀ: the same, with a constant that depends on the last features. */
  | (FactorBase & { readonly kind: 'output-row-shift'; readonly shift: UniformShift });

export type FactorKind = SymmetryFactor['kind'];

export interface SymmetryGroup {
  readonly factors: readonly SymmetryFactor[];
  /** Of all discrete factors together: log10 of the number of copies. */
  readonly log10Copies: number;
  /** Of all continuous factors together. */
  readonly dimensions: number;
}

export interface GroupOptions {
  /** With `categorical` the output shift belongs to the group, provided that logits are the output. */
  readonly likelihood?: Likelihood;
  /** With `categorical`: also the shifts of all rows of the last weight by one vector. Off by default. */
  readonly outputRowShift?: boolean;
}

/** The factors of a network, input side first. */
export function symmetryGroup(network: Network, options: GroupOptions = {}): SymmetryGroup {
  const mixed = mixedClasses(network);
  const contained = new Set(mixed.map(placeOf));
  const scaled = scaledMaps(network);
  const normalisations = new Set(network.nodes.filter(({ op }) => op === 'batchnorm').map(({ index }) => index));
  const factors: SymmetryFactor[] = [
    ...channelClasses(network).map((units): SymmetryFactor => ({ kind: 'permutation', units, ...factorOf(units, contained), log10Copies: log10Factorial(units.units), sentence: permutationSentence(units) })),
    ...scaled.classes.map((units): SymmetryFactor => {
      const divided = units.uses.every(({ role, node }) => role !== 'consumer' || normalisations.has(node));
      const base = { units, ...factorOf(units, contained), dimensions: units.units };
      return divided
        ? { kind: 'normalisation-scale', ...base, sentence: `Batch normalisation divides out the scale of each of the ${units.units} channels of layer "${units.name}"; its γ and β make up for the running statistics, which stay.` }
        : { kind: 'scaling', ...base, sentence: `Each of the ${units.units} units of layer "${units.name}" can be scaled by α > 0 when its outgoing weights are divided by α.` };
    }),
    ...signedMaps(network).classes.map((units): SymmetryFactor => ({
      kind: 'sign', units, ...factorOf(units, contained), log10Copies: units.units * Math.log10(2),
      sentence: `The incoming and outgoing weights of each of the ${units.units} units of layer "${units.name}" can change sign together.`,
    })),
    ...mixed.map((units): SymmetryFactor => ({
      kind: 'general-linear', units, ...factorOf(units, new Set()), dimensions: units.units ** 2,
      sentence: `No nonlinearity follows layer "${units.name}": its ${units.units} units can be mixed by any invertible matrix, undone in the next layer.`,
    })),
    ...biasShifts(network).map(shiftFactor),
    ...uniformShifts(network, options.likelihood === 'categorical').flatMap((shift) => uniformFactors(shift, options.outputRowShift ?? false)),
  ];
  const order = (factor: SymmetryFactor): number => ('units' in factor ? firstProducer(factor.units) : factor.shift.node.index);
  factors.sort((a, b) => order(a) - order(b));
  const counted = factors.filter((factor) => !factor.contained);
  return {
    factors,
    log10Copies: counted.reduce((sum, factor) => sum + factor.log10Copies, 0),
    dimensions: counted.reduce((sum, factor) => sum + factor.dimensions, 0),
  };
}

/** Where a class begins: two classes that begin with the same row are the same units under two symmetries, where a linear group acts. */
function placeOf({ uses }: ChannelClass): string {
  const first = uses.find(({ role }) => role !== 'consumer');
  return `${first?.node ?? -1}:${first?.members[0] ?? -1}`;
}

function factorOf(units: ChannelClass, mixed: ReadonlySet<string>): Omit<FactorBase, 'sentence'> {
  return { layerName: units.name, size: units.units, log10Copies: 0, dimensions: 0, contained: mixed.has(placeOf(units)) };
}

function permutationSentence({ kind, units, name }: ChannelClass): string {
  return kind === 'groups' ? `The ${units} groups of channels that begin in layer "${name}" can be put in any order.` : `The ${units} units of layer "${name}" can be put in any order.`;
}

function shiftFactor(shift: BiasShift): SymmetryFactor {
  const { into, node: { name }, bias: { length } } = shift;
  const base = { shift, layerName: name, size: length, log10Copies: 0, dimensions: length, contained: false };
  switch (into) {
    case 'normalisation':
      return { kind: 'normalisation-shift', ...base, sentence: `The batch normalisation after layer "${name}" makes up in its β for any change of the ${length} biases.` };
    case 'linear':
      return { kind: 'shift', ...base, sentence: `No nonlinearity follows layer "${name}": its ${length} biases can be changed at will, undone in the next layer’s.` };
    case 'sum':
      return { kind: 'sum-shift', ...base, sentence: `Layers "${name}" and "${shift.absorbers[0]?.node.name ?? ''}" are added up: what one adds to its ${length} biases the other can take from its own.` };
  }
}

function uniformFactors(shift: UniformShift, rows: boolean): SymmetryFactor[] {
  const { node, into, bias, weight } = shift;
  const base = { shift, layerName: node.name, size: node.shape[0]!, log10Copies: 0, contained: false };
  if (into === 'layernorm') {
    const dimensions = (bias === undefined ? 0 : 1) + (weight?.width ?? 0);
    return [{ kind: 'centring', ...base, dimensions, sentence: `Layer normalisation subtracts the mean over the ${base.size} channels of layer "${node.name}": what is added to all of them alike does not count.` }];
  }
  const factors: SymmetryFactor[] = [];
  if (bias !== undefined) {
    factors.push({ kind: 'output-shift', ...base, dimensions: 1, sentence: `Softmax does not see a constant added to all ${base.size} biases of layer "${node.name}".` });
  }
  if (rows && weight !== undefined) {
    factors.push({ kind: 'output-row-shift', ...base, dimensions: weight.width, sentence: `Softmax does not see one vector added to all ${base.size} rows of the weight of layer "${node.name}".` });
  }
  return factors;
}

function log10Factorial(n: number): number {
  let sum = 0;
  for (let k = 2; k <= n; k++) sum += Math.log10(k);
  return sum;
}
