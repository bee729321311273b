/**
 * The orbit of one unit's scaling symmetry through ŵ, w(a) = ŵ + (a − 1) p + (1/a − 1) q: what comes into the unit (p) times a, what
 * goes out of it (q) divided by a. It lies in one plane, spanned by its tangent p − q, a direction of the kernel, and p + q, along
 * which the unit grows as a whole. So this plane shows a true reparameterisation, a hyperbola, without projecting it.
 */
import type { Network } from '../network/network.ts';
import { applyElement } from '../symmetry/groupAction.ts';
import { symmetryGroup, type SymmetryFactor } from '../symmetry/group.ts';
import { rowLength, unitRows } from '../symmetry/unitRows.ts';

export interface ScalingOrbit {
  readonly layer: string;
  readonly unit: number;
  /** Of norm 1, length D: along the orbit at ŵ, in the sense of growing a. */
  readonly kernel: Float64Array;
  /** Of norm 1, at right angles to it in the plane of the orbit, to the side that the orbit bends to. */
  readonly image: Float64Array;
  /** w(a) − ŵ as (kernel, image) coordinates, a > 0. */
  readonly at: (a: number) => readonly [number, number];
}

type ScalingFactor = Extract<SymmetryFactor, { kind: 'scaling' | 'normalisation-scale' }>;

/**
 * Orbits of the units with the largest outgoing norms, in turn, of at most `count`; of no unit without incoming or outgoing weights, whose
 * orbit is a line.
 * @param state w
 */
export function* largestScalingOrbits(network: Network, state: Float64Array, count: number): Generator<ScalingOrbit> {
  const factors = symmetryGroup(network).factors.filter((factor): factor is ScalingFactor => factor.kind === 'scaling' || factor.kind === 'normalisation-scale');
  const units = factors.flatMap((factor) => outgoingNorms(state, factor).map((norm, unit) => ({ factor, unit, norm })));
  units.sort((a, b) => b.norm - a.norm);
  for (const { factor, unit } of units.slice(0, count)) {
    const orbit = orbitOf(network, state, factor, unit);
    if (orbit !== undefined) yield orbit;
  }
}

function outgoingNorms(state: Float64Array, { units: { uses, units } }: ScalingFactor): number[] {
  const squares = new Array<number>(units).fill(0);
  for (const use of uses.filter(({ role }) => role === 'consumer')) {
    const length = rowLength(use);
    unitRows(state, use).forEach((entry, k) => { squares[Math.floor(k / length)]! += entry * entry; });
  }
  return squares.map(Math.sqrt);
}

function orbitOf(network: Network, state: Float64Array, { kind, units, layerName }: ScalingFactor, unit: number): ScalingOrbit | undefined {
  const moved = (a: number): Float64Array => {
    const result = state.slice();
    applyElement(network, result, [{ kind, units, alpha: new Float64Array(units.units).fill(1).fill(a, unit, unit + 1) }]);
    return result.subarray(0, network.parameters).map((entry, i) => entry - state[i]!);
  };
  // w(2) − ŵ = p − q/2 and w(½) − ŵ = q − p/2.
  const [twice, half] = [moved(2), moved(0.5)];
  const p = twice.map((entry, i) => (4 * entry + 2 * half[i]!) / 3);
  const q = twice.map((entry, i) => (2 * entry + 4 * half[i]!) / 3);
  const kernel = normalised(p.map((entry, i) => entry - q[i]!));
  if (kernel === undefined || dot(p, p) === 0 || dot(q, q) === 0) return undefined;
  const along = dot(p, kernel) + dot(q, kernel);
  const image = normalised(p.map((entry, i) => entry + q[i]! - along * kernel[i]!));
  if (image === undefined) return undefined;
  const [pk, qk, pi, qi] = [dot(p, kernel), dot(q, kernel), dot(p, image), dot(q, image)];
  return { layer: layerName, unit, kernel, image, at: (a) => [(a - 1) * pk + (1 / a - 1) * qk, (a - 1) * pi + (1 / a - 1) * qi] };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function normalised(vector: Float64Array): Float64Array | undefined {
  const norm = Math.sqrt(dot(vector, vector));
  return norm > 0 ? vector.map((entry) => entry / norm) : undefined;
}
