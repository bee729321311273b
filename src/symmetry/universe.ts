/**
 * Many networks brought into one common order of units at once: cycle-consistent multi-matching (Crisostomi et al. 2024, "C²M³"). Every
 * network p gets permutations P_p into a common universe, so that matching p to q by P_qᵀP_p is consistent round every cycle, and
 *   f(P) = Σ_{p<q} ⟨P_p·w_p, P_q·w_q⟩
 * is maximised over all classes of all networks together: Frank–Wolfe over doubly stochastic matrices with an exact line search (along
 * a segment f is a quartic), rounded by linear assignments, or the order in which units alone resemble the first network's
 * (`orderlessStart.ts`) where that is better; then improved by coordinate ascent, each network against the sum of the others.
 */
import { leastCostAssignment } from '../linalg/assignment.ts';
import type { Interruptible } from '../linalg/interruptible.ts';
import type { Network } from '../network/network.ts';
import type { MatchingClass } from './matchingClasses.ts';
import { orderlessStart } from './orderlessStart.ts';
import { composedOrders } from './orderTracker.ts';
import { RelaxedNetwork, relaxedPlaces, type RelaxedStep } from './relaxedUnits.ts';
import { identityOrder, isIdentity, type UnitOrder } from './unitOrder.ts';
import { orderUnits } from './unitRows.ts';
import { innerProduct, weightMatching, type MatchingOptions } from './weightMatching.ts';

export interface UniverseMatching {
  /** Per network, per class. */
  readonly orders: readonly (readonly UnitOrder[])[];
  /** P_p·w_p. */
  readonly states: readonly Float64Array[];
  /** f before, at the start of the coordinate ascent, and after every round of coordinate ascent; never decreases from there on, nor below the first. */
  readonly objective: readonly number[];
  readonly converged: boolean;
}

const MAX_STEPS = 60;
const MAX_ROUNDS = 50;

/**
 * The relaxation leaves signs to the coordinate ascent.
 * @param states w of each network (two at least); left unchanged
 */
export function* universeMatching(network: Network, classes: readonly MatchingClass[], states: readonly Float64Array[], options: Omit<MatchingOptions, 'start'>): Interruptible<UniverseMatching> {
  const objective = [pairwiseObjective(network, states)];
  const places = relaxedPlaces(classes);
  const relaxed = states.map((state) => new RelaxedNetwork(places, state));
  for (let step = 0; step < MAX_STEPS; step++) {
    const steps = yield* bestSteps(network, classes, relaxed);
    // f along the segment from P to S is a quartic: five values give it exactly.
    const values: number[] = [];
    for (const t of [0, 0.25, 0.5, 0.75, 1]) {
      values.push(summedObjective(network, t === 0 ? relaxed.map(({ mixed }) => mixed) : steps.map(({ at }) => at(t))));
      yield;
    }
    const t = quarticMaximum(values as [number, number, number, number, number]);
    if (t === 0) break;
    for (const { take } of steps) take(t);
    const next = summedObjective(network, relaxed.map(({ mixed }) => mixed));
    if (next - values[0]! <= 1e-9 * Math.abs(next)) break;
  }

  const orders: UnitOrder[][] = [];
  for (const { matrices } of relaxed) orders.push(yield* rounded(classes, matrices));
  let current = states.map((state, p) => reordered(classes, state, orders[p]!));
  // The relaxation may round to something worse than what was there, or than what units alone say of their order in the first network.
  let reached = pairwiseObjective(network, current);
  const others: UnitOrder[][] = [];
  for (const state of states) others.push(yield* orderlessStart(classes, states[0]!, state));
  for (const candidate of [states.map(() => classes.map(({ units: { units } }) => identityOrder(units))), others]) {
    const at = states.map((state, p) => reordered(classes, state, candidate[p]!));
    const there = pairwiseObjective(network, at);
    if (there <= reached) continue;
    [reached, current] = [there, at];
    orders.splice(0, orders.length, ...candidate);
  }
  objective.push(reached);
  let converged = false;
  for (let round = 0; round < MAX_ROUNDS && !converged; round++) {
    let moved = false;
    for (const p of options.random.permutation(states.length)) {
      const others = new Float64Array(network.stateSize);
      current.forEach((state, q) => { if (q !== p) for (let i = 0; i < others.length; i++) others[i]! += state[i]!; });
      const found = yield* weightMatching(network, classes, others, current[p]!, options);
      if (found.objective.length === 2 && found.orders.every(isIdentity)) continue;
      orders[p] = composedOrders(classes, orders[p]!, found.orders);
      current[p] = found.state;
      moved = true;
    }
    objective.push(pairwiseObjective(network, current));
    converged = !moved;
  }
  return { orders, states: current, objective, converged };
}

/** Σ_{p<q} ⟨θ_p, θ_q⟩ */
function pairwiseObjective(network: Network, states: readonly Float64Array[]): number {
  let sum = 0;
  for (let p = 0; p < states.length; p++) for (let q = 0; q < p; q++) sum += innerProduct(network, states[p]!, states[q]!);
  return sum;
}

/** The same as ½ (‖Σ θ_p‖² − Σ ‖θ_p‖²), for many networks. */
function summedObjective(network: Network, states: readonly Float64Array[]): number {
  const total = sumOf(states);
  return (innerProduct(network, total, total) - states.reduce((sum, state) => sum + innerProduct(network, state, state), 0)) / 2;
}

function sumOf(states: readonly Float64Array[]): Float64Array {
  const total = new Float64Array(states[0]!.length);
  for (const state of states) for (let i = 0; i < total.length; i++) total[i]! += state[i]!;
  return total;
}

/** Towards the permutations that have the largest inner products with ∂f/∂P, of each network and class. */
function* bestSteps(network: Network, classes: readonly MatchingClass[], relaxed: readonly RelaxedNetwork[]): Interruptible<RelaxedStep[]> {
  const total = sumOf(relaxed.map(({ mixed }) => mixed));
  const steps: RelaxedStep[] = [];
  for (const one of relaxed) {
    const others = total.slice();
    for (let i = 0; i < network.parameters; i++) others[i]! -= one.mixed[i]!;
    const orders: Int32Array[] = [];
    for (const [c, { units: { units } }] of classes.entries()) {
      const { columns } = yield* leastCostAssignment(one.gradient(c, others).map((gain) => -gain), units);
      orders.push(columns);
      yield;
    }
    steps.push(one.towards(orders));
  }
  return steps;
}

function* rounded(classes: readonly MatchingClass[], matrices: readonly Float64Array[]): Interruptible<UnitOrder[]> {
  const orders: UnitOrder[] = [];
  for (const [c, { units: { units } }] of classes.entries()) {
    const { columns } = yield* leastCostAssignment(matrices[c]!.map((weight) => -weight), units);
    orders.push({ order: columns, signs: new Int8Array(columns.length).fill(1) });
  }
  return orders;
}

function reordered(classes: readonly MatchingClass[], state: Float64Array, orders: readonly UnitOrder[]): Float64Array {
  const result = state.slice();
  classes.forEach(({ units: { uses } }, c) => {
    orderUnits(result, { uses }, orders[c]!);
  });
  return result;
}

/** Where on [0, 1] the quartic through (k/4, values[k]) is largest; 0 unless it rises above its start. */
function quarticMaximum(values: readonly [number, number, number, number, number]): number {
  const at = (t: number): number => {
    // Lagrange on the five nodes, by Neville's scheme.
    const p = [...values];
    for (let level = 1; level < 5; level++) for (let i = 0; i + level < 5; i++) p[i] = ((t - i / 4) * p[i + 1]! - (t - (i + level) / 4) * p[i]!) / (level / 4);
    return p[0]!;
  };
  let best = 0;
  for (let k = 1; k <= 64; k++) if (at(k / 64) > at(best)) best = k / 64;
  // Golden section within the neighbouring cells.
  let [low, high] = [Math.max(0, best - 1 / 64), Math.min(1, best + 1 / 64)];
  const ratio = (Math.sqrt(5) - 1) / 2;
  for (let k = 0; k < 40; k++) {
    const [a, b] = [high - ratio * (high - low), low + ratio * (high - low)];
    if (at(a) < at(b)) low = a;
    else high = b;
  }
  const found = [best, (low + high) / 2].reduce((x, y) => (at(y) > at(x) ? y : x));
  return at(found) > values[0] + 1e-12 * Math.abs(values[0]) ? found : 0;
}
