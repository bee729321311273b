/** Ranges of elements in row-major order as boxes, the form in which HDF5 reads a part of a dataset. */
import type { Slab } from './hdf5Protocol.ts';

/**
 * The boxes that elements [start, end) consist of, in order: at most two an axis, and one more.
 * @param shape without axes of length 0
 */
export function slabsOf(shape: readonly number[], start: number, end: number): readonly Slab[] {
  if (start >= end) return [];
  const slabs: Slab[] = [];
  const rank = shape.length;
  // Elements of one step along an axis.
  const strides = new Array<number>(rank).fill(1);
  for (let axis = rank - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  /** Elements [from, to) of what lies at `index`, a prefix of the axes. */
  const divide = (index: readonly number[], from: number, to: number): void => {
    const axis = index.length;
    if (from >= to) return;
    if (axis === rank) {
      slabs.push({ offset: index, count: index.map(() => 1) });
      return;
    }
    const step = strides[axis]!;
    const first = Math.floor(from / step);
    const last = Math.floor((to - 1) / step);
    if (first === last && (from > first * step || to < (last + 1) * step)) {
      divide([...index, first], from - first * step, to - first * step);
      return;
    }
    const wholeFrom = Math.ceil(from / step);
    const wholeTo = Math.floor(to / step);
    if (from < wholeFrom * step) divide([...index, first], from - first * step, step);
    if (wholeFrom < wholeTo) {
      const rest = shape.slice(axis + 1);
      slabs.push({ offset: [...index, wholeFrom, ...rest.map(() => 0)], count: [...index.map(() => 1), wholeTo - wholeFrom, ...rest] });
    }
    if (wholeTo * step < to && wholeTo >= wholeFrom) divide([...index, wholeTo], 0, to - wholeTo * step);
  };
  divide([], start, end);
  return slabs;
}
