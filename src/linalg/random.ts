/**
 * Seeded random numbers: xoshiro128** (Blackman & Vigna 2021), seeded through splitmix32. The generator is always passed in;
 * the same seed gives the same numbers on every platform (normal draws as far as Math.log and Math.cos agree there).
 */
import { fillNormal } from './ziggurat.ts';

export interface Random {
  /** Uniform on [0, 1), 53 bits. */
  uniform(): number;
  /** Standard normal, by the polar method of Marsaglia. */
  normal(): number;
  /** As many standard normal numbers as `into` holds, in a fraction of the time: not those that `normal` would give. Returns `into`. */
  normals(into: Float64Array): Float64Array;
  /** Uniform on {0, …, n − 1}. */
  below(n: number): number;
  /** A uniformly random order of 0 … n−1 (Fisher–Yates). */
  permutation(n: number): Int32Array;
}

export function seededRandom(seed: number): Random {
  let s = seed >>> 0;
  const mix = (): number => {
    s = (s + 0x9e3779b9) >>> 0;
    let z = s;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  // Seeds beyond 32 bits count too: their high part stirs the second half of the state.
  let a = mix();
  let b = mix();
  s = (s ^ Math.floor(Math.abs(seed) / 4294967296)) >>> 0;
  let c = mix();
  let d = mix() | 1;
  let spare = Number.NaN;

  const next = (): number => {
    const product = Math.imul(b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  const uniform = (): number => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992;
  const below = (n: number): number => Math.floor(uniform() * n);

  return {
    uniform,
    below,
    normal() {
      if (!Number.isNaN(spare)) {
        const value = spare;
        spare = Number.NaN;
        return value;
      }
      for (;;) {
        const u = 2 * uniform() - 1;
        const v = 2 * uniform() - 1;
        const r = u * u + v * v;
        if (r > 0 && r < 1) {
          const scale = Math.sqrt((-2 * Math.log(r)) / r);
          spare = v * scale;
          return u * scale;
        }
      }
    },
    normals: (into) => fillNormal(into, next),
    permutation(n) {
      const order = Int32Array.from({ length: n }, (_, i) => i);
      for (let i = n - 1; i > 0; i--) {
        const j = below(i + 1);
        const kept = order[i]!;
        order[i] = order[j]!;
        order[j] = kept;
      }
      return order;
    },
  };
}
