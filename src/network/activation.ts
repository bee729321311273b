/**
 * Element-wise activations: value, derivative, and the two properties that decide which symmetries a layer has.
 * At a kink the derivative is the left one, as in PyTorch: relu'(0) = 0, leaky_relu'(0) = slope.
 */
import { erf, normalCdf, normalPdf } from '../linalg/normal.ts';
import { UserError } from '../protocol/userError.ts';

export interface Activation {
  /** The spelling of descriptions and of `--activation`: `relu`, `leaky_relu:0.01`. */
  readonly name: string;
  readonly value: (z: number) => number;
  readonly derivative: (z: number) => number;
  /** σ(αz) = ασ(z) for every α > 0: scaling symmetry. */
  readonly positivelyHomogeneous: boolean;
  /** σ(−z) = −σ(z): sign symmetry. */
  readonly odd: boolean;
}

const sigmoid = (z: number): number => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);
const cubic = (z: number): number => SQRT_2_OVER_PI * (z + 0.044715 * z ** 3);

const smooth = { positivelyHomogeneous: false, odd: false } as const;

/** No activation at all: the default of the last layer. */
export const LINEAR: Activation = { name: 'linear', value: (z) => z, derivative: () => 1, positivelyHomogeneous: true, odd: true };

const fixed: readonly Activation[] = [
  { name: 'relu', value: (z) => (z > 0 ? z : 0), derivative: (z) => (z > 0 ? 1 : 0), positivelyHomogeneous: true, odd: false },
  // min(max(z, 0), 6): MobileNet's (Howard et al. 2017).
  { name: 'relu6', value: (z) => (z > 0 ? Math.min(z, 6) : 0), derivative: (z) => (z > 0 && z <= 6 ? 1 : 0), ...smooth },
  { name: 'tanh', value: Math.tanh, derivative: (z) => 1 / Math.cosh(z) ** 2, positivelyHomogeneous: false, odd: true },
  { name: 'sigmoid', value: sigmoid, derivative: (z) => sigmoid(z) * sigmoid(-z), ...smooth },
  // The exact form z Φ(z), PyTorch's default (Hendrycks & Gimpel 2016).
  { name: 'gelu', value: (z) => z * normalCdf(z), derivative: (z) => normalCdf(z) + z * normalPdf(z), ...smooth },
  // The approximation by tanh of the same paper, as GPT-2 and JAX have it.
  { name: 'gelu_tanh', value: (z) => 0.5 * z * (1 + Math.tanh(cubic(z))), derivative: (z) => 0.5 * (1 + Math.tanh(cubic(z))) + (0.5 * z * SQRT_2_OVER_PI * (1 + 3 * 0.044715 * z * z)) / Math.cosh(cubic(z)) ** 2, ...smooth },
  { name: 'silu', value: (z) => z * sigmoid(z), derivative: (z) => sigmoid(z) * (1 + z * sigmoid(-z)), ...smooth },
  { name: 'softplus', value: (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))), derivative: sigmoid, ...smooth },
  { name: 'elu', value: (z) => (z > 0 ? z : Math.expm1(z)), derivative: (z) => (z > 0 ? 1 : Math.exp(z)), ...smooth },
  { name: 'sin', value: Math.sin, derivative: Math.cos, positivelyHomogeneous: false, odd: true },
  { name: 'softsign', value: (z) => z / (1 + Math.abs(z)), derivative: (z) => 1 / (1 + Math.abs(z)) ** 2, positivelyHomogeneous: false, odd: true },
  { name: 'erf', value: erf, derivative: (z) => (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z), positivelyHomogeneous: false, odd: true },
  LINEAR,
];

const byName = new Map(fixed.map((activation) => [activation.name, activation]));


/** Names for messages and for the list that a user picks from. */
export const activationNames: readonly string[] = [...fixed.slice(0, 1).map((a) => a.name), 'leaky_relu:0.01', ...fixed.slice(1).map((a) => a.name)];

/**
 * @param name `relu`, `tanh`, …, or `leaky_relu:SLOPE` (slope 0.01 when left out).
 * @throws UserError when there is no such activation.
 */
export function activationNamed(name: string): Activation {
  const known = byName.get(name);
  if (known !== undefined) return known;
  const slope = /^leaky_relu(?::(.+))?$/.exec(name);
  if (slope !== null) {
    const value = slope[1] === undefined ? 0.01 : Number(slope[1]);
    if (Number.isFinite(value)) return leaky(value);
  }
  throw new UserError(`unknown activation "${name}"; expected one of ${activationNames.join(', ')}`);
}

function leaky(slope: number): Activation {
  return {
    name: `leaky_relu:${slope}`,
    value: (z) => (z > 0 ? z : slope * z),
    derivative: (z) => (z > 0 ? 1 : slope),
    positivelyHomogeneous: true,
    odd: slope === 1,
  };
}
