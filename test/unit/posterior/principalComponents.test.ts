/** Principal components: scikit-learn's, through either matrix; and inner products that are those of the draws. */
import { describe, expect, it } from 'vitest';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { drawGram } from '../../../src/posterior/drawGram.ts';
import { everyRow, rowsOf } from '../../../src/posterior/drawRows.ts';
import { principalComponents, type ComponentAxes } from '../../../src/posterior/principalComponents.ts';
import { drawsOf, figures, gramOf } from './figures.ts';

const componentsOf = (features: Float64Array, width: number): ComponentAxes =>
  complete(principalComponents(rowsOf(features, width), everyRow(features.length / width), gramOf(features, width), seededRandom(1)));
const variance = (values: Float64Array): number => values.reduce((sum, value) => sum + value ** 2, 0);

describe('principal components', () => {
  it.each(figures.components)('are those of scikit-learn: $count draws of $width numbers', (expected) => {
    const { explained, x, y, basis } = componentsOf(drawsOf(expected), expected.width);
    expect(basis).toBe(expected.count);
    expected.explained.forEach((share, k) => { expect(explained[k]).toBeCloseTo(share, 10); });
    expected.first.forEach((score, m) => { expect(x[m]).toBeCloseTo(score, 8); });
    expected.second.forEach((score, m) => { expect(y[m]).toBeCloseTo(score, 8); });
  });

  it('have the explained shares as variance of their scores, also through Lanczos', () => {
    const random = seededRandom(8);
    const [draws, width] = [220, 260];
    const features = Float64Array.from({ length: draws * width }, (_, k) => random.normal() / (1 + (k % width)));
    const { gram } = gramOf(features, width);
    const { explained, x, y } = componentsOf(features, width);
    let total = 0;
    for (let a = 0; a < draws; a++) total += gram[a * draws + a]!;
    expect(variance(x) / total).toBeCloseTo(explained[0]!, 8);
    expect(variance(y) / total).toBeCloseTo(explained[1]!, 8);
    expect(x.reduce((sum, value, m) => sum + value * y[m]!, 0) / total).toBeCloseTo(0, 8);
  });

  it('say how far every coordinate spreads, and where draws are that were not chosen, through either matrix', () => {
    const random = seededRandom(9);
    for (const [draws, width] of [[40, 7], [40, 3000]] as const) {
      const features = Float64Array.from({ length: draws * width }, (_, k) => 5 + random.normal() / (1 + (k % width)));
      const chosen = Int32Array.from({ length: 20 }, (_, a) => 2 * a + 1);
      const known = complete(drawGram(rowsOf(features, width), chosen));
      const { x, y, axes, mean, squares, basis } = complete(principalComponents(rowsOf(features, width), chosen, known, seededRandom(1)));
      const taken = width <= 20 ? everyRow(draws) : chosen;
      expect(basis).toBe(taken.length);
      for (let j = 0; j < width; j++) {
        const own = [...taken].reduce((sum, m) => sum + features[m * width + j]!, 0) / taken.length;
        expect(Math.abs(mean[j]! - own)).toBeLessThan(1e-13);
        let square = 0;
        for (const m of taken) square += (features[m * width + j]! - own) ** 2;
        expect(Math.abs(squares[j]! / square - 1)).toBeLessThan(1e-10);
      }
      for (const [k, scores] of [x, y].entries()) {
        expect(axes[k]!.reduce((sum, entry) => sum + entry ** 2, 0)).toBeCloseTo(1, 10);
        scores.forEach((score, m) => {
          let product = 0;
          for (let j = 0; j < width; j++) product += (features[m * width + j]! - mean[j]!) * axes[k]![j]!;
          expect(Math.abs(score - product)).toBeLessThan(1e-11);
        });
      }
    }
  });

  it('of draws that coincide, or of one coordinate, are zero where there is no direction', () => {
    const same = componentsOf(new Float64Array(12).fill(7), 3);
    expect([...same.x, ...same.y, ...same.explained].every((value) => value === 0)).toBe(true);
    const line = componentsOf(Float64Array.of(1, 2, 3, 6), 1);
    expect([...line.x]).toEqual([-2, -1, 0, 3]);
    expect([...line.y]).toEqual([0, 0, 0, 0]);
  });
});

describe('inner products of draws', () => {
  it('of two groups far from each other keep the digits of the distances within each', () => {
    const random = seededRandom(4);
    const [draws, width] = [9, 400];
    // Two points of norm 20 in general position, and draws around them at a distance of about 1e-6.
    const centres = Float64Array.from({ length: 2 * width }, () => random.normal());
    const features = Float64Array.from({ length: draws * width }, (_, k) => centres[(Math.floor(k / width) % 2) * width + (k % width)]! + 1e-7 * random.normal());
    const { squared } = gramOf(features, width);
    for (let a = 0; a < draws; a++) {
      for (let b = 0; b < a; b++) {
        let sum = 0;
        for (let j = 0; j < width; j++) sum += (features[a * width + j]! - features[b * width + j]!) ** 2;
        expect(Math.abs(squared[a * draws + b]! / sum - 1)).toBeLessThan(1e-9);
        expect(sum < 1e-10).toBe(a % 2 === b % 2);
      }
    }
  });

  it('give distances of a selection, over more coordinates than one tile; copies are at distance 0 exactly', () => {
    const random = seededRandom(3);
    const [draws, width] = [7, 5000];
    const features = Float64Array.from({ length: draws * width }, () => 1 + random.normal());
    for (let j = 0; j < width; j++) features[6 * width + j] = features[2 * width + j]! * (1 + 1e-12);
    const { squared } = gramOf(features, width);
    for (let a = 0; a < draws; a++) {
      for (let b = 0; b < draws; b++) {
        let sum = 0;
        for (let j = 0; j < width; j++) sum += (features[a * width + j]! - features[b * width + j]!) ** 2;
        if (a + b === 8 && a !== b && (a === 2 || b === 2)) expect(squared[a * draws + b]).toBe(0);
        else expect(Math.abs(squared[a * draws + b]! - sum)).toBeLessThan(1e-10 * width);
      }
    }
  });
});
