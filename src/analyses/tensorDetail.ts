/** What does this one tensor look like? Statistics, a finer histogram, and a heat map small enough to draw. */
import type { JobContext } from '../protocol/rpc.ts';
import type { TensorDetail, TensorDetailRequest } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { cellGrid, HeatMapSums } from '../weights/heatMap.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import { showShape } from '../weights/shape.ts';
import { StatisticsReader } from '../weights/statistics.ts';
import type { TensorInfo } from '../weights/weightFile.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';

const BINS = 512;
const MOST_CELLS = 256;
const PIECE_ELEMENTS = 2 ** 20;

/** @throws WeightFileError when the file or the tensor cannot be read; UserError when the slice is none of the tensor */
export async function tensorDetail({ file: path, tensor: name, slice = [] }: TensorDetailRequest, { signal, progress }: JobContext): Promise<TensorDetail> {
  const file = await openWeightFile(path);
  try {
    const tensor = file.tensor(name);
    if (tensor === undefined) throw new WeightFileError(path, `tensor "${showName(name)}"`, 'is not in the file');
    const matrix = matrixOf(tensor, slice);
    const message = `Reading ${showName(name)}`;
    progress({ message, fraction: 0 });
    const statistics = await new StatisticsReader(file).read(name, signal);
    const { min, max } = statistics;
    const finite = statistics.count - statistics.nan - statistics.infinite;
    const grid = cellGrid(matrix.rows, matrix.columns, MOST_CELLS);
    const sums = new HeatMapSums(grid, Math.max(-min, max));
    const bins = finite === 0 ? 0 : min === max ? 1 : BINS;
    const counts = new Float64Array(bins);
    for (let start = 0; start < tensor.elements; start += PIECE_ELEMENTS) {
      signal.throwIfAborted();
      progress({ message, fraction: (1 + start / tensor.elements) / 2 });
      const end = Math.min(tensor.elements, start + PIECE_ELEMENTS);
      const values = await file.read(name, start, end);
      countInBins(values, min, max, counts);
      const from = Math.max(start, matrix.start);
      const to = Math.min(end, matrix.start + matrix.rows * matrix.columns);
      if (from < to) sums.add(from - matrix.start, values.subarray(from - start, to - start));
    }
    signal.throwIfAborted();
    return {
      file: path, tensor: name, dtype: tensor.dtype, shape: tensor.shape, statistics,
      histogram: { axis: { min, max, bins }, counts: [...counts] },
      heatMap: { slice, ...grid, ...sums.summaries() },
    };
  } finally {
    await file.close();
  }
}

/** Where a tensor's matrix begins, in elements, and its extent: vectors are one row, a scalar one element. */
function matrixOf({ name, shape, elements }: TensorInfo, slice: readonly number[]): { readonly start: number; readonly rows: number; readonly columns: number } {
  const rows = shape.length < 2 ? 1 : shape[0]!;
  if (slice.length === 0) return { start: 0, rows, columns: elements === 0 ? 0 : elements / rows };
  const leading = shape.slice(0, -2);
  const fits = shape.length > 2 && slice.length === leading.length && slice.every((index, k) => Number.isInteger(index) && index >= 0 && index < leading[k]!);
  if (!fits) {
    throw new UserError(`[${slice.join(', ')}] is no slice of tensor "${showName(name)}" of shape ${showShape(shape)}; expected ${shape.length > 2 ? `an index along each of the first ${leading.length} axes` : 'none, as it has no more than two axes'}`);
  }
  const matrixRows = shape[shape.length - 2]!;
  const columns = shape[shape.length - 1]!;
  return { start: slice.reduce((at, index, k) => at * leading[k]! + index, 0) * matrixRows * columns, rows: matrixRows, columns };
}

/** Adds the finite values to equal bins on [min, max], each without its upper edge but the last. */
function countInBins(values: Float64Array, min: number, max: number, counts: Float64Array): void {
  const bins = counts.length;
  if (bins === 0) return;
  // Halves, since the difference of two finite numbers may be none.
  const perUnit = max > min ? bins / (max / 2 - min / 2) : 0;
  for (const value of values) if (value - value === 0) counts[Math.min(bins - 1, Math.floor((value / 2 - min / 2) * perUnit))]!++;
}
