/** The Laplace approximation N(ŵ, (GGN + αI)⁻¹) in a plane through ŵ: its precision restricted to the plane, and ellipses of equal density there. */
import { interruptibly } from '../linalg/interruptible.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { GgnOperators } from './operators.ts';
import type { CurvatureProblem } from './problem.ts';

/** GGN + αI between the two directions of a plane, symmetric and positive definite. */
export interface PlanePrecision {
  readonly xx: number;
  readonly xy: number;
  readonly yy: number;
}

/** @param x @param y orthonormal, length D */
export async function planePrecision(problem: CurvatureProblem, x: Float64Array, y: Float64Array, priorPrecision: number, context: JobContext): Promise<PlanePrecision> {
  const operators = new GgnOperators(problem, 2 ** 26);
  const [gx, gy] = [await interruptibly(operators.pushDirection(x), context.signal), await interruptibly(operators.pushDirection(y), context.signal)];
  const product = (a: Float64Array, b: Float64Array): number => a.reduce((sum, entry, k) => sum + entry * b[k]!, 0);
  return { xx: product(gx, gx) + priorPrecision, xy: product(gx, gy), yy: product(gy, gy) + priorPrecision };
}

/** Points δ with δᵀ M δ = deviations², once around; the first and the last are the same. */
export function ellipse({ xx, xy, yy }: PlanePrecision, deviations: number, points: number): { readonly x: readonly number[]; readonly y: readonly number[] } {
  // M = L Lᵀ, δ = L⁻ᵀ (r cos φ, r sin φ).
  const l11 = Math.sqrt(xx);
  const l21 = xy / l11;
  const l22 = Math.sqrt(yy - l21 * l21);
  const angles = Array.from({ length: points }, (_, k) => (2 * Math.PI * (k % (points - 1))) / (points - 1));
  const y = angles.map((angle) => (deviations * Math.sin(angle)) / l22);
  return { x: angles.map((angle, k) => (deviations * Math.cos(angle) - l21 * y[k]!) / l11), y };
}

/** δ along the long axis of the ellipses, at one standard deviation; δ_x ≥ 0. */
export function longAxis({ xx, xy, yy }: PlanePrecision): readonly [number, number] {
  const angle = 0.5 * Math.atan2(2 * xy, xx - yy) + Math.PI / 2;
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const length = 1 / Math.sqrt(xx * c * c + 2 * xy * c * s + yy * s * s);
  return c < 0 ? [-c * length, -s * length] : [c * length, s * length];
}
