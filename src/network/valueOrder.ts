/** From (…spatial, channels), the order of TensorFlow's values, to (channels, …spatial) and back, row by row. */
import { positions, type ValueShape } from './network.ts';

/** @param x rows in channel-last order; itself when there is one channel or one position */
export function toChannelFirst(shape: ValueShape, x: Float64Array): Float64Array {
  return reorder(x, positions(shape), shape[0]!);
}

export function toChannelLast(shape: ValueShape, x: Float64Array): Float64Array {
  return reorder(x, shape[0]!, positions(shape));
}

/** Transposes each row as a matrix of this many rows and columns. */
function reorder(x: Float64Array, rows: number, columns: number): Float64Array {
  if (rows === 1 || columns === 1) return x;
  const to = new Float64Array(x.length);
  for (let first = 0; first < x.length; first += rows * columns) {
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) to[first + j * rows + i] = x[first + i * columns + j]!;
  }
  return to;
}
