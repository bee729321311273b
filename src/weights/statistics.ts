/**
 * Statistics of tensors, streamed. Moments of pieces are merged; quantiles and a histogram follow from counts by value. What is counted
 * depends on the type: of 8- and 16-bit types every pattern (`patternCounts.ts`, exact); of float32 the leading 20 bits, of everything else
 * those of its float64 (`wordCounts.ts`). A small tensor is sorted instead, a larger one is looked at again where its cells are too wide.
 */
import { quantileLevels, type TensorStatistics } from '../protocol/report.ts';
import { ByteWindow, WINDOW_BYTES } from './byteWindow.ts';
import { bytesPerElement, decodeElements, isReal, type RealDtype } from './dtype.ts';
import { Float32Moments } from './float32Moments.ts';
import { elementStatistics, mergeMoments, momentsOf, noElements, type Moments } from './moments.ts';
import { histogramOf, histogramOfSorted, quantilesOf, quantilesOfSorted, type OrderedCells } from './orderedCells.ts';
import { isNarrow, narrowStatistics } from './patternCounts.ts';
import { readPieces } from './readPieces.ts';
import { sortedFinite } from './sortFloat32.ts';
import { PIECES, statisticsKernel, type StatisticsKernel } from './statisticsKernel.ts';
import type { PlainElements, TensorInfo, WeightFile } from './weightFile.ts';
import { cellMemory, float32Words, float64Words, WordCounts, type CellMemory, type WordCells } from './wordCounts.ts';

const PIECE_ELEMENTS = 2 ** 20;
/** Tensors up to this size are sorted: where it takes less time than to count in many cells. */
const SORTED_ELEMENTS = 2 ** 15;
const SORTED_FLOAT32 = 2 ** 18;
/** Below, the few elements of an 8- or 16-bit type are not worth 2¹⁶ counts. */
const COUNTED_PATTERNS = 1024;
/** Tensors up to this size are always looked at again, so that all is exact. */
const EXACT_ELEMENTS = 2 ** 20;
// A block lies in the processor's nearest cache while its mean and then its squares are summed, and bounds the rounding error of both.
const BLOCK_ELEMENTS = 4096;
const MOST_BINS = 64;
// Quantiles that are known to a smaller part of the standard deviation, and edges to a smaller part of a bin, need no second look.
const PART_OF_DEVIATION = 1 / 256;
const PART_OF_BIN = 1 / 16;

/** Called with how many elements of the tensor have been read. */
type Progress = (elements: number) => void;

/** Statistics of the tensors of one file, one after another; its memory, some megabytes, is used for all of them. */
export class StatisticsReader {
  readonly #file: WeightFile;
  readonly #makeKernel: () => StatisticsKernel | Promise<StatisticsKernel>;
  readonly #window = new ByteWindow();
  #kernel: StatisticsKernel | undefined;
  #cells: CellMemory | undefined;

  /** @param makeKernel for tests: the inner loops that are used */
  constructor(file: WeightFile, makeKernel: () => StatisticsKernel | Promise<StatisticsKernel> = statisticsKernel) {
    this.#file = file;
    this.#makeKernel = makeKernel;
  }

  /**
   * `count`, `zeros`, `nan` and `infinite` count all elements; the rest is of the finite ones, and NaN (the norm: 0) when there are none.
   * @throws WeightFileError as reading does; the signal's reason once it is aborted
   */
  async read(name: string, signal: AbortSignal, progress: Progress = () => undefined): Promise<TensorStatistics> {
    const tensor = this.#file.tensor(name);
    const plain = this.#file.plain?.(name);
    if (tensor !== undefined && plain !== undefined && isReal(tensor.dtype)) {
      if (isNarrow(tensor.dtype) && tensor.elements >= COUNTED_PATTERNS) return this.#narrow(tensor, plain, signal, progress);
      if (tensor.dtype === 'F32' && tensor.elements > SORTED_FLOAT32) return this.#float32(tensor, plain, signal, progress);
      if (tensor.dtype === 'F32' || tensor.elements <= SORTED_ELEMENTS) return this.#small(name, tensor, plain, signal);
    }
    if (tensor === undefined || tensor.elements <= SORTED_ELEMENTS) return this.#small(name, tensor, undefined, signal);
    return this.#wide(name, tensor.elements, signal, progress);
  }

  async #small(name: string, tensor: TensorInfo | undefined, plain: PlainElements | undefined, signal: AbortSignal): Promise<TensorStatistics> {
    signal.throwIfAborted();
    if (tensor === undefined || plain === undefined || !isReal(tensor.dtype)) return fromSorted(await this.#file.read(name));
    const bytes = await this.#window.read(plain.source, plain.position, tensor.bytes);
    return tensor.dtype === 'F32' ? fromSortedFloat32(new Float32Array(bytes.slice().buffer)) : fromSorted(decodeElements(tensor.dtype, bytes));
  }

  async #narrow({ dtype, elements, bytes }: TensorInfo, { source, position }: PlainElements, signal: AbortSignal, progress: Progress): Promise<TensorStatistics> {
    if (!isReal(dtype)) throw new TypeError(`${dtype} has no patterns`);
    const width = bytesPerElement[dtype] === 1 ? 1 : 2;
    const kernel = await this.#prepared();
    const patterns = 2 ** (8 * width);
    kernel.counts.fill(0, 0, patterns);
    if (bytes <= WINDOW_BYTES) {
      signal.throwIfAborted();
      kernel.bytes.set(await this.#window.read(source, position, bytes));
      kernel.patterns(width, 0, elements);
      return fromPatterns(dtype, kernel.counts.subarray(0, patterns));
    }
    const counts = new Float64Array(patterns);
    await readPieces(source, position, bytes, kernel.bytes, PIECES, signal, (offset, length, done) => {
      kernel.patterns(width, offset, length / width);
      // Counts of 32 bits are emptied before they can overflow.
      if (done % 2 ** 30 === 0 || done + length === bytes) drain(kernel.counts, counts);
      progress((done / bytes) * elements);
    });
    return fromPatterns(dtype, counts);
  }

  async #float32({ elements, bytes }: TensorInfo, { source, position }: PlainElements, signal: AbortSignal, progress: Progress): Promise<TensorStatistics> {
    const kernel = await this.#prepared();
    const { buffer, byteOffset, byteLength } = kernel.bytes;
    const values = new Float32Array(buffer, byteOffset, byteLength / 4);
    const words = new Uint32Array(buffer, byteOffset, byteLength / 4);
    const counts = new WordCounts(float32Words, this.#emptyCells(kernel));
    const sums = new Float32Moments();
    await readPieces(source, position, bytes, kernel.bytes, PIECES, signal, (offset, length, done) => {
      counts.announce(length / 4);
      for (let at = 0; at < length; at += 4 * BLOCK_ELEMENTS) {
        const block = Math.min(BLOCK_ELEMENTS, (length - at) / 4);
        // Blocks are much alike: what the mean was so far is a good guess of the next one's.
        const blockSums = kernel.float32(offset + at, block, sums.mean);
        if (Number.isFinite(blockSums.mean)) sums.addSums(block, blockSums);
        else sums.addMixed(values.subarray((offset + at) / 4, (offset + at) / 4 + block));
      }
      progress(done / 4);
    });
    const moments = sums.moments();
    return this.#ordered(moments, counts, elements, () => readPieces(source, position, bytes, kernel.bytes, PIECES, signal, (offset, length, done) => {
      counts.addChosen(words.subarray(offset / 4, (offset + length) / 4));
      progress(done / 4);
    }));
  }

  async #wide(name: string, elements: number, signal: AbortSignal, progress: Progress): Promise<TensorStatistics> {
    let moments = noElements;
    const counts = new WordCounts(float64Words, this.#emptyCells(await this.#prepared()));
    const wordsOf = (values: Float64Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, 2 * values.length);
    await this.#pieces(name, elements, signal, progress, (values) => {
      counts.add(wordsOf(values));
      moments = mergeMoments(moments, momentsOf(values));
    });
    return this.#ordered(moments, counts, elements, () => this.#pieces(name, elements, signal, progress, (values) => { counts.addChosen(wordsOf(values)); }));
  }

  /** Takes a second look where the first is not enough. */
  async #ordered(moments: Moments, counts: WordCounts, elements: number, lookAgain: () => Promise<void>): Promise<TensorStatistics> {
    const cellsNow = (): WordCells => counts.cells(moments.min, moments.max, moments.zeros);
    const cells = cellsNow();
    const order = describeOrder(moments, cells);
    if (order.resolution === 0 || (order.fineEnough && elements > EXACT_ELEMENTS)) return withOrder(moments, order);
    counts.choose(order.unsure.map((cell) => cells.keys[cell]!));
    await lookAgain();
    return withOrder(moments, describeOrder(moments, cellsNow()));
  }

  async #pieces(name: string, elements: number, signal: AbortSignal, progress: Progress, use: (values: Float64Array) => void): Promise<void> {
    for (let start = 0; start < elements; start += PIECE_ELEMENTS) {
      signal.throwIfAborted();
      use(await this.#file.read(name, start, Math.min(elements, start + PIECE_ELEMENTS)));
      progress(start);
      // A cancel message can only arrive when the event loop gets a turn.
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
    signal.throwIfAborted();
  }

  #emptyCells(kernel: StatisticsKernel): CellMemory {
    this.#cells ??= cellMemory(kernel.counts);
    this.#cells.counts.fill(0);
    this.#cells.positions.fill(0);
    return this.#cells;
  }

  async #prepared(): Promise<StatisticsKernel> {
    this.#kernel ??= await this.#makeKernel();
    return this.#kernel;
  }
}

function fromPatterns(dtype: RealDtype, counts: Float64Array | Uint32Array): TensorStatistics {
  const { moments, cells } = narrowStatistics(dtype, counts);
  return withOrder(moments, describeOrder(moments, cells));
}

/** @param values are moved about */
function fromSorted(values: Float64Array): TensorStatistics {
  const sorted = values.filter((value) => value - value === 0).sort();
  return ofSorted(momentsOf(values), sorted);
}

/** @param values are moved about */
function fromSortedFloat32(values: Float32Array<ArrayBuffer>): TensorStatistics {
  const moments = momentsOf(new Float64Array(values));
  return ofSorted(moments, sortedFinite(values));
}

function ofSorted(moments: Moments, sorted: Float64Array): TensorStatistics {
  const histogram = histogramOfSorted(sorted, moments.min, moments.max, binsFor(moments, MOST_BINS));
  return { ...elementStatistics(moments), quantiles: quantilesOfSorted(sorted, quantileLevels), histogram, resolution: 0 };
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

function drain(from: Uint32Array, into: Float64Array): void {
  for (let i = 0; i < into.length; i++) into[i]! += from[i]!;
  from.fill(0, 0, into.length);
}
