/** Orders of the units of one class, with signs: the elements that matching looks for. */

/** What happens to the units of one class: new unit i is old unit order[i], with its sign. */
export interface UnitOrder {
  readonly order: Int32Array;
  readonly signs: Int8Array;
}

export function identityOrder(units: number): UnitOrder {
  return { order: Int32Array.from({ length: units }, (_, i) => i), signs: new Int8Array(units).fill(1) };
}

export const isIdentity = ({ order, signs }: UnitOrder): boolean => order.every((from, i) => from === i) && signs.every((sign) => sign === 1);

/** First `first`, then `then`. */
export function composed(first: UnitOrder, then: UnitOrder): UnitOrder {
  const n = then.order.length;
  const result = { order: new Int32Array(n), signs: new Int8Array(n) };
  for (let i = 0; i < n; i++) {
    const from = then.order[i]!;
    result.order[i] = first.order[from]!;
    result.signs[i] = then.signs[i]! * first.signs[from]!;
  }
  return result;
}

/** What undoes it. */
export function inverse({ order, signs }: UnitOrder): UnitOrder {
  const n = order.length;
  const back = { order: new Int32Array(n), signs: new Int8Array(n) };
  for (let i = 0; i < n; i++) {
    back.order[order[i]!] = i;
    back.signs[order[i]!] = signs[i]!;
  }
  return back;
}

/** The cycles of an order, each alone; with the signs of its units. */
export function cyclesOf({ order, signs }: UnitOrder): UnitOrder[] {
  const seen = new Uint8Array(order.length);
  const cycles: UnitOrder[] = [];
  for (let start = 0; start < order.length; start++) {
    if (seen[start] === 1) continue;
    const cycle = { order: Int32Array.from(order.keys()), signs: new Int8Array(order.length).fill(1) };
    for (let i = start; seen[i] === 0; i = order[i]!) {
      seen[i] = 1;
      cycle.order[i] = order[i]!;
      cycle.signs[i] = signs[i]!;
    }
    if (order[start] !== start || signs[start] === -1) cycles.push(cycle);
  }
  return cycles;
}

/** Units i and j change places. */
export function exchange(n: number, i: number, j: number): UnitOrder {
  const order = Int32Array.from({ length: n }, (_, k) => (k === i ? j : k === j ? i : k));
  return { order, signs: new Int8Array(n).fill(1) };
}
