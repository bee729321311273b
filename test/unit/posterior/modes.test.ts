/** Modes of mixtures whose modes are known, in few and in many dimensions, and none where there is one peak only. */
import { describe, expect, it } from 'vitest';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom, type Random } from '../../../src/linalg/random.ts';
import { findModes, type Modes } from '../../../src/posterior/modes.ts';
import { meanSilhouette } from '../../../src/posterior/silhouette.ts';
import { drawsOf, figures, gramOf } from './figures.ts';

const modesOf = (features: Float64Array, width: number, seed = 1): Modes => complete(findModes(gramOf(features, width).squared, features.length / width, seededRandom(seed)));

/** Draw m belongs to mode m mod `modes`; the centres lie in general position, `distance` from the origin, in the unit of the modes' own deviation. */
function mixture(count: number, width: number, modes: number, distance: number, random: Random): Float64Array {
  const centres = Array.from({ length: modes }, () => {
    const centre = Array.from({ length: width }, () => random.normal());
    const norm = Math.hypot(...centre);
    return centre.map((value) => (distance * value) / norm);
  });
  return Float64Array.from({ length: count * width }, (_, k) => random.normal() + centres[Math.floor(k / width) % modes]![k % width]!);
}

describe('modes', () => {
  it.each([[2, 200, 3, 14], [10, 120, 5, 12], [10, 400, 2, 8], [300, 60, 3, 25], [1000, 30, 2, 40]])('in %i dimensions, of %i draws: %i, as they were made', (width, count, modes, distance) => {
    const found = modesOf(mixture(count, width, modes, distance, seededRandom(width + 1)), width);
    expect([found.leastCount, found.count]).toEqual([modes, modes]);
    // The labels are the mixture's, up to their order.
    const labelOf = Array.from({ length: modes }, (_, mode) => found.labels[mode]!);
    expect(new Set(labelOf).size).toBe(modes);
    found.labels.forEach((label, m) => { expect(label).toBe(labelOf[m % modes]); });
    expect(found.sizes.reduce((a, b) => a + b, 0)).toBe(count);
    expect(found.weakest).toBeGreaterThan(found.threshold);
    expect(found.refused).toBeLessThanOrEqual(found.threshold);
    expect(found.silhouette).toBeGreaterThan(0);
  });

  it('Gaussian draws have one, whatever their dimension and number, but for one set in forty', () => {
    let wrong = 0;
    let tried = 0;
    for (const width of [1, 2, 10, 100]) {
      for (const count of [12, 60, 150]) {
        for (let repeat = 0; repeat < 4; repeat++, tried++) if (modesOf(mixture(count, width, 1, 0, seededRandom(100 * width + 10 * count + repeat)), width).count > 1) wrong++;
      }
    }
    expect(wrong).toBeLessThanOrEqual(0.125 * tried);
  });

  it('heavy tails are no modes', () => {
    const random = seededRandom(4);
    const draws = Float64Array.from(Array.from({ length: 300 }, () => 1 / Math.hypot(random.normal(), random.normal())).flatMap((scale) => [scale * random.normal(), scale * random.normal()]));
    expect(modesOf(draws, 2).leastCount).toBe(1);
  });

  it('exact copies of three networks are three modes with an infinite gap; of one network, one', () => {
    const three = Float64Array.from({ length: 30 * 5 }, (_, k) => Math.sin(3 * (Math.floor(k / 5) % 3) + (k % 5)));
    expect(modesOf(three, 5)).toMatchObject({ count: 3, leastCount: 3, sizes: [10, 10, 10], weakest: Number.POSITIVE_INFINITY });
    expect(modesOf(three.map((_, k) => Math.sin(k % 5)), 5)).toMatchObject({ count: 1, leastCount: 1, sizes: [30], threshold: 1 });
  });

  it('are the same in any order, unit and seed when they are clear', () => {
    const draws = mixture(90, 6, 3, 12, seededRandom(2));
    const plain = modesOf(draws, 6);
    const reversed = Float64Array.from(draws, (_, k) => 1024 * draws[(89 - Math.floor(k / 6)) * 6 + (k % 6)]!);
    const other = modesOf(reversed, 6, 99);
    expect(other.sizes).toEqual(plain.sizes);
    expect(other.weakest).toBeCloseTo(plain.weakest, 8);
    expect(other.silhouette).toBeCloseTo(plain.silhouette, 8);
    for (let a = 0; a < 90; a++) for (let b = 0; b < a; b++) expect(other.labels[89 - a] === other.labels[89 - b]).toBe(plain.labels[a] === plain.labels[b]);
  });
});

describe('silhouettes', () => {
  it.each(figures.silhouettes)('are those of scikit-learn: $count draws in $groups groups', (expected) => {
    const labels = Int32Array.from({ length: expected.count }, (_, i) => Math.min(expected.groups - 1, Math.floor((i * expected.groups) / expected.count)));
    expect(meanSilhouette(gramOf(drawsOf(expected), expected.width).squared, labels)).toBeCloseTo(expected.silhouette, 10);
  });
});
