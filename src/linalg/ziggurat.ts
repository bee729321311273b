/**
 * The ziggurat of the normal density (Marsaglia & Tsang 2000; with the 53 bits and the independent layer of Doornik 2005): 256 layers of equal area,
 * of which a uniform point lies under the curve 99 times in 100 without an exponential or a logarithm.
 */

const LAYERS = 256;
/** Where the tail begins, and the area of a layer. */
const TAIL = 3.6541528853610088;
const AREA = 0.004928673233974655;

/** Right edges x_i, descending, x_0 that of a rectangle as large as the lowest layer with the tail; and the density there. */
const edges = new Float64Array(LAYERS + 1);
const heights = new Float64Array(LAYERS + 1);
/** x_{i+1}/x_i: below this share of the width a point is under the curve whatever its height. */
const inside = new Float64Array(LAYERS);

const density = (x: number): number => Math.exp(-0.5 * x * x);
edges[0] = AREA / density(TAIL);
edges[1] = TAIL;
for (let i = 2; i < LAYERS; i++) edges[i] = Math.sqrt(-2 * Math.log(AREA / edges[i - 1]! + density(edges[i - 1]!)));
for (let i = 0; i <= LAYERS; i++) heights[i] = i === 0 ? 0 : density(edges[i]!);
for (let i = 0; i < LAYERS; i++) inside[i] = edges[i + 1]! / edges[i]!;

/** Fills `into` with standard normal numbers. @param next 32 uniform bits, unsigned */
export function fillNormal(into: Float64Array, next: () => number): Float64Array {
  const uniform = (): number => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992;
  for (let k = 0; k < into.length; k++) {
    for (;;) {
      const low = next();
      const layer = low & 255;
      const u = (next() * 2097152 + (low >>> 11)) / 9007199254740992;
      const x = u * edges[layer]!;
      const sign = (low & 256) === 0 ? 1 : -1;
      if (u < inside[layer]!) {
        into[k] = sign * x;
        break;
      }
      if (layer === 0) {
        into[k] = sign * tail(uniform);
        break;
      }
      if (heights[layer]! + uniform() * (heights[layer + 1]! - heights[layer]!) < density(x)) {
        into[k] = sign * x;
        break;
      }
    }
  }
  return into;
}

/** Beyond `TAIL` (Marsaglia 1964). */
function tail(uniform: () => number): number {
  for (;;) {
    const beyond = -Math.log(1 - uniform()) / TAIL;
    if (-2 * Math.log(1 - uniform()) > beyond * beyond) return TAIL + beyond;
  }
}
