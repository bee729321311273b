/** Histograms and their axes: every value is counted once. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commonAxis, histogram, histogram2d, quantile } from '../../../src/posterior/density.ts';

const sample = fc.float64Array({ minLength: 1, maxLength: 200, noNaN: true, min: -1e6, max: 1e6 });
const axis = fc.record({ min: fc.double({ min: -100, max: 0, noNaN: true }), max: fc.double({ min: 1, max: 100, noNaN: true }), bins: fc.integer({ min: 1, max: 50 }) });

describe('histograms', () => {
  it('count every value once: in a bin or outside', () => {
    fc.assert(fc.property(sample, axis, (values, on) => {
      const { counts, outside } = histogram(values, on);
      expect(counts.reduce((a, b) => a + b, 0) + outside).toBe(values.length);
      expect(outside).toBe(values.filter((v) => v < on.min || v > on.max).length);
    }));
  });

  it('in the plane have the one-dimensional histograms as margins', () => {
    fc.assert(fc.property(sample, axis, axis, (values, xAxis, yAxis) => {
      const y = values.map((v) => Math.sin(v) * 50);
      const { counts } = histogram2d(values, y, xAxis, yAxis);
      const inside = Array.from(values.keys()).filter((m) => y[m]! >= yAxis.min && y[m]! <= yAxis.max);
      const margin = histogram(Float64Array.from(inside, (m) => values[m]!), xAxis).counts;
      expect(margin.map((_, ix) => counts.filter((__, k) => k % xAxis.bins === ix).reduce((a, b) => a + b, 0))).toEqual(margin);
    }));
  });

  it('put a value into the bin whose edges contain it', () => {
    expect(histogram(Float64Array.of(0, 0.999, 1, 3, 4), { min: 0, max: 4, bins: 4 }).counts).toEqual([2, 1, 0, 2]);
  });
});

describe('axes and quantiles', () => {
  // numpy.quantile([1, 2, 4, 8], [0, 0.1, 0.5, 0.9, 1]), NumPy 1.24
  it.each([[0, 1], [0.1, 1.3], [0.5, 3], [0.9, 6.8], [1, 8]])('quantile %d is NumPy’s', (p, expected) => {
    expect(quantile(Float64Array.of(1, 2, 4, 8), p)).toBeCloseTo(expected, 12);
  });

  it('cover what they were asked to cover of every sample', () => {
    fc.assert(fc.property(fc.array(fc.float64Array({ minLength: 50, maxLength: 200, noNaN: true, min: -1e3, max: 1e3 }), { minLength: 1, maxLength: 3 }), (samples) => {
      const on = commonAxis(samples, 10, 0.9);
      for (const values of samples) expect(histogram(values, on).outside).toBeLessThanOrEqual(2 * Math.ceil(0.05 * values.length));
    }));
  });

  it('are not empty for a constant sample', () => {
    expect(histogram(new Float64Array(5).fill(3), commonAxis([new Float64Array(5).fill(3)], 7)).outside).toBe(0);
  });
});
