/**
 * The eigenvectors U = W H^{1/2}J of the GGN of a network of dense layers, by its factors: a row of J is b ⊗ a in every layer, a the layer's input and
 * b its cotangent (as in structuredGram.ts), so that for a direction ε with weights E in that layer
 *   (H^{1/2}J ε)_{ns} = Σ_layers b_{ns}ᵀ E a_n,   Jᵀ H^{1/2} c = Σ_n (Σ_s c_{ns} b_{ns}) a_nᵀ.
 * For many directions at once both are products of A (N × in) with N-wide matrices: 2 N D operations a direction each, however many outputs
 * there are, where the eigenvectors themselves take r D numbers and 2 r D operations, r up to N·S.
 */
import { multiply } from '../linalg/dense/multiply.ts';
import { blocksOf, type Block, type Network, type NodeOf } from '../network/network.ts';
import { pullBack } from '../network/reverse.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { inputCount, rowsPerInput, type CurvatureProblem } from '../curvature/problem.ts';
import { chunkAt, inputsPerPass } from '../curvature/weightedJacobian.ts';
import type { ImageBasis } from './imageBasis.ts';

interface LayerFactors {
  readonly weight: Block;
  readonly bias: Block | undefined;
  /** N × in. */
  readonly inputs: Float64Array;
  /** S × out × N: b_{ns} of output o at (s, o, n). */
  readonly cotangents: Float64Array;
}

/** Whether every parameter is one of a dense layer with weights of its own. */
export function hasDenseFactors({ nodes, blocks }: Network): boolean {
  const dense = nodes.filter((node) => node.op === 'dense').flatMap((node) => [...blocksOf(node)]);
  return new Set(dense).size === dense.length && blocks.every((block) => !block.trainable || dense.includes(block));
}

/** Numbers that are kept: (in + S out) N of every layer. */
function factoredNumbers(problem: CurvatureProblem): number {
  return inputCount(problem) * problem.network.nodes.reduce((sum, node) => sum + (node.op === 'dense' ? node.weight.shape[1]! + rowsPerInput(problem) * node.weight.shape[0]! : 0), 0);
}

/** @param weights W, r × N·S */
export async function factoredBasis(problem: CurvatureProblem, weights: Float64Array, rank: number, context: JobContext): Promise<ImageBasis> {
  const { network } = problem;
  const { parameters } = network;
  const rows = inputCount(problem);
  const seeds = rowsPerInput(problem);
  const { signal } = context;
  const layers = await factorsOf(problem, context);
  // Kept from product to product: fresh memory of this size costs as much as what is done in it.
  const kept = new Map<string, Float64Array>();
  const scratch = (use: 'directions' | 'values', length: number): Float64Array => {
    const there = kept.get(use);
    if (there !== undefined && there.length >= length) return there.subarray(0, length);
    const made = new Float64Array(length);
    kept.set(use, made);
    return made;
  };
  return {
    rank,
    parameters,
    bytes: 8 * (factoredNumbers(problem) + rank * rows * seeds),
    async coefficients(vectors, count) {
      const pushed = new Float64Array(count * rows * seeds);
      for (const { weight, bias, inputs, cotangents } of layers) {
        const [outputs, width] = weight.shape as [number, number];
        const directions = gathered(vectors, parameters, weight, count, scratch('directions', count * weight.length));
        const moved = await multiply({ a: directions, b: inputs, m: count * outputs, k: width, n: rows, transposeB: true, c: scratch('values', count * outputs * rows) }, { signal });
        for (let m = 0; m < count; m++) {
          for (let o = 0; o < outputs; o++) {
            const from = (m * outputs + o) * rows;
            const shift = bias === undefined ? 0 : vectors[m * parameters + bias.offset + o]!;
            for (let s = 0; s < seeds; s++) {
              const b = (s * outputs + o) * rows;
              for (let n = 0, to = m * rows * seeds + s; n < rows; n++, to += seeds) pushed[to]! += cotangents[b + n]! * (moved[from + n]! + shift);
            }
          }
        }
      }
      return multiply({ a: pushed, b: weights, m: count, k: rows * seeds, n: rank, transposeB: true }, { signal });
    },
    async combinations(coefficients, count) {
      const pulled = await multiply({ a: coefficients, b: weights, m: count, k: rank, n: rows * seeds }, { signal });
      const result = new Float64Array(count * parameters);
      for (const { weight, bias, inputs, cotangents } of layers) {
        const [outputs, width] = weight.shape as [number, number];
        const summed = scratch('values', count * outputs * rows);
        for (let m = 0; m < count; m++) {
          for (let o = 0; o < outputs; o++) {
            const to = (m * outputs + o) * rows;
            let total = 0;
            for (let s = 0; s < seeds; s++) {
              const b = (s * outputs + o) * rows;
              for (let n = 0, from = m * rows * seeds + s; n < rows; n++, from += seeds) {
                const term = cotangents[b + n]! * pulled[from]!;
                summed[to + n] = s === 0 ? term : summed[to + n]! + term;
                total += term;
              }
            }
            if (bias !== undefined) result[m * parameters + bias.offset + o] = total;
          }
        }
        const gradients = await multiply({ a: summed, b: inputs, m: count * outputs, k: rows, n: width, c: scratch('directions', count * weight.length) }, { signal });
        for (let m = 0; m < count; m++) result.set(gradients.subarray(m * weight.length, (m + 1) * weight.length), m * parameters + weight.offset);
      }
      return result;
    },
  };
}

/** A layer's weights of some directions, one under another: count · out × in. */
function gathered(vectors: Float64Array, parameters: number, { offset, length }: Block, count: number, all: Float64Array): Float64Array {
  for (let m = 0; m < count; m++) all.set(vectors.subarray(m * parameters + offset, m * parameters + offset + length), m * length);
  return all;
}

async function factorsOf(problem: CurvatureProblem, { signal, progress }: JobContext): Promise<LayerFactors[]> {
  const { network, state } = problem;
  const rows = inputCount(problem);
  const seeds = rowsPerInput(problem);
  const dense = network.nodes.filter((node): node is NodeOf<'dense'> => node.op === 'dense');
  const factors = new Map(dense.map((node) => [node.index, {
    weight: node.weight, bias: node.bias, inputs: new Float64Array(rows * node.weight.shape[1]!), cotangents: new Float64Array(rows * seeds * node.weight.shape[0]!),
  }]));
  const step = inputsPerPass(problem);
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    const { values, seeds: cotangentSeeds } = chunkAt(problem, first, count);
    pullBack(network, state, values, cotangentSeeds, seeds, (node, cotangents) => {
      const factor = factors.get(node.index);
      if (factor === undefined) return;
      const [outputs, width] = factor.weight.shape as [number, number];
      factor.inputs.set(values.values[node.inputs[0]!]!, first * width);
      for (let n = 0; n < count; n++) {
        for (let s = 0; s < seeds; s++) for (let o = 0; o < outputs; o++) factor.cotangents[(s * outputs + o) * rows + first + n] = cotangents[(n * seeds + s) * outputs + o]!;
      }
    });
    progress({ message: 'Eigenvectors of the GGN', fraction: (first + count) / rows });
    await new Promise<void>((resolve) => { setImmediate(resolve); });
    signal.throwIfAborted();
  }
  return [...factors.values()];
}
