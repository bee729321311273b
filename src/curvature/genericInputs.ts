/**
 * Generic inputs: enough random points, in general position and over more than one scale, for the rank of the Jacobian on
 * them to be the functional dimension at θ, which no further data can raise (Grigsby, Lindsey & Rolnick 2023).
 */
import type { Random } from '../linalg/random.ts';
import type { Network } from '../network/network.ts';
import { outputRank, type LikelihoodModel } from './likelihood.ts';

/** At least `requested`, and so many that twice the parameters could be told apart by counting alone. */
export function genericInputCount(network: Network, likelihood: LikelihoodModel, requested: number): number {
  return Math.max(requested, Math.ceil((2 * network.parameters) / outputRank(likelihood, network.outputs)));
}

/** Standard normal inputs, count × d row-major. */
export function standardNormalInputs(count: number, width: number, random: Random): Float64Array {
  return Float64Array.from({ length: count * width }, () => random.normal());
}

/**
 * Normal inputs around the data, count × d: each feature with the data's mean and, in turn, one and three times its standard
 * deviation (1 where the data do not vary), so that kinks just outside the data are met too.
 */
export function inputsAround(data: Float64Array, width: number, count: number, random: Random): Float64Array {
  const rows = data.length / width;
  const mean = new Float64Array(width);
  const deviation = new Float64Array(width);
  for (let k = 0; k < data.length; k++) mean[k % width]! += data[k]! / rows;
  for (let k = 0; k < data.length; k++) deviation[k % width]! += (data[k]! - mean[k % width]!) ** 2 / rows;
  for (let i = 0; i < width; i++) deviation[i] = Math.sqrt(deviation[i]!) || 1;
  return Float64Array.from({ length: count * width }, (_, k) => {
    const i = k % width;
    return mean[i]! + (Math.floor(k / width) % 2 === 0 ? 1 : 3) * deviation[i]! * random.normal();
  });
}
