/**
 * Tangent vectors of the continuous symmetries at θ: directions d/dε g(ε)·θ at the identity. Moving along them does not change the
 * function to first order, so J t = 0 for every input (for output shifts H^{1/2}J t = 0): the part of ker(GGN) that is known
 * without looking at data (mathematics of the kernel accounting).
 */
import type { DenseChain } from '../network/denseChain.ts';
import { type GroupOptions, symmetryGroup } from './group.ts';
import type { HiddenLayer } from './hiddenLayer.ts';

/**
 * Per factor, input side first:
 * - scaling, one a unit: +u_j on the incoming row and bias, −v_j on the outgoing column;
 * - general linear (linear layers; contains scaling), n² vectors, (a, b) row-major, generator E_ab: row b of [W b] arrives in row a,
 *   minus column a of the next weight in its column b; then with both biases n shifts, e_a on the bias, −v_a on the next bias;
 * - output shift: 1 on every output bias; output row shift, one an input i of the last layer: 1 on column i of its weight.
 *
 * The vectors are neither normalised nor orthogonal; zero units make them dependent or zero.
 * @param theta θ, length D
 * @returns `symmetryGroup(chain, options).dimensions` vectors of length D
 */
export function symmetryTangents(chain: DenseChain, theta: Float64Array, options: GroupOptions = {}): Float64Array[] {
  const tangents: Float64Array[] = [];
  const start = (): Float64Array => {
    const tangent = new Float64Array(chain.parameters);
    tangents.push(tangent);
    return tangent;
  };
  for (const factor of symmetryGroup(chain, options).factors) {
    if (factor.contained) continue;
    switch (factor.kind) {
      case 'permutation':
      case 'sign':
        break;
      case 'scaling':
        for (let j = 0; j < factor.size; j++) mixing(theta, factor.layer, j, j, start());
        break;
      case 'general-linear':
        for (let a = 0; a < factor.size; a++) for (let b = 0; b < factor.size; b++) mixing(theta, factor.layer, a, b, start());
        if (factor.shift) for (let a = 0; a < factor.size; a++) shifting(theta, factor.layer, a, start());
        break;
      case 'output-shift':
        start().fill(1, factor.bias, factor.bias + factor.size);
        break;
      case 'output-row-shift':
        for (let i = 0; i < factor.fanIn; i++) {
          const tangent = start();
          for (let o = 0; o < factor.size; o++) tangent[factor.weight + o * factor.fanIn + i] = 1;
        }
    }
  }
  return tangents;
}

/** Generator E_ab of GL(n): u_a += ε u_b, v_b −= ε v_a. With a = b it is the scaling of one unit. */
function mixing(theta: Float64Array, { units, fanIn, fanOut, weight, bias, outgoing }: HiddenLayer, a: number, b: number, tangent: Float64Array): void {
  for (let i = 0; i < fanIn; i++) tangent[weight + a * fanIn + i] = theta[weight + b * fanIn + i]!;
  if (bias !== undefined) tangent[bias + a] = theta[bias + b]!;
  for (let k = 0; k < fanOut; k++) tangent[outgoing + k * units + b] = -theta[outgoing + k * units + a]!;
}

/** b += ε e_a, next bias −= ε v_a. */
function shifting(theta: Float64Array, { units, fanOut, bias, outgoing, outgoingBias }: HiddenLayer, a: number, tangent: Float64Array): void {
  if (bias === undefined || outgoingBias === undefined) return;
  tangent[bias + a] = 1;
  for (let k = 0; k < fanOut; k++) tangent[outgoingBias + k] = -theta[outgoing + k * units + a]!;
}
