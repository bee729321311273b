/**
 * Autocovariance of chains. Of draws that hardly depend on each other a few lags are asked for, which are summed up directly; of
 * others all, in O(n log n): the Wiener–Khinchin theorem and the fast Fourier transform.
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

/** A transform costs as much as some hundred direct lags. */
const DIRECT_LAGS = 64;

/**
 * @param values chains × n, an even number of chains
 * @param means of the chains
 * @returns autocovariance at a lag 0 … n − 1 (divisor n), averaged over the chains
 */
export function autocovariance(values: Float64Array, means: Float64Array, n: number): (lag: number) => number {
  const centred = new Float64Array(values.length);
  for (let c = 0; c < means.length; c++) for (let i = c * n; i < (c + 1) * n; i++) centred[i] = values[i]! - means[c]!;
  let all: Float64Array | undefined;
  return (lag) => {
    if (all !== undefined) return all[lag]!;
    if (lag < DIRECT_LAGS) return directLag(centred, means.length, n, lag);
    all = allLags(centred, means.length, n);
    return all[lag]!;
  };
}

function directLag(centred: Float64Array, chains: number, n: number, lag: number): number {
  let sum = 0;
  for (let c = 0; c < chains; c++) {
    const end = (c + 1) * n - lag;
    for (let i = c * n; i < end; i++) sum += centred[i]! * centred[i + lag]!;
  }
  return sum / (n * chains);
}

/**
 * Chains are padded with zeros against wrapping around. Two chains are the real and imaginary part of one transform: the real part
 * of the inverse transform of |Z|² is the sum of their autocovariances.
 */
function allLags(centred: Float64Array, chains: number, n: number): Float64Array {
  const { size, transform, re, im, power } = workSpace(2 ** Math.ceil(Math.log2(2 * n)));
  power.fill(0);
  for (let c = 0; c < chains; c += 2) {
    re.fill(0);
    im.fill(0);
    re.set(centred.subarray(c * n, (c + 1) * n));
    im.set(centred.subarray((c + 1) * n, (c + 2) * n));
    transform(re, im);
    for (let k = 0; k < size; k++) power[k]! += re[k]! ** 2 + im[k]! ** 2;
  }
  re.set(power);
  im.fill(0);
  // Forward instead of inverse: on a real input they are conjugates, up to the factor 1 / size.
  transform(re, im);
  return re.slice(0, n).map((sum) => sum / (size * n * chains));
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
