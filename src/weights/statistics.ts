/**
 * Statistics of one tensor, read in pieces: moments of each piece merged (`moments.ts`), and counts by value from which quantiles and a
 * histogram follow (`wordCounts.ts`). A small tensor is sorted; a larger one is counted in cells, and looked at once more where the cells
 * would be too wide.
 */
import { quantileLevels, type TensorStatistics } from '../protocol/report.ts';
import { elementStatistics, mergeMoments, momentsOf, noElements, type Moments } from './moments.ts';
import { cellsOfSorted, histogramOf, quantilesOf, type OrderedCells } from './orderedCells.ts';
import type { WeightFile } from './weightFile.ts';
import { float64Words, WordCounts } from './wordCounts.ts';

const PIECE_ELEMENTS = 2 ** 20;
const SORTED_ELEMENTS = 2 ** 15;
const MOST_BINS = 64;
// Quantiles that are known to a smaller part of the standard deviation, and edges to a smaller part of a bin, need no second look.
const PART_OF_DEVIATION = 1 / 256;
const PART_OF_BIN = 1 / 16;

/**
 * `count`, `zeros`, `nan` and `infinite` count all elements; the rest is of the finite ones, and NaN (the norm: 0) when there are none.
 * @throws WeightFileError as reading does; the signal's reason once it is aborted
 */
export async function tensorStatistics(file: WeightFile, name: string, signal: AbortSignal): Promise<TensorStatistics> {
  const elements = file.tensor(name)?.elements ?? 0;
  if (elements <= SORTED_ELEMENTS) {
    const values = await file.read(name);
    signal.throwIfAborted();
    const moments = momentsOf(values.slice());
    const finite = values.filter((value) => value - value === 0).sort();
    return withOrder(moments, describeOrder(moments, cellsOfSorted(finite)));
  }
  let moments = noElements;
  const counts = new WordCounts(float64Words);
  await forEachPiece(file, name, elements, signal, (values) => {
    counts.add(new Uint32Array(values.buffer, values.byteOffset, 2 * values.length));
    moments = mergeMoments(moments, momentsOf(values));
  });
  const cells = counts.cells(moments.min, moments.max, moments.zeros);
  const order = describeOrder(moments, cells);
  if (order.fineEnough) return withOrder(moments, order);
  counts.choose(order.unsure.map((cell) => cells.keys[cell]!));
  await forEachPiece(file, name, elements, signal, (values) => {
    counts.addChosen(new Uint32Array(values.buffer, values.byteOffset, 2 * values.length));
  });
  return withOrder(moments, describeOrder(moments, counts.cells(moments.min, moments.max, moments.zeros)));
}

/** About 2·∛n, the rule of Rice, so that a small tensor's histogram is not a row of zeros and ones. */
function binsFor({ finite, min, max }: Moments, most: number): number {
  if (finite === 0) return 0;
  return min === max ? 1 : Math.min(most, Math.ceil(2 * Math.cbrt(finite)));
}

interface Order {
  readonly quantiles: readonly number[];
  readonly histogram: readonly number[];
  readonly resolution: number;
  readonly fineEnough: boolean;
  /** Cells that a second look would divide. */
  readonly unsure: readonly number[];
}

function describeOrder(moments: Moments, cells: OrderedCells): Order {
  const { min, max, standardDeviation } = moments;
  const quantiles = quantilesOf(cells, quantileLevels);
  const bins = binsFor(moments, MOST_BINS);
  const histogram = bins === 0 ? { counts: [], resolution: 0, cells: [] } : histogramOf(cells, min, max, bins);
  return {
    quantiles: quantiles.values,
    histogram: histogram.counts,
    resolution: Math.max(quantiles.resolution, histogram.resolution),
    fineEnough: quantiles.resolution <= PART_OF_DEVIATION * standardDeviation && histogram.resolution <= PART_OF_BIN * (max / bins - min / bins),
    unsure: [...quantiles.cells, ...histogram.cells],
  };
}

function withOrder(moments: Moments, { quantiles, histogram, resolution }: Order): TensorStatistics {
  return { ...elementStatistics(moments), quantiles, histogram, resolution };
}

async function forEachPiece(file: WeightFile, name: string, elements: number, signal: AbortSignal, use: (values: Float64Array) => void): Promise<void> {
  for (let start = 0; start < elements; start += PIECE_ELEMENTS) {
    signal.throwIfAborted();
    use(await file.read(name, start, Math.min(elements, start + PIECE_ELEMENTS)));
    // A cancel message can only arrive when the event loop gets a turn.
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
  signal.throwIfAborted();
}
