/**
 * The `balanced` form of the scaling symmetry: the representative of least mass Σ w² ("min-mass", Laurent et al. 2023;
 * equi-normalisation, Stock et al. 2019). With u_j → e^{s_j} u_j the mass is a sum of exponentials of differences of s, convex,
 * and strictly so on units that connect inputs to outputs; at its minimum ‖u_j‖ = ‖v_j‖ (counted entries only), where u_j is all that produces
 * a unit and v_j all that consumes it. A normalisation's γ is a weight of its own.
 *
 * Minimised one unit after another. In one s_j the mass is a cosh about its minimiser s_j + ½ log(‖v_j‖/‖u_j‖), so over-relaxation
 * by any ω in (0, 2) still decreases it. At the minimum the squared weights are a conserved flow from layer to layer (what
 * enters a unit leaves it), so the Hessian, normalised by each unit's flow, is that of a symmetric walk on the layers absorbed at
 * both ends: whatever the weights, Jacobi's spectral radius is at most cos(π/L) for L − 1 adjacent classes of a chain, and
 * Young's ω = 2 / (1 + sin(π/L)) gives a linear rate ω − 1 (0 for one hidden layer, 0.17 for three, 0.53 for ten). With branches L − 1 is
 * the longest path.
 *
 * Norms are sums of w² e^{2(s_to − s_from)} while weights and scales are moderate, and the same sums in log space otherwise, so that
 * weights of 1e±200 neither overflow nor vanish.
 */
import type { GroupedMaps, LinearMap } from './linearMaps.ts';
import { massTerms } from './massTerms.ts';
import { type LeftUnit, NO_UNITS, type ScalingStep } from './scaling.ts';

export interface BalanceStep extends ScalingStep {
  /** Of the last call: sweeps over all units. */
  readonly iterations: number;
  /** Of the last call: max_j |log(‖u_j‖ / ‖v_j‖)| over the balanced units, at the result. */
  readonly residual: number;
}

/** Sweeps at most, fewer where one takes long: some thousand million terms in all. */
const MAX_SWEEPS = 20_000;
const MAX_TERMS = 4e9;
/** Up to this |log w| and |s| the terms of a norm stay within e^±400: far from float64's ends at e^±708. */
const MODERATE_LOG = 100;
const MODERATE_SCALE = 50;
/** Terms below e^-50 of the largest cannot change a sum of up to 10⁶ of them in float64. */
const NEGLIGIBLE = -25;

export interface BalanceOptions {
  /** Whether biases belong to the mass. They are scaled with their units either way. */
  readonly countBiases: boolean;
}

/**
 * A unit without any counted incoming, or any outgoing, non-zero weight has no least mass (its other side could shrink for ever):
 * it is left at its scale and reported, and the mass is minimised over the other units. Where units feed only one another in a circle
 * (through a residual sum or a map used twice) there is no least mass either, and the residual says so.
 */
export function balancedScaling({ maps, classes, unification }: GroupedMaps, { countBiases }: BalanceOptions): BalanceStep {
  const terms = massTerms(maps, classes, unification.groups, countBiases);
  const { levels } = terms;
  const omega = 2 / (1 + Math.sin(Math.PI / (terms.longestPath + 1)));
  /** s of each group; pinned ones stay at 0. */
  const scales = new Float64Array(unification.groups);
  /** e^{2s}. */
  const growth = new Float64Array(unification.groups);
  const widest = levels.reduce((most, { groups }) => Math.max(most, groups.length), 0);
  const rows = new Float64Array(widest);
  const columns = new Float64Array(widest);
  const rowTops = new Float64Array(widest);
  const columnTops = new Float64Array(widest);
  const inverse = new Float64Array(terms.widestColumns);
  let largestLog = 0;
  let largestScale = 0;
  let extreme = false;
  const step = { iterations: 0, residual: 0, apply };

  function apply(state: Float64Array): readonly LeftUnit[] {
    step.iterations = 0;
    step.residual = 0;
    if (levels.length === 0) return NO_UNITS;
    largestLog = terms.load(state);
    largestScale = 0;
    extreme = false;
    scales.fill(0);
    growth.fill(1);
    descend(state);
    step.residual = sweep(state, 0);
    const left = degenerateUnits(state);
    for (const map of maps) rescale(state, map);
    return left;
  }

  /**
   * Until the residual is at the level of rounding, which is that of the logarithms: a few eps × (|log w| + |s|). Complex eigenvalues let
   * the residual rise for a few sweeps now and then, so it is given some before it counts as stalled.
   */
  function descend(state: Float64Array): void {
    const patience = 4 + terms.longestPath;
    const limit = Math.min(MAX_SWEEPS, Math.max(200, MAX_TERMS / (1 + terms.count)));
    let best = Number.POSITIVE_INFINITY;
    let sinceBest = 0;
    while (step.iterations < limit) {
      const residual = sweep(state, omega);
      step.iterations++;
      sinceBest = residual < best ? 0 : sinceBest + 1;
      best = Math.min(best, residual);
      const floor = 64 * Number.EPSILON * (1 + largestLog + largestScale);
      if (residual <= 1e-14 || (best <= floor && sinceBest >= patience)) return;
    }
  }

  /** One pass over all units; returns the largest imbalance met on the way. */
  function sweep(state: Float64Array, relaxation: number): number {
    let residual = 0;
    for (let l = 0; l < levels.length; l++) {
      const { groups } = levels[l]!;
      norms(state, l);
      for (let j = 0; j < groups.length; j++) {
        const imbalance = columns[j]! - rows[j]!;
        if (!Number.isFinite(imbalance)) continue;
        residual = Math.max(residual, Math.abs(imbalance));
        const s = scales[groups[j]!]! + relaxation * 0.5 * imbalance;
        scales[groups[j]!] = s;
        growth[groups[j]!] = Math.exp(2 * s);
        largestScale = Math.max(largestScale, Math.abs(s));
      }
    }
    return residual;
  }

  /** rows[j] = log ‖u_j‖ and columns[j] = log ‖v_j‖ under the present scales; −∞ for a zero side. */
  function norms(state: Float64Array, l: number): void {
    if (largestLog <= MODERATE_LOG && largestScale <= MODERATE_SCALE) moderateNorms(l);
    else {
      if (!extreme) terms.loadLogs(state);
      extreme = true;
      logNorms(l);
    }
  }

  function moderateNorms(l: number): void {
    const { groups, rowParts, columnParts } = levels[l]!;
    const n = groups.length;
    rows.fill(0, 0, n);
    columns.fill(0, 0, n);
    for (const { terms: { squares, biases, columns: width, groups: blocks, rows: height, columnGroups }, index, unit, fixed } of rowParts) {
      if (blocks === 1 && fixed === undefined) for (let c = 0; c < width; c++) inverse[c] = 1 / growth[columnGroups[c]!]!;
      for (let k = 0; k < index.length; k++) {
        const o = index[k]!;
        const at = o * width;
        let sum = biases === undefined ? 0 : biases[o]!;
        if (fixed !== undefined) sum += fixed[k]!;
        else if (blocks === 1) sum += weightedSum(squares, at, inverse, width);
        else {
          const first = Math.floor((o * blocks) / height) * width;
          for (let c = 0; c < width; c++) sum += squares[at + c]! / growth[columnGroups[first + c]!]!;
        }
        rows[unit[k]!]! += sum;
      }
    }
    for (const { terms: { squares, columns: width, groups: blocks, rows: height, rowGroups }, index, unit, consecutive } of columnParts) {
      if (blocks === 1) {
        const first = index[0]!;
        for (let o = 0; o < height; o++) {
          const grown = growth[rowGroups[o]!]!;
          const at = o * width;
          if (consecutive) addScaled(columns, squares, at + first, grown, n);
          else for (let k = 0; k < index.length; k++) columns[unit[k]!]! += squares[at + index[k]!]! * grown;
        }
      } else {
        const each = height / blocks;
        for (let k = 0; k < index.length; k++) {
          const group = Math.floor(index[k]! / width);
          const c = index[k]! - group * width;
          for (let o = group * each; o < (group + 1) * each; o++) columns[unit[k]!]! += squares[o * width + c]! * growth[rowGroups[o]!]!;
        }
      }
    }
    for (let j = 0; j < n; j++) {
      const s = scales[groups[j]!]!;
      rows[j] = 0.5 * Math.log(rows[j]!) + s;
      columns[j] = 0.5 * Math.log(columns[j]!) - s;
    }
  }

  function logNorms(l: number): void {
    const { groups } = levels[l]!;
    const n = groups.length;
    rowTops.fill(Number.NEGATIVE_INFINITY, 0, n);
    columnTops.fill(Number.NEGATIVE_INFINITY, 0, n);
    eachLog(l, (j, log) => { rowTops[j] = Math.max(rowTops[j]!, log); }, (j, log) => { columnTops[j] = Math.max(columnTops[j]!, log); });
    rows.fill(0, 0, n);
    columns.fill(0, 0, n);
    eachLog(l, (j, log) => {
      const depth = log - rowTops[j]!;
      if (depth > NEGLIGIBLE) rows[j]! += Math.exp(2 * depth);
    }, (j, log) => {
      const depth = log - columnTops[j]!;
      if (depth > NEGLIGIBLE) columns[j]! += Math.exp(2 * depth);
    });
    for (let j = 0; j < n; j++) {
      const s = scales[groups[j]!]!;
      rows[j] = rows[j] === 0 ? Number.NEGATIVE_INFINITY : rowTops[j]! + 0.5 * Math.log(rows[j]!) + s;
      columns[j] = columns[j] === 0 ? Number.NEGATIVE_INFINITY : columnTops[j]! + 0.5 * Math.log(columns[j]!) - s;
    }
  }

  /** Every term of the norms of a level, as log|w| − s_column for rows and log|w| + s_row for columns. */
  function eachLog(l: number, row: (unit: number, log: number) => void, column: (unit: number, log: number) => void): void {
    const { rowParts, columnParts } = levels[l]!;
    for (const { terms: { logs, biasLogs, columns: width, groups: blocks, rows: height, columnGroups }, index, unit } of rowParts) {
      for (let k = 0; k < index.length; k++) {
        const o = index[k]!;
        if (biasLogs !== undefined) row(unit[k]!, biasLogs[o]!);
        const first = Math.floor((o * blocks) / height) * width;
        for (let c = 0; c < width; c++) row(unit[k]!, logs[o * width + c]! - scales[columnGroups[first + c]!]!);
      }
    }
    for (const { terms: { logs, columns: width, groups: blocks, rows: height, rowGroups }, index, unit } of columnParts) {
      const each = height / blocks;
      for (let k = 0; k < index.length; k++) {
        const group = Math.floor(index[k]! / width);
        const c = index[k]! - group * width;
        for (let o = group * each; o < (group + 1) * each; o++) column(unit[k]!, logs[o * width + c]! + scales[rowGroups[o]!]!);
      }
    }
  }

  function degenerateUnits(state: Float64Array): readonly LeftUnit[] {
    let left: LeftUnit[] | undefined;
    for (let l = 0; l < levels.length; l++) {
      const { groups, name, firstUnit } = levels[l]!;
      norms(state, l);
      for (let j = 0; j < groups.length; j++) {
        if (rows[j]! > Number.NEGATIVE_INFINITY && columns[j]! > Number.NEGATIVE_INFINITY) continue;
        const reason = rows[j]! > Number.NEGATIVE_INFINITY ? 'zero-outgoing' : 'zero-incoming';
        (left ??= []).push({ layer: name, unit: firstUnit + j, reason });
      }
    }
    return left ?? NO_UNITS;
  }

  /** W[o, i] ← W[o, i] e^{s_o − s_i}, b_o ← b_o e^{s_o}. */
  function rescale(state: Float64Array, { block, bias, rows: height, columns: width, groups: blocks, inner, rowGroups, columnGroups }: LinearMap): void {
    for (let o = 0; o < height; o++) {
      const own = scales[rowGroups[o]!]!;
      const grown = Math.exp(own);
      const first = Math.floor((o * blocks) / height) * width;
      for (let c = 0; c < width; c++) {
        const before = columnGroups[first + c]!;
        const shift = own - scales[before]!;
        if (shift === 0) continue;
        const at = block.offset + (o * width + c) * inner;
        // e^{s_i} is √growth, as long as that is in range.
        const factor = scales[before] === 0 ? grown : extreme ? Math.exp(shift) : grown / Math.sqrt(growth[before]!);
        for (let b = at; b < at + inner; b++) state[b]! *= factor;
      }
      if (bias !== undefined && own !== 0) state[bias.offset + o]! *= grown;
    }
  }

  return step;
}

/** Σ_c a[at + c] · b[c]: loops of their own, so that they are compiled once for networks of every size. */
function weightedSum(a: Float64Array, at: number, b: Float64Array, n: number): number {
  let even = 0;
  let odd = 0;
  let c = 0;
  for (; c + 1 < n; c += 2) {
    even += a[at + c]! * b[c]!;
    odd += a[at + c + 1]! * b[c + 1]!;
  }
  return c < n ? even + odd + a[at + c]! * b[c]! : even + odd;
}

/** into[j] += factor · a[at + j]. */
function addScaled(into: Float64Array, a: Float64Array, at: number, factor: number, n: number): void {
  for (let j = 0; j < n; j++) into[j]! += factor * a[at + j]!;
}
