/**
 * The copy of least mass where linear layers may mix their units: scaling units (`balance.ts`) and factorising what is mixed (`linearFactors.ts`) in
 * turn. Both lower the mass, which has one minimum on an orbit (Kempf & Ness 1979), up to the order and signs of units where its singular values differ.
 */
import { setImmediate } from 'node:timers/promises';
import { type Block, type Network, parameterDistance } from '../network/network.ts';
import { type CanonicalForm, canonicalForm, canonicaliser, type CanonicalOptions, mass } from './canonicalForm.ts';
import { dividedClasses, factorise, hasFullRank } from './linearFactors.ts';
import { mixedClasses } from './linearMaps.ts';
import { TIE_TOLERANCE } from './tieOrder.ts';
import type { ChannelClass } from './unitClasses.ts';

const MOST_ROUNDS = 100;
const SETTLED = 1e-13;

/** Signs are fixed; the order of units is left. */
export async function leastMass(network: Network, state: Float64Array, mixed: readonly ChannelClass[], tieTolerance: number, signal: AbortSignal): Promise<Float64Array> {
  // What is mixed are biases as well, so that the mass has to count them.
  const canonical = canonicaliser(network, { scaling: 'balanced', sign: 'fixed', permutation: 'none', countBiases: mixed.length > 0, tieTolerance });
  const current = state.slice();
  canonical.apply(current);
  await setImmediate();
  signal.throwIfAborted();
  for (let round = 0; round < MOST_ROUNDS && mixed.length > 0; round++) {
    const before = current.slice();
    for (const units of mixed) await factorise(current, units, signal);
    canonical.apply(current);
    if (parameterDistance(network, before, current) <= SETTLED * parameterDistance(network, current)) break;
  }
  return current;
}

/**
 * `canonicalForm`, with the general linear factor divided out as well where scaling, signs and order all are: the group has all three. Classes with
 * fewer directions than units (no factorisation of them has the least mass) and very large ones stay among the form's `linearLayers`.
 * @throws UserError as `canonicalForm`
 */
export async function dividedForm(network: Network, state: Float64Array, options: CanonicalOptions, signal: AbortSignal): Promise<CanonicalForm> {
  const whole = options.scaling !== 'none' && options.sign === 'fixed' && options.permutation === 'sorted' && state.every((value) => Number.isFinite(value));
  const mixed: ChannelClass[] = [];
  for (const units of whole ? dividedClasses(mixedClasses(network)) : []) if (await hasFullRank(state, units, signal)) mixed.push(units);
  if (mixed.length === 0) return canonicalForm(network, state, options);
  const least = await leastMass(network, state, mixed, options.tieTolerance ?? TIE_TOLERANCE, signal);
  clearRounding(least, mixed);
  const form = canonicalForm(network, least, options);
  const divided = new Set(mixed.map(({ name }) => name));
  return {
    ...form,
    factors: [...mixed.map(({ name, units }) => ({ kind: 'general-linear' as const, layer: name, units })), ...form.factors],
    linearLayers: form.linearLayers.filter((name) => !divided.has(name)),
    massBefore: mass(network, state),
  };
}

/** Of a map's largest entry. */
const ROUNDING = 1e-10;

/**
 * A map between two classes that are both mixed is diagonal in the form of least mass: Y's rows and X's columns are singular vectors of one matrix. What
 * rounding leaves beside the diagonal would decide which of two units comes first.
 */
function clearRounding(state: Float64Array, mixed: readonly ChannelClass[]): void {
  const seen = new Set<Block>();
  for (const block of mixed.flatMap(({ uses }) => [...new Set(uses.map((use) => use.block))])) {
    if (!seen.has(block)) {
      seen.add(block);
      continue;
    }
    const entries = state.subarray(block.offset, block.offset + block.length);
    const largest = entries.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (let i = 0; i < entries.length; i++) if (Math.abs(entries[i]!) < ROUNDING * largest) entries[i] = 0;
  }
}
