/**
 * Traces of functions of a symmetric operator, tr f(A) = Σ f(λ_i), from random probes (Hutchinson 1990) and Gauss quadrature by Lanczos
 * (Golub & Meurant 2010; Ubaru, Chen & Saad 2017): zᵀ f(A) z ≈ ‖z‖² Σ_k ω_k f(θ_k) with the Ritz values θ and weights ω of a few
 * steps from z. Eigenpairs that are known are counted exactly and the probes kept out of their span, which takes most of the
 * variance away (as Hutch++ does: Meyer, Musco, Musco & Woodruff 2021).
 *
 * Counts of eigenvalues are integrals of a step, for which quadrature has no order: what lies between two nodes it cannot see. They come
 * as the two bounds that Chebyshev, Markov and Stieltjes proved (Szegő 1939, §3.41): the measure left of a node is at least the weights
 * of the nodes left of it, and with the node itself at most its weight more.
 */
import type { Interruptible } from './interruptible.ts';
import { lanczos, ritzPairs, type SymmetricOperator } from './lanczos.ts';
import type { Random } from './random.ts';

export interface Estimate {
  readonly value: number;
  /** Standard error over the probes. Not in it: what too few Lanczos steps blur, which matters for f that jump (`countAbove`). */
  readonly standardError: number;
}

export interface SpectralMeasure {
  /** Known exactly. */
  readonly exact: Float64Array;
  /** Of each probe: Σ_k weights_k f(nodes_k) estimates tr f(A) on the complement of the known vectors. */
  readonly probes: readonly Probe[];
}

export interface Probe {
  /** Descending. */
  readonly nodes: Float64Array;
  readonly weights: Float64Array;
  /** Whether the Krylov space was exhausted: the nodes are then the eigenvalues that the probe sees. */
  readonly exhausted: boolean;
}

export interface ProbeOptions {
  readonly probes: number;
  readonly steps: number;
  readonly random: Random;
  /** Eigenvalues and orthonormal eigenvectors that are known. */
  readonly known?: { readonly values: Float64Array; readonly vectors: readonly Float64Array[] };
  /** Called after each probe. */
  readonly done?: (probe: number) => void;
}

export function* spectralMeasure(operator: SymmetricOperator, { probes, steps, random, known, done }: ProbeOptions): Interruptible<SpectralMeasure> {
  const found: Probe[] = [];
  const deflated = known?.vectors ?? [];
  for (let k = 0; k < probes; k++) {
    // Uniform on the sphere of the complement, so that ‖z‖² may be its dimension and the number of eigenvalues comes out exactly.
    const z = Float64Array.from({ length: operator.size }, () => random.normal());
    const { diagonal, off } = firstBlock(yield* lanczos(operator, z, { steps, random, deflated, enough: (soFar) => soFar.off.includes(0) }));
    const { values, weights } = yield* ritzPairs({ diagonal, off });
    found.push({ nodes: values, weights: weights.map((weight) => weight * (operator.size - deflated.length)), exhausted: off.at(-1) === 0 });
    done?.(k);
  }
  return { exact: known?.values ?? new Float64Array(0), probes: found };
}

/** The Krylov space of the start alone: what follows a zero coupling is another direction's. */
function firstBlock({ diagonal, off }: { readonly diagonal: readonly number[]; readonly off: readonly number[] }): { readonly diagonal: readonly number[]; readonly off: readonly number[] } {
  const end = off.indexOf(0);
  return end < 0 ? { diagonal, off } : { diagonal: diagonal.slice(0, end + 1), off: off.slice(0, end + 1) };
}

/** tr f(A). */
export function traceOf({ exact, probes }: SpectralMeasure, f: (eigenvalue: number) => number): Estimate {
  const known = exact.reduce((sum, value) => sum + f(value), 0);
  return average(known, probes.map(({ nodes, weights }) => nodes.reduce((sum, node, k) => sum + weights[k]! * f(node), 0)));
}

/**
 * Bounds on the number of eigenvalues above a threshold: for every probe, whatever the eigenvalues between its nodes, the truth lies within,
 * but for the error of finitely many probes.
 */
export function countAbove({ exact, probes }: SpectralMeasure, threshold: number): { readonly low: Estimate; readonly high: Estimate } {
  const known = exact.reduce((count, value) => count + Number(value > threshold), 0);
  const bounds = probes.map(({ nodes, weights, exhausted }) => {
    const end = nodes.findIndex((node) => !(node > threshold));
    const above = end < 0 ? nodes.length : end;
    const certain = weights.subarray(0, above).reduce((sum, weight) => sum + weight, 0);
    return exhausted ? { low: certain, high: certain } : { low: above === 0 ? 0 : certain - weights[above - 1]!, high: certain + (weights[above] ?? 0) };
  });
  return { low: average(known, bounds.map(({ low }) => low)), high: average(known, bounds.map(({ high }) => high)) };
}

/** Of a known part and independent estimates of the rest. */
function average(known: number, estimates: readonly number[]): Estimate {
  if (estimates.length === 0) return { value: known, standardError: 0 };
  const mean = estimates.reduce((sum, value) => sum + value, 0) / estimates.length;
  const variance = estimates.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, estimates.length - 1);
  return { value: known + mean, standardError: estimates.length > 1 ? Math.sqrt(variance / estimates.length) : Number.POSITIVE_INFINITY };
}
