/**
 * Steps of the assignment solver (`src/linalg/engine/assignment.ts`; Jonker & Volgenant 1987) whose time goes into scanning rows of costs less
 * column prices. Costs are read from a matrix of gains or costs as its `reading` says: 0 as they are, 1 negated, 2 the negated magnitudes.
 *
 * Arrays of n: `price` doubles; `columnOf` of each row and `rowOf` of each column, 32-bit, −1 while free.
 */
const SIGN: i64 = i64.MIN_VALUE;
/** A cost times this is to be finite: then no sum of prices on the way is anything else. */
const HEADROOM: f64 = 1048576;

let first: f64 = 0;
let second: f64 = 0;

// @ts-ignore: decorator
@inline function setBits(reading: i32): v128 {
  return i64x2.splat(reading == 2 ? SIGN : 0);
}

// @ts-ignore: decorator
@inline function flippedBits(reading: i32): v128 {
  return i64x2.splat(reading == 1 ? SIGN : 0);
}

// @ts-ignore: decorator
@inline function costPair(at: usize, set: v128, flip: v128): v128 {
  return v128.xor(v128.or(v128.load(at), set), flip);
}

// @ts-ignore: decorator
@inline function costAt(at: usize, reading: i32): f64 {
  const value = load<f64>(at);
  return reading == 0 ? value : reading == 1 ? -value : -abs(value);
}

/** The two least of a row's costs less prices (equal when the least is there twice) into `first` and `second`. */
function leastTwo(row: usize, price: usize, n: i32, reading: i32): void {
  const set = setBits(reading);
  const flip = flippedBits(reading);
  let a1 = f64x2.splat(Infinity);
  let a2 = a1;
  let b1 = a1;
  let b2 = a1;
  const end = row + (<usize>n << 3);
  let c = row;
  let v = price;
  for (; c + 32 <= end; c += 32, v += 32) {
    const r = f64x2.sub(costPair(c, set, flip), v128.load(v));
    const s = f64x2.sub(costPair(c + 16, set, flip), v128.load(v, 16));
    a2 = f64x2.pmin(a2, f64x2.pmax(a1, r));
    b2 = f64x2.pmin(b2, f64x2.pmax(b1, s));
    a1 = f64x2.pmin(a1, r);
    b1 = f64x2.pmin(b1, s);
  }
  a2 = f64x2.pmin(f64x2.pmin(a2, b2), f64x2.pmax(a1, b1));
  a1 = f64x2.pmin(a1, b1);
  const x = f64x2.extract_lane(a1, 0);
  const y = f64x2.extract_lane(a1, 1);
  let one = min(x, y);
  let two = min(max(x, y), min(f64x2.extract_lane(a2, 0), f64x2.extract_lane(a2, 1)));
  for (; c < end; c += 8, v += 8) {
    const reduced = costAt(c, reading) - load<f64>(v);
    two = min(two, max(one, reduced));
    one = min(one, reduced);
  }
  first = one;
  second = two;
}

/** 0 when all of a row are finite and have headroom, else NaN. */
function differences(row: usize, n: i32): f64 {
  // x − x is 0 for every finite x and NaN for the others.
  const room = f64x2.splat(HEADROOM);
  let low = f64x2.splat(0);
  let high = low;
  let j = 0;
  for (; j + 4 <= n; j += 4) {
    const p = f64x2.mul(v128.load(row), room);
    const q = f64x2.mul(v128.load(row, 16), room);
    low = f64x2.add(low, f64x2.sub(p, p));
    high = f64x2.add(high, f64x2.sub(q, q));
    row += 32;
  }
  low = f64x2.add(low, high);
  let rest = f64x2.extract_lane(low, 0) + f64x2.extract_lane(low, 1);
  for (; j < n; j++) {
    const x = load<f64>(row) * HEADROOM;
    rest += x - x;
    row += 8;
  }
  return rest;
}

/** The first column but `not` whose cost less price is `value`; −1 when there is none. */
function columnWith(value: f64, not: i32, row: usize, price: usize, n: i32, reading: i32): i32 {
  const set = setBits(reading);
  const flip = flippedBits(reading);
  const sought = f64x2.splat(value);
  let j = 0;
  for (; j < n; j += 4) {
    const at = <usize>j << 3;
    if (j + 4 <= n) {
      const low = f64x2.eq(f64x2.sub(costPair(row + at, set, flip), v128.load(price + at)), sought);
      const high = f64x2.eq(f64x2.sub(costPair(row + at + 16, set, flip), v128.load(price + at, 16)), sought);
      if (!v128.any_true(v128.or(low, high))) continue;
    }
    for (let k = j; k < n && k < j + 4; k++) {
      if (k != not && costAt(row + (<usize>k << 3), reading) - load<f64>(price + (<usize>k << 3)) == value) return k;
    }
  }
  return -1;
}

// @ts-ignore: decorator
@inline function entry(list: usize, k: i32): i32 {
  return load<i32>(list + (<usize>k << 2));
}

// @ts-ignore: decorator
@inline function setEntry(list: usize, k: i32, value: i32): void {
  store<i32>(list + (<usize>k << 2), value);
}

/**
 * Begins with prices and an assignment as they are: rows keep their column where it is still their cheapest, the others are free.
 * @param waiting receives the free rows
 * @returns how many rows are free; −1 when a cost is not finite
 */
export function keepCheapest(cost: usize, n: i32, reading: i32, price: usize, columnOf: usize, rowOf: usize, waiting: usize): i32 {
  for (let j = 0; j < n; j++) setEntry(rowOf, j, -1);
  let free = 0;
  let bad: f64 = 0;
  for (let i = 0; i < n; i++) {
    const row = cost + (<usize>(i * n) << 3);
    bad += differences(row, n);
    leastTwo(row, price, n, reading);
    const j = entry(columnOf, i);
    if (j >= 0 && entry(rowOf, j) < 0 && costAt(row + (<usize>j << 3), reading) - load<f64>(price + (<usize>j << 3)) <= first) {
      setEntry(rowOf, j, i);
    } else {
      setEntry(columnOf, i, -1);
      setEntry(waiting, free++, i);
    }
  }
  return bad == 0 ? free : -1;
}

/**
 * Every column's price is its least cost, and its row gets it when still free; then prices move to the second least.
 * @param least scratch, n 64-bit integers
 * @param offers scratch, n 32-bit integers
 * @returns as `keepCheapest`
 */
export function reduceColumns(cost: usize, n: i32, reading: i32, price: usize, columnOf: usize, rowOf: usize, waiting: usize, least: usize, offers: usize): i32 {
  for (let j = 0; j < n; j++) {
    store<f64>(price + (<usize>j << 3), Infinity);
    store<i64>(least + (<usize>j << 3), 0);
    setEntry(rowOf, j, -1);
    setEntry(columnOf, j, -1);
    setEntry(offers, j, 0);
  }
  const set = setBits(reading);
  const flip = flippedBits(reading);
  let bad: f64 = 0;
  for (let i = 0; i < n; i++) {
    const row = cost + (<usize>(i * n) << 3);
    const here = i64x2.splat(i);
    bad += differences(row, n);
    let j = 0;
    for (; j + 2 <= n; j += 2) {
      const at = <usize>j << 3;
      const x = costPair(row + at, set, flip);
      const best = v128.load(price + at);
      const better = f64x2.lt(x, best);
      v128.store(price + at, f64x2.pmin(best, x));
      v128.store(least + at, v128.bitselect(here, v128.load(least + at), better));
    }
    if (j < n) {
      const at = <usize>j << 3;
      const x = costAt(row + at, reading);
      if (x < load<f64>(price + at)) {
        store<f64>(price + at, x);
        store<i64>(least + at, i);
      }
    }
  }
  if (bad != 0) return -1;
  for (let j = n - 1; j >= 0; j--) {
    const i = <i32>load<i64>(least + (<usize>j << 3));
    const before = entry(offers, i);
    setEntry(offers, i, before + 1);
    if (before > 0) continue;
    setEntry(columnOf, i, j);
    setEntry(rowOf, j, i);
  }
  let free = 0;
  for (let i = 0; i < n; i++) {
    const count = entry(offers, i);
    if (count == 0) {
      setEntry(waiting, free++, i);
    } else if (count == 1) {
      const row = cost + (<usize>(i * n) << 3);
      leastTwo(row, price, n, reading);
      const own = <usize>entry(columnOf, i) << 3;
      const at = price + own;
      if (second < Infinity) store<f64>(at, load<f64>(at) - (second - (costAt(row + own, reading) - load<f64>(at))));
    }
  }
  return free;
}

/**
 * Each free row takes its cheapest column, raises what others pay for it, and pushes out whoever has it.
 * @param waiting free rows; receives those that are free at the end
 * @param patience how often a row that was pushed out may bid at once
 * @returns how many are free at the end
 */
export function augmentRows(cost: usize, n: i32, reading: i32, price: usize, columnOf: usize, rowOf: usize, waiting: usize, count: i32, patience: i32): i32 {
  let at = 0;
  let left = 0;
  while (at < count) {
    const i = entry(waiting, at++);
    const row = cost + (<usize>(i * n) << 3);
    leastTwo(row, price, n, reading);
    let column = columnWith(first, -1, row, price, n, reading);
    if (column < 0) unreachable();
    let pushedOut = entry(rowOf, column);
    const before = load<f64>(price + (<usize>column << 3));
    const lowered = second == Infinity ? before : before - (second - first);
    const outbids = lowered < before;
    if (outbids) {
      store<f64>(price + (<usize>column << 3), lowered);
    } else if (pushedOut >= 0) {
      const other = columnWith(second, column, row, price, n, reading);
      if (other >= 0) {
        column = other;
        pushedOut = entry(rowOf, column);
      }
    }
    setEntry(columnOf, i, column);
    setEntry(rowOf, column, i);
    if (pushedOut < 0) continue;
    setEntry(columnOf, pushedOut, -1);
    // Never more are left than have been taken from the list.
    if (outbids && patience-- > 0) setEntry(waiting, --at, pushedOut);
    else setEntry(waiting, left++, pushedOut);
  }
  return left;
}

/**
 * Dijkstra from a free row over reduced costs to the nearest free column, then along the path backwards.
 * @param distance scratch, n doubles: of columns that are not settled yet; ∞ of the others
 * @param open scratch, n doubles: prices, of settled columns −∞, which keeps them from being reached again
 * @param reached scratch, n doubles: distances of settled columns, in their order
 * @param predecessor scratch, n 64-bit integers
 * @param settled scratch, n 32-bit integers
 * @param free scratch, n 32-bit integers
 */
export function augmentPath(
  cost: usize, n: i32, reading: i32, price: usize, columnOf: usize, rowOf: usize, start: i32,
  distance: usize, open: usize, reached: usize, predecessor: usize, settled: usize, free: usize,
): void {
  const set = setBits(reading);
  const flip = flippedBits(reading);
  let freeCount = 0;
  for (let j = 0; j < n; j++) {
    const at = <usize>j << 3;
    store<f64>(distance + at, Infinity);
    store<f64>(open + at, load<f64>(price + at));
    if (entry(rowOf, j) < 0) setEntry(free, freeCount++, j);
  }
  let count = 0;
  let i = start;
  let least: f64 = 0;
  let base: f64 = 0;
  // The nearest free column so far. What is farther is never settled: distances are cut there, and few are written.
  let bound = Infinity;
  let end = -1;
  for (;;) {
    // Relaxes the edges of row i: distances are least + (cost − price) − (that of the column by which i was reached).
    const row = cost + (<usize>(i * n) << 3);
    const here = i64x2.splat(i);
    const shift = f64x2.splat(base);
    let low = f64x2.splat(Infinity);
    let high = low;
    let j = 0;
    for (; j + 4 <= n; j += 4) {
      const at = <usize>j << 3;
      const x = f64x2.sub(f64x2.sub(costPair(row + at, set, flip), v128.load(open + at)), shift);
      const y = f64x2.sub(f64x2.sub(costPair(row + at + 16, set, flip), v128.load(open + at, 16)), shift);
      const p = v128.load(distance + at);
      const q = v128.load(distance + at, 16);
      const nearerX = f64x2.lt(x, p);
      const nearerY = f64x2.lt(y, q);
      if (v128.any_true(v128.or(nearerX, nearerY))) {
        const u = f64x2.pmin(p, x);
        const w = f64x2.pmin(q, y);
        v128.store(distance + at, u);
        v128.store(distance + at, w, 16);
        v128.store(predecessor + at, v128.bitselect(here, v128.load(predecessor + at), nearerX));
        v128.store(predecessor + at, v128.bitselect(here, v128.load(predecessor + at, 16), nearerY), 16);
        low = f64x2.pmin(low, u);
        high = f64x2.pmin(high, w);
      } else {
        low = f64x2.pmin(low, p);
        high = f64x2.pmin(high, q);
      }
    }
    low = f64x2.pmin(low, high);
    least = min(f64x2.extract_lane(low, 0), f64x2.extract_lane(low, 1));
    for (; j < n; j++) {
      const at = <usize>j << 3;
      const d = costAt(row + at, reading) - load<f64>(open + at) - base;
      if (d < load<f64>(distance + at)) {
        store<f64>(distance + at, d);
        store<i64>(predecessor + at, i);
      }
      least = min(least, load<f64>(distance + at));
    }
    for (let k = 0; k < freeCount; k++) {
      const column = entry(free, k);
      const d = load<f64>(distance + (<usize>column << 3));
      if (d < bound) {
        bound = d;
        end = column;
      }
    }
    if (bound <= least) break;
    if (count == 0) cutDistances(bound, distance, n);
    if (!(least < Infinity)) unreachable();
    const nearest = columnAtDistance(least, distance, n);
    const at = <usize>nearest << 3;
    store<f64>(reached + (<usize>count << 3), least);
    setEntry(settled, count++, nearest);
    i = entry(rowOf, nearest);
    base = costAt(cost + (<usize>(i * n + nearest) << 3), reading) - load<f64>(price + at) - least;
    store<f64>(distance + at, Infinity);
    store<f64>(open + at, -Infinity);
  }
  for (let k = 0; k < count; k++) {
    const at = price + (<usize>entry(settled, k) << 3);
    store<f64>(at, load<f64>(at) + (load<f64>(reached + (<usize>k << 3)) - least));
  }
  let column = end;
  for (;;) {
    const row = <i32>load<i64>(predecessor + (<usize>column << 3));
    setEntry(rowOf, column, row);
    const next = entry(columnOf, row);
    setEntry(columnOf, row, column);
    if (row == start) break;
    column = next;
  }
}

function cutDistances(bound: f64, distance: usize, n: i32): void {
  for (let j = 0; j < n; j++) {
    const at = distance + (<usize>j << 3);
    store<f64>(at, min(load<f64>(at), bound));
  }
}

function columnAtDistance(value: f64, distance: usize, n: i32): i32 {
  const sought = f64x2.splat(value);
  let j = 0;
  for (; j + 4 <= n; j += 4) {
    const at = distance + (<usize>j << 3);
    if (v128.any_true(v128.or(f64x2.eq(v128.load(at), sought), f64x2.eq(v128.load(at, 16), sought)))) break;
  }
  while (load<f64>(distance + (<usize>j << 3)) != value) j++;
  return j;
}
