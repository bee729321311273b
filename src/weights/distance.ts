/**
 * Distance between two tensors of equal shape, both read once in pieces. Sums of squares and the inner product are kept as a
 * mantissa and a power of two, so that weights of any size neither overflow nor vanish, and summed in blocks (Higham, "Accuracy and
 * Stability of Numerical Algorithms", §4.2), so that a long tensor costs no digits.
 */
import type { TensorDistance } from '../protocol/differenceTable.ts';
import type { WeightFile } from './weightFile.ts';

const PIECE_ELEMENTS = 2 ** 20;
const BLOCK_ELEMENTS = 1024;

/**
 * Of tensor `name`, which both files have in the same shape and a dtype of real numbers.
 * @param elapsed told how many elements have been compared since the last time
 * @throws WeightFileError as reading does; the signal's reason once it is aborted
 */
export async function tensorDistance(a: WeightFile, b: WeightFile, name: string, signal: AbortSignal, elapsed: (elements: number) => void = () => undefined): Promise<TensorDistance> {
  const elements = a.tensor(name)?.elements ?? 0;
  const sums = new DistanceSums();
  for (let start = 0; start < elements; start += PIECE_ELEMENTS) {
    signal.throwIfAborted();
    const end = Math.min(elements, start + PIECE_ELEMENTS);
    const [first, second] = await Promise.all([a.read(name, start, end), b.read(name, start, end)]);
    sums.add(first, second);
    elapsed(end - start);
    // A cancel message can only arrive when the event loop gets a turn.
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
  signal.throwIfAborted();
  return sums.distance();
}

/** What has been seen of two tensors so far. */
class DistanceSums {
  readonly #aa = new ScaledSum();
  readonly #bb = new ScaledSum();
  readonly #ab = new ScaledSum();
  readonly #dd = new ScaledSum();
  #largest = 0;
  #different = 0;
  #incomparable = 0;

  /** Takes both pieces over: what is not finite in either becomes zero in both. */
  add(a: Float64Array, b: Float64Array): void {
    let [largestA, largestB] = [0, 0];
    for (let i = 0; i < a.length; i++) {
      const [x, y] = [a[i]!, b[i]!];
      if (x - x !== 0 || y - y !== 0) {
        if (!Object.is(x, y)) {
          this.#incomparable++;
          this.#different++;
        }
        a[i] = b[i] = 0;
        continue;
      }
      if (x !== y) {
        this.#different++;
        this.#largest = Math.max(this.#largest, Math.abs(y - x));
      }
      largestA = Math.max(largestA, Math.abs(x));
      largestB = Math.max(largestB, Math.abs(y));
    }
    const [scaleA, scaleB] = [exponentOf(largestA), exponentOf(largestB)];
    const [factorA, factorB, common] = [2 ** -scaleA, 2 ** -scaleB, Math.max(scaleA, scaleB)];
    const factor = 2 ** -common;
    for (let block = 0; block < a.length; block += BLOCK_ELEMENTS) {
      const end = Math.min(a.length, block + BLOCK_ELEMENTS);
      let [aa, bb, ab, dd] = [0, 0, 0, 0];
      for (let i = block; i < end; i++) {
        const x = a[i]! * factorA;
        const y = b[i]! * factorB;
        const difference = b[i]! * factor - a[i]! * factor;
        aa += x * x;
        bb += y * y;
        ab += x * y;
        dd += difference * difference;
      }
      this.#aa.add(aa, 2 * scaleA);
      this.#bb.add(bb, 2 * scaleB);
      this.#ab.add(ab, scaleA + scaleB);
      this.#dd.add(dd, 2 * common);
    }
  }

  distance(): TensorDistance {
    const l2 = this.#dd.root();
    const relative = l2 === 0 ? 0 : this.#dd.rootOfRatio(this.#aa);
    // Cauchy–Schwarz, which rounding may break by a last bit.
    const cosine = this.#different === 0 && this.#aa.isPositive ? 1 : Math.max(-1, Math.min(1, this.#ab.cosine(this.#aa, this.#bb)));
    return { norm: this.#aa.root(), l2, relative, largest: this.#largest, cosine, different: this.#different, incomparable: this.#incomparable };
  }
}

/** mantissa · 2^exponent, with the exponent of the largest term so far. */
class ScaledSum {
  #mantissa = 0;
  #exponent = -Infinity;

  get isPositive(): boolean {
    return this.#mantissa > 0;
  }

  add(term: number, exponent: number): void {
    if (term === 0) return;
    if (exponent > this.#exponent) {
      this.#mantissa *= 2 ** Math.max(-2000, this.#exponent - exponent);
      this.#exponent = exponent;
    }
    this.#mantissa += term * 2 ** (exponent - this.#exponent);
  }

  /** Exponents of squares are even. */
  root(): number {
    return this.#mantissa === 0 ? 0 : Math.sqrt(this.#mantissa) * 2 ** (this.#exponent / 2);
  }

  rootOfRatio(below: ScaledSum): number {
    if (below.#mantissa === 0) return Infinity;
    return Math.sqrt(this.#mantissa / below.#mantissa) * 2 ** ((this.#exponent - below.#exponent) / 2);
  }

  cosine(a: ScaledSum, b: ScaledSum): number {
    if (a.#mantissa === 0 || b.#mantissa === 0) return NaN;
    if (this.#mantissa === 0) return 0;
    return (this.#mantissa / (Math.sqrt(a.#mantissa) * Math.sqrt(b.#mantissa))) * 2 ** (this.#exponent - (a.#exponent + b.#exponent) / 2);
  }
}

/** Of a power of two near the magnitude; within ±1000, so that it and its reciprocal are normal numbers. */
function exponentOf(magnitude: number): number {
  return magnitude === 0 ? -1000 : Math.max(-1000, Math.min(1000, Math.round(Math.log2(magnitude))));
}
