/**
 * Have the chains mixed, and how many independent draws are they worth? Rank-normalised split-R̂, bulk and tail effective sample
 * size and Monte Carlo standard errors: Vehtari, Gelman, Simpson, Carpenter & Bürkner (2021), "Rank-normalization, folding, and
 * localization", Bayesian Analysis 16(2). Written to give ArviZ's numbers, its edge cases included.
 */
import { autocovariance } from './autocovariance.ts';
import { betaQuantile } from './betaQuantile.ts';
import { normalScores } from './normalScores.ts';

/** NaN where a figure is not defined: fewer than 4 draws, a NaN among them, and for R̂ fewer than 2 chains or constant chains. */
export interface ChainDiagnostics {
  /** Larger of the rank-normalised split-R̂ of the draws and of their distances from the median; 1 when chains agree. */
  readonly rhat: number;
  /** Effective number of draws for the centre of the distribution. */
  readonly essBulk: number;
  /** The smaller of the effective numbers of draws for the 5 % and the 95 % quantile. */
  readonly essTail: number;
  /** Monte Carlo standard errors, in the unit of the draws: of the mean, of the standard deviation, of three quantiles. */
  readonly mcseMean: number;
  readonly mcseSd: number;
  readonly mcse05: number;
  readonly mcseMedian: number;
  readonly mcse95: number;
  /** Standard deviation of all draws (divisor S − 1), against which the errors are to be seen. */
  readonly sd: number;
}

const UNDEFINED: ChainDiagnostics = {
  rhat: Number.NaN, essBulk: Number.NaN, essTail: Number.NaN, mcseMean: Number.NaN, mcseSd: Number.NaN, mcse05: Number.NaN, mcseMedian: Number.NaN, mcse95: Number.NaN, sd: Number.NaN,
};
/** numpy's `finfo(float64).resolution`: draws whose range is below it count as constant, and as independent. */
const RESOLUTION = 1e-15;

/**
 * Of one quantity (a weight, a prediction).
 * @param values chains × draws, row-major
 * @param draws draws a chain
 * @throws RangeError when the sizes do not fit
 */
export function diagnose(values: Float64Array, chains: number, draws: number): ChainDiagnostics {
  if (values.length !== chains * draws) throw new RangeError(`${values.length} numbers are not ${chains} chains of ${draws} draws`);
  if (draws < 4 || values.some(Number.isNaN)) return UNDEFINED;
  const split = splitChains(values, chains);
  const count = 2 * chains;
  const scores = normalScores(split);
  const sorted = values.toSorted();
  const atMost = (probability: number): number => {
    const bound = quantile(sorted, probability);
    return effectiveSampleSize(splitChains(values.map((value) => (value <= bound ? 1 : 0)), chains), count);
  };
  const [low, middle, high] = [atMost(0.05), atMost(0.5), atMost(0.95)];
  const sd = Math.sqrt(variance(values, 0, values.length));
  return {
    rhat: chains < 2 ? Number.NaN : rankNormalisedRhat(split, scores, count),
    essBulk: effectiveSampleSize(scores, count),
    essTail: high < low ? high : low,
    mcseMean: sd / Math.sqrt(effectiveSampleSize(split, count)),
    mcseSd: errorOfDeviation(values, chains),
    mcse05: errorOfQuantile(sorted, 0.05, low),
    mcseMedian: errorOfQuantile(sorted, 0.5, middle),
    mcse95: errorOfQuantile(sorted, 0.95, high),
    sd,
  };
}

/** By the delta method: Var(σ̂) ≈ Var(σ̂²) / (4 σ²), with σ̂² the mean of the squared deviations. */
function errorOfDeviation(values: Float64Array, chains: number): number {
  const centre = mean(values, 0, values.length);
  const squares = values.map((value) => (value - centre) ** 2);
  const second = mean(squares, 0, squares.length);
  const fourth = mean(squares.map((square) => square * square), 0, squares.length);
  const size = effectiveSampleSize(splitChains(squares, chains), 2 * chains);
  return Math.sqrt((fourth - second ** 2) / size / second / 4);
}

/** Φ(−1) and Φ(1), as far as ArviZ writes them out. */
const ONE_SIGMA = [0.1586553, 0.8413447] as const;

/** Half the distance between the order statistics that bound the quantile by one standard deviation of its Beta(Sp + 1, S(1 − p) + 1) distribution (section 4.2). */
function errorOfQuantile(sorted: Float64Array, probability: number, size: number): number {
  const place = (level: number): number => betaQuantile(level, size * probability + 1, size * (1 - probability) + 1) * sorted.length - 1;
  const [from, to] = [place(ONE_SIGMA[0]), place(ONE_SIGMA[1])];
  const below = Number.isNaN(from) ? 0 : Math.max(0, Math.floor(from));
  const above = Number.isNaN(to) ? sorted.length - 1 : Math.min(sorted.length - 1, Math.ceil(to));
  return (sorted[above]! - sorted[below]!) / 2;
}

function rankNormalisedRhat(split: Float64Array, scores: Float64Array, chains: number): number {
  const median = quantile(split.toSorted(), 0.5);
  const bulk = splitRhat(scores, chains);
  const tail = splitRhat(normalScores(split.map((value) => Math.abs(value - median))), chains);
  return tail > bulk ? tail : bulk;
}

/** Each chain's halves as chains of their own, so that a trend within a chain shows; an odd draw in the middle is left out. */
function splitChains(values: Float64Array, chains: number): Float64Array {
  const draws = values.length / chains;
  const half = Math.floor(draws / 2);
  const split = new Float64Array(2 * chains * half);
  for (let c = 0; c < chains; c++) {
    split.set(values.subarray(c * draws, c * draws + half), c * half);
    split.set(values.subarray((c + 1) * draws - half, (c + 1) * draws), (chains + c) * half);
  }
  return split;
}

/** Linear interpolation between order statistics (R's type 7). The form of the sum matters: draws are compared with the result. */
function quantile(sorted: Float64Array, probability: number): number {
  const position = sorted.length * probability + (1 - probability);
  const below = Math.floor(Math.min(Math.max(position, 1), sorted.length - 1));
  const weight = Math.min(Math.max(position - below, 0), 1);
  return (1 - weight) * sorted[below - 1]! + weight * sorted[below]!;
}

/** R̂ = √((B/W + n − 1) / n), equations 1–4: NaN when all chains are one constant, ∞ when they are different constants. */
function splitRhat(values: Float64Array, chains: number): number {
  const n = values.length / chains;
  const means = new Float64Array(chains);
  let within = 0;
  for (let c = 0; c < chains; c++) {
    means[c] = mean(values, c * n, (c + 1) * n);
    within += variance(values, c * n, (c + 1) * n) / chains;
  }
  return Math.sqrt(((n * variance(means, 0, chains)) / within + n - 1) / n);
}

/**
 * Effective sample size by Geyer's initial monotone sequence on the autocorrelations of all chains together (section 3.2).
 * @param values chains × n, already split
 */
function effectiveSampleSize(values: Float64Array, chains: number): number {
  const n = values.length / chains;
  const total = values.length;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (most - least < RESOLUTION) return total;
  const means = Float64Array.from({ length: chains }, (_, c) => mean(values, c * n, (c + 1) * n));
  const covariance = autocovariance(values, means, n);
  const within = (covariance(0) * n) / (n - 1);
  const pooled = covariance(0) + variance(means, 0, chains);
  const correlation = (t: number): number => 1 - (within - covariance(t)) / pooled;

  // Pairs (ρ_2k, ρ_2k+1) as long as their sum is positive, …
  const rho = new Float64Array(n);
  let even = (rho[0] = 1);
  let odd = (rho[1] = correlation(1));
  if (Number.isNaN(odd)) return Number.NaN;
  let t = 1;
  for (; t < n - 3 && even + odd > 0; t += 2) {
    even = correlation(t + 1);
    odd = correlation(t + 2);
    if (even + odd >= 0) {
      rho[t + 1] = even;
      rho[t + 2] = odd;
    }
  }
  const last = t - 2;
  if (even > 0) rho[last + 1] = even;
  // … and from there on never larger than the pair before.
  for (let s = 1; s <= last - 2; s += 2) {
    if (rho[s + 1]! + rho[s + 2]! > rho[s - 1]! + rho[s]!) rho[s + 1] = rho[s + 2] = (rho[s - 1]! + rho[s]!) / 2;
  }
  let tau = -1 + rho[last + 1]!;
  for (let s = 0; s <= last; s++) tau += 2 * rho[s]!;
  return total / Math.max(tau, 1 / Math.log10(total));
}

/** In two passes, so that equal numbers have exactly themselves as mean. */
function mean(values: Float64Array, begin: number, end: number): number {
  let sum = 0;
  for (let i = begin; i < end; i++) sum += values[i]!;
  const rough = sum / (end - begin);
  let rest = 0;
  for (let i = begin; i < end; i++) rest += values[i]! - rough;
  return rough + rest / (end - begin);
}

/** With divisor n − 1. */
function variance(values: Float64Array, begin: number, end: number): number {
  const centre = mean(values, begin, end);
  let sum = 0;
  for (let i = begin; i < end; i++) sum += (values[i]! - centre) ** 2;
  return sum / (end - begin - 1);
}
