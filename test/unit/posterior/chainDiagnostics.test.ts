/** The same numbers as ArviZ, edge cases included; the figures were written by `chainDiagnostics.arviz.py`. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { type ChainDiagnostics, diagnose } from '../../../src/posterior/chainDiagnostics.ts';

interface Oracle {
  readonly cases: readonly {
    readonly case: string;
    readonly chains: number;
    readonly values: readonly (number | string)[];
    readonly figures: Readonly<Record<Exclude<keyof ChainDiagnostics, 'sd'>, number | string>>;
  }[];
}

const { cases } = JSON.parse(readFileSync(new URL('chainDiagnostics.arviz.json', import.meta.url), 'utf8')) as Oracle;
const decode = (value: number | string): number => (typeof value === 'number' ? value : Number(value.replace('inf', 'Infinity')));

describe('chain diagnostics', () => {
  it.each(cases)('are those of ArviZ: $case', ({ chains, values, figures }) => {
    const found = diagnose(Float64Array.from(values, decode), chains, values.length / chains);
    for (const key of ['rhat', 'essBulk', 'essTail', 'mcseMean', 'mcseSd', 'mcse05', 'mcseMedian', 'mcse95'] as const) {
      const expected = decode(figures[key]);
      if (Number.isFinite(expected) && expected !== 0) expect(Math.abs(found[key] / expected - 1), key).toBeLessThan(1e-8);
      else expect(found[key], key).toBe(expected);
    }
  });

  it('do not depend on the unit of the draws, except for standard errors, which have it', () => {
    const random = seededRandom(2);
    const values = Float64Array.from({ length: 400 }, () => random.normal());
    const plain = diagnose(values, 4, 100);
    const scaled = diagnose(values.map((value) => 1024 * value), 4, 100);
    const { rhat, essBulk, essTail, ...inUnit } = plain;
    expect(scaled).toEqual({ rhat, essBulk, essTail, ...Object.fromEntries(Object.entries(inUnit).map(([key, value]) => [key, 1024 * value])) });
  });

  it('of long independent chains approach R̂ = 1, ESS = S, and σ/√S', () => {
    const random = seededRandom(3);
    const size = 40_000;
    const { rhat, essBulk, essTail, mcseMean, mcseSd, mcse05, mcseMedian, mcse95, sd } = diagnose(Float64Array.from({ length: size }, () => 2 * random.normal()), 4, size / 4);
    expect(Math.abs(rhat - 1)).toBeLessThan(1e-3);
    expect(Math.abs(essBulk / size - 1)).toBeLessThan(0.05);
    expect(Math.abs(essTail / size - 1)).toBeLessThan(0.05);
    expect(mcseMean / (2 / Math.sqrt(size))).toBeCloseTo(1, 1);
    expect(sd).toBeCloseTo(2, 1);
    // Of a normal distribution: sd(σ̂) = σ/√(2S); sd of a quantile = √(p(1 − p)/S) / density.
    expect(mcseSd / (2 / Math.sqrt(2 * size))).toBeCloseTo(1, 1);
    const density = (z: number): number => Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI) / 2;
    for (const [p, z, found] of [[0.05, -1.6449, mcse05], [0.5, 0, mcseMedian], [0.95, 1.6449, mcse95]] as const) {
      expect(Math.abs(found / (Math.sqrt((p * (1 - p)) / size) / density(z)) - 1), String(p)).toBeLessThan(0.15);
    }
  });

  it('refuse sizes that do not fit', () => {
    expect(() => diagnose(new Float64Array(10), 3, 4)).toThrow('10 numbers are not 3 chains of 4 draws');
  });
});
