/**
 * Autocovariance of long chains in O(n log n): the Wiener–Khinchin theorem and the fast Fourier transform.
 */

interface WorkSpace {
  readonly size: number;
  readonly transform: (re: Float64Array, im: Float64Array) => void;
  readonly re: Float64Array;
  readonly im: Float64Array;
  readonly power: Float64Array;
}

/** Of the last size asked for: many quantities of one set of chains follow each other. */
let latest: WorkSpace | undefined;

function workSpace(size: number): WorkSpace {
  if (latest?.size !== size) {
    latest = { size, transform: fourierTransform(size), re: new Float64Array(size), im: new Float64Array(size), power: new Float64Array(size) };
  }
  return latest;
}

/**
 * Chains are padded with zeros against wrapping around. Two chains are the real and imaginary part of one transform: the real part
 * of the inverse transform of |Z|² is the sum of their autocovariances.
 * @param values chains × n, an even number of chains
 * @param means of the chains
 * @returns autocovariance at lags 0 … n − 1 (divisor n), averaged over the chains
 */
export function autocovariance(values: Float64Array, means: Float64Array, n: number): Float64Array {
  const { size, transform, re, im, power } = workSpace(2 ** Math.ceil(Math.log2(2 * n)));
  power.fill(0);
  for (let c = 0; c < means.length; c += 2) {
    re.fill(0);
    im.fill(0);
    for (let i = 0; i < n; i++) {
      re[i] = values[c * n + i]! - means[c]!;
      im[i] = values[(c + 1) * n + i]! - means[c + 1]!;
    }
    transform(re, im);
    for (let k = 0; k < size; k++) power[k]! += re[k]! ** 2 + im[k]! ** 2;
  }
  re.set(power);
  im.fill(0);
  // Forward instead of inverse: on a real input they are conjugates, up to the factor 1 / size.
  transform(re, im);
  return re.slice(0, n).map((sum) => sum / (size * n * means.length));
}

/** In-place discrete Fourier transform of a power-of-two length (Cooley & Tukey 1965, decimation in time). */
function fourierTransform(size: number): (re: Float64Array, im: Float64Array) => void {
  const cosine = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
  const sine = Float64Array.from({ length: size / 2 }, (_, k) => Math.sin((2 * Math.PI * k) / size));
  const reversed = new Uint32Array(size);
  for (let i = 1; i < size; i++) reversed[i] = (reversed[i >> 1]! >> 1) | (i % 2 === 1 ? size >> 1 : 0);
  return (re, im) => {
    for (let i = 0; i < size; i++) {
      const j = reversed[i]!;
      if (j <= i) continue;
      [re[i], re[j]] = [re[j]!, re[i]!];
      [im[i], im[j]] = [im[j]!, im[i]!];
    }
    for (let half = 1; half < size; half *= 2) {
      const stride = size / (2 * half);
      for (let k = 0; k < half; k++) {
        const c = cosine[k * stride]!;
        const s = sine[k * stride]!;
        for (let i = k; i < size; i += 2 * half) {
          const j = i + half;
          const x = re[j]! * c + im[j]! * s;
          const y = im[j]! * c - re[j]! * s;
          re[j] = re[i]! - x;
          im[j] = im[i]! - y;
          re[i]! += x;
          im[i]! += y;
        }
      }
    }
  };
}
