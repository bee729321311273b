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
  /** Undefined where it is zero everywhere but at kinks. */
  readonly secondDerivative: ((z: number) => number) | undefined;
  /** σ(αz) = ασ(z) for every α > 0: scaling symmetry. */
  readonly positivelyHomogeneous: boolean;
  /** σ(−z) = −σ(z): sign symmetry. */
  readonly odd: boolean;
}

/** A function of each entry: in half the time of `values.map`. */
export function ofEach(f: (z: number) => number, values: Float64Array): Float64Array {
  const results = new Float64Array(values.length);
  for (let k = 0; k < values.length; k++) results[k] = f(values[k]!);
  return results;
}

const sigmoid = (z: number): number => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

const sigmoidSlope = (z: number): number => sigmoid(z) * sigmoid(-z);
const sigmoidBend = (z: number): number => sigmoidSlope(z) * (sigmoid(-z) - sigmoid(z));

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);
const cubic = (z: number): number => SQRT_2_OVER_PI * (z + 0.044715 * z ** 3);

/** t = tanh u: (½ z (1 + t))″ = t′ + ½ z t″. */
function geluTanhBend(z: number): number {
  const [t, slope, bend] = [Math.tanh(cubic(z)), SQRT_2_OVER_PI * (1 + 3 * 0.044715 * z * z), SQRT_2_OVER_PI * 6 * 0.044715 * z];
  const flat = 1 / Math.cosh(cubic(z)) ** 2;
  return flat * slope + 0.5 * z * flat * (bend - 2 * t * slope ** 2);
}

const neither = { positivelyHomogeneous: false, odd: false } as const;
const straight = { secondDerivative: undefined } as const;

/** No activation at all: the default of the last layer. */
export const LINEAR: Activation = { name: 'linear', value: (z) => z, derivative: () => 1, ...straight, positivelyHomogeneous: true, odd: true };

const fixed: readonly Activation[] = [
  { name: 'relu', value: (z) => (z > 0 ? z : 0), derivative: (z) => (z > 0 ? 1 : 0), ...straight, positivelyHomogeneous: true, odd: false },
  // min(max(z, 0), 6): MobileNet's (Howard et al. 2017).
  { name: 'relu6', value: (z) => (z > 0 ? Math.min(z, 6) : 0), derivative: (z) => (z > 0 && z <= 6 ? 1 : 0), ...straight, ...neither },
  { name: 'tanh', value: Math.tanh, derivative: (z) => 1 / Math.cosh(z) ** 2, secondDerivative: (z) => (-2 * Math.tanh(z)) / Math.cosh(z) ** 2, positivelyHomogeneous: false, odd: true },
  { name: 'sigmoid', value: sigmoid, derivative: sigmoidSlope, secondDerivative: sigmoidBend, ...neither },
  // The exact form z Φ(z), PyTorch's default (Hendrycks & Gimpel 2016).
  { name: 'gelu', value: (z) => z * normalCdf(z), derivative: (z) => normalCdf(z) + z * normalPdf(z), secondDerivative: (z) => (2 - z * z) * normalPdf(z), ...neither },
  // The approximation by tanh of the same paper, as GPT-2 and JAX have it.
  { name: 'gelu_tanh', value: (z) => 0.5 * z * (1 + Math.tanh(cubic(z))), derivative: (z) => 0.5 * (1 + Math.tanh(cubic(z))) + (0.5 * z * SQRT_2_OVER_PI * (1 + 3 * 0.044715 * z * z)) / Math.cosh(cubic(z)) ** 2, secondDerivative: geluTanhBend, ...neither },
  { name: 'silu', value: (z) => z * sigmoid(z), derivative: (z) => sigmoid(z) * (1 + z * sigmoid(-z)), secondDerivative: (z) => 2 * sigmoidSlope(z) + z * sigmoidBend(z), ...neither },
  { name: 'softplus', value: (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))), derivative: sigmoid, secondDerivative: sigmoidSlope, ...neither },
  { name: 'elu', value: (z) => (z > 0 ? z : Math.expm1(z)), derivative: (z) => (z > 0 ? 1 : Math.exp(z)), secondDerivative: (z) => (z > 0 ? 0 : Math.exp(z)), ...neither },
  { name: 'sin', value: Math.sin, derivative: Math.cos, secondDerivative: (z) => -Math.sin(z), positivelyHomogeneous: false, odd: true },
  { name: 'softsign', value: (z) => z / (1 + Math.abs(z)), derivative: (z) => 1 / (1 + Math.abs(z)) ** 2, secondDerivative: (z) => (-2 * Math.sign(z)) / (1 + Math.abs(z)) ** 3, positivelyHomogeneous: false, odd: true },
  { name: 'erf', value: erf, derivative: (z) => (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z), secondDerivative: (z) => ((-4 * z) / Math.sqrt(Math.PI)) * Math.exp(-z * z), positivelyHomogeneous: false, odd: true },
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
    ...straight,
    positivelyHomogeneous: true,
    odd: slope === 1,
  };
}
