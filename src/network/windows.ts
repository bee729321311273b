/**
 * Which positions of its input each window of a convolution or pooling reads, for any number of spatial axes, as one table; all
 * channels share it. Padding is position −1.
 */
import type { NodeOf } from './network.ts';

export interface WindowTable {
  /** P: positions of the output. */
  readonly windows: number;
  /** Positions a window reads, padding counted. */
  readonly size: number;
  /** P × size, row-major: positions of the input, or −1. */
  readonly positions: Int32Array;
}

type Windowed = NodeOf<'conv' | 'maxpool' | 'avgpool'>;

const tables = new WeakMap<Windowed, WindowTable>();
const transposed = new WeakMap<WindowTable, Int32Array>();

/** @param spatial the input's shape without its channels */
export function windowTable(node: Windowed, spatial: readonly number[]): WindowTable {
  const present = tables.get(node);
  if (present !== undefined) return present;
  const kernel = node.op === 'conv' ? node.weight.shape.slice(2) : node.kernel;
  const dilation = node.op === 'conv' ? node.dilation : kernel.map(() => 1);
  let positions = new Int32Array([0]);
  let windows = 1;
  let size = 1;
  // Axis by axis: a table over the axes so far and one more is the outer product of the two.
  spatial.forEach((length, axis) => {
    const reach = kernel[axis]!;
    const count = node.shape[axis + 1]!;
    const before = node.padding[axis]?.[0] ?? 0;
    const stride = node.stride[axis] ?? 1;
    const step = dilation[axis] ?? 1;
    const next = new Int32Array(windows * count * size * reach);
    for (let w = 0, to = 0; w < windows; w++) {
      for (let o = 0; o < count; o++) {
        for (let s = 0; s < size; s++) {
          const outer = positions[w * size + s]!;
          for (let k = 0; k < reach; k++) {
            const at = o * stride - before + k * step;
            next[to++] = outer < 0 || at < 0 || at >= length ? -1 : outer * length + at;
          }
        }
      }
    }
    positions = next;
    windows *= count;
    size *= reach;
  });
  const table = { windows, size, positions };
  tables.set(node, table);
  return table;
}

/** The table as the engine reads it, size × P. */
export function tableByPosition(table: WindowTable): Int32Array {
  let turned = transposed.get(table);
  if (turned === undefined) {
    const { windows, size, positions } = table;
    turned = new Int32Array(positions.length);
    for (let w = 0, k = 0; w < windows; w++) for (let s = 0; s < size; s++, k++) turned[s * windows + w] = positions[k]!;
    transposed.set(table, turned);
  }
  return turned;
}

/**
 * The patches that the windows see, P × (channels × size) row-major (im2col); padding reads 0.
 * @param value channels × positions
 */
export function gatherPatches({ windows, size, positions }: WindowTable, value: Float64Array, channels: number, into: Float64Array): void {
  const area = value.length / channels;
  let to = 0;
  for (let w = 0; w < windows; w++) {
    const from = w * size;
    for (let c = 0; c < channels; c++) {
      const channel = c * area;
      for (let s = 0; s < size; s++) {
        const at = positions[from + s]!;
        into[to++] = at < 0 ? 0 : value[channel + at]!;
      }
    }
  }
}

/** The transpose of `gatherPatches`, added to `value` (col2im). */
export function scatterPatches({ windows, size, positions }: WindowTable, patches: Float64Array, channels: number, value: Float64Array): void {
  const area = value.length / channels;
  let from = 0;
  for (let w = 0; w < windows; w++) {
    for (let c = 0; c < channels; c++) {
      const channel = c * area;
      for (let s = 0; s < size; s++, from++) {
        const at = positions[w * size + s]!;
        if (at >= 0) value[channel + at]! += patches[from]!;
      }
    }
  }
}
