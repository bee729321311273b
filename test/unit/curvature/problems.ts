/** Small networks by rule, the same rules as in figures.py, and what every test needs to run an analysis. */
import { readFileSync } from 'node:fs';
import { seededRandom } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import type { Network } from '../../../src/network/network.ts';
import type { JobContext } from '../../../src/protocol/rpc.ts';
import type { Likelihood } from '../../../src/protocol/service.ts';

export interface Figures {
  readonly jacobians: readonly { readonly activation: string; readonly output: string; readonly widths: readonly number[]; readonly outputs: readonly number[]; readonly jacobian: readonly number[] }[];
  readonly likelihoods: readonly { readonly likelihood: Likelihood; readonly outputs: readonly number[]; readonly targets: readonly number[]; readonly value: number; readonly gradient: readonly number[] }[];
  readonly spectra: readonly { readonly widths: readonly number[]; readonly activation: string; readonly likelihood: Likelihood; readonly inputs: number; readonly seed: number; readonly rank: number; readonly eigenvalues: readonly number[] }[];
}

export const figures = JSON.parse(readFileSync(new URL('figures.json', import.meta.url), 'utf8')) as Figures;

export function context(memoryLimitBytes = 2e9, signal = new AbortController().signal): JobContext {
  return { signal, memoryLimitBytes, progress: () => undefined };
}

export function network(widths: readonly number[], activation: string, output = 'linear'): Network {
  return denseNetwork(widths, activationNamed(activation), activationNamed(output));
}

/** sin(0.7 k) for k = 1 … n. */
export function sine(n: number): Float64Array {
  return Float64Array.from({ length: n }, (_, k) => Math.sin(0.7 * (k + 1)));
}

/** s ← 48271 s mod (2³¹ − 1), each draw 2 s/(2³¹ − 1) − 1. */
export function lehmer(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return (2 * state) / 2147483647 - 1;
  };
}

export function normal(seed: number, length: number, deviation = 1): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length }, () => deviation * random.normal());
}
