/**
 * Draws that do not fit into memory, made short enough to be held: a linear map S: R^D → R^k that keeps distances and inner products
 * on average (Charikar, Chen & Farach-Colton 2002, count sketch; Weinberger et al. 2009, feature hashing). Every parameter is
 * added with a random sign to one random coordinate, so a draw costs D additions, and E ⟨Sx, Sy⟩ = ⟨x, y⟩,
 * Var ‖Sx‖² ≤ 2 ‖x‖⁴ / k. Differences are sketched like everything else: draws that coincide still do.
 */
import type { Random } from '../linalg/random.ts';

export interface Sketch {
  /** k */
  readonly coordinates: number;
  /**
   * Sketches of whole draws.
   * @param theta n × D row-major
   * @param into receives n × k from entry `offset` on
   */
  apply(theta: Float64Array, into: Float64Array, offset: number): void;
}

/** Standard deviation of a squared distance relative to itself, at most; of the distance about half as much. */
export const sketchError = (coordinates: number): number => Math.sqrt(2 / coordinates);

export function countSketch(parameters: number, coordinates: number, random: Random): Sketch {
  // Coordinate c with a positive sign is c, with a negative one ~c.
  const places = new Int32Array(parameters);
  for (let i = 0; i < parameters; i++) {
    const coordinate = random.below(coordinates);
    places[i] = random.below(2) === 0 ? coordinate : ~coordinate;
  }
  return {
    coordinates,
    apply(theta, into, offset) {
      const draws = theta.length / parameters;
      into.fill(0, offset, offset + draws * coordinates);
      for (let m = 0; m < draws; m++) {
        const from = m * parameters;
        const to = offset + m * coordinates;
        for (let i = 0; i < parameters; i++) {
          const place = places[i]!;
          if (place >= 0) into[to + place]! += theta[from + i]!;
          else into[to + ~place]! -= theta[from + i]!;
        }
      }
    },
  };
}
