/**
 * The stages in which a posterior is shown: as it is, with scaling removed, with signs and permutations removed; those of them
 * that the network has.
 */
import type { ScalingForm } from '../protocol/service.ts';
import type { FactorKind, SymmetryGroup } from '../symmetry/group.ts';

export interface SymmetryStep {
  readonly id: 'original' | 'scaling' | 'all' | 'aligned';
  readonly title: string;
  readonly meaning: string;
  /** What is removed on top of the step before; undefined for the draws as they are. */
  readonly options: { readonly scaling?: ScalingForm; readonly sign?: 'fixed'; readonly permutation?: 'sorted' } | { readonly aligned: true; readonly signed: boolean } | undefined;
}

/** What the form of the scaling divides out: what normalisations divide by and subtract, and constants that layers can pass on, as well. */
const continuous: ReadonlySet<FactorKind> = new Set(['scaling', 'normalisation-scale', 'general-linear', 'shift', 'normalisation-shift', 'sum-shift', 'centring']);

/**
 * What there is to remove, one factor after another.
 * @param aligned whether the units are brought into the first draw's order at last
 */
export function symmetrySteps(group: SymmetryGroup, scaling: ScalingForm, aligned: boolean): SymmetryStep[] {
  const kinds = new Set(group.factors.map(({ kind }) => kind));
  // A linear layer's general linear group contains its scalings and signs.
  const scaled = scaling !== 'none' && [...kinds].some((kind) => continuous.has(kind));
  const signed = kinds.has('sign') || kinds.has('general-linear');
  const permuted = kinds.has('permutation');
  const result: SymmetryStep[] = [{ id: 'original', title: 'Original posterior', meaning: group.log10Copies > 0 || group.dimensions > 0 ? 'As the draws are: each is one of the copies of its function.' : 'As the draws are.', options: undefined }];
  if (scaled) {
    const meaning = scaling === 'unit' ? 'Every hidden unit’s incoming weights and bias have norm 1, so one point is left of each scaling orbit.' : 'Of each scaling orbit the copy with the least mass is left.';
    result.push({ id: 'scaling', title: 'Scaling removed', meaning, options: { scaling } });
  }
  if (signed || permuted) {
    const removed = [...(scaled ? ['scaling'] : []), ...(signed ? ['signs'] : []), ...(permuted ? ['permutation'] : [])];
    const title = new Intl.ListFormat('en-GB').format(removed);
    result.push({
      id: 'all',
      title: `${title.charAt(0).toUpperCase()}${title.slice(1)} removed`,
      meaning: 'Hidden units stand in descending order of their outgoing weights, so one copy of each function is left.',
      options: { sign: 'fixed', permutation: 'sorted' },
    });
  }
  if (permuted && aligned) {
    result.push({
      id: 'aligned',
      title: 'Aligned to the first draw',
      meaning: 'Hidden units stand in the order that brings all weights closest to the first draw, so that near ties no longer decide.',
      options: { aligned: true, signed: kinds.has('sign') && group.factors.every(({ kind }) => kind !== 'scaling') },
    });
  }
  return result;
}
