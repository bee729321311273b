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
import { CHUNK_BYTES, ChunkCounter, chunkSums, mergeChunks, type CountedWidth } from './statisticsCounting.ts';
import { PIECES, statisticsKernel, type StatisticsKernel } from './statisticsKernel.ts';
import { countOnAllCores, isForTeam, type OccupiedCells } from './statisticsTeam.ts';
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

  async #narrow({ dtype, elements, bytes }: TensorInfo, plain: PlainElements, signal: AbortSignal, progress: Progress): Promise<TensorStatistics> {
    if (!isReal(dtype)) throw new TypeError(`${dtype} has no patterns`);
    const width = bytesPerElement[dtype] === 1 ? 1 : 2;
    const kernel = await this.#prepared();
    const own = kernel.counts.subarray(0, 2 ** (8 * width));
    own.fill(0);
    if (bytes <= WINDOW_BYTES) {
      signal.throwIfAborted();
      kernel.bytes.set(await this.#window.read(plain.source, plain.position, bytes));
      kernel.patterns(width, 0, elements);
      return fromPatterns(dtype, own);
    }
    const read = (done: number): void => { progress(done / width); };
    let counts = new Float64Array(own.length);
    const together = await this.#countTogether(plain, bytes, width, signal, read, (parts) => { for (const part of parts) addCells(counts, part); });
    if (!together) {
      counts = new Float64Array(own.length);
      const drain = (): void => {
        for (let i = 0; i < own.length; i++) counts[i]! += own[i]!;
        own.fill(0);
      };
      await this.#countHere(kernel, plain, bytes, width, chunkSums(bytes), signal, (_, done) => {
        // Counts of 32 bits are emptied before they can overflow.
        if (done % 2 ** 30 === 0) drain();
        read(done);
      });
      drain();
    }
    return fromPatterns(dtype, counts);
  }

  async #float32({ elements, bytes }: TensorInfo, plain: PlainElements, signal: AbortSignal, progress: Progress): Promise<TensorStatistics> {
    const kernel = await this.#prepared();
    const read = (done: number): void => { progress(done / 4); };
    let counts = new WordCounts(float32Words, this.#emptyCells(kernel));
    let sums = new Float32Moments();
    const together = await this.#countTogether(plain, bytes, 4, signal, read, (parts, chunks, length) => {
      counts.announce(length / 4);
      for (const part of parts) addCells(kernel.counts, part);
      mergeChunks(chunks, sums);
    });
    if (!together) {
      counts = new WordCounts(float32Words, this.#emptyCells(kernel));
      sums = new Float32Moments();
      const chunks = chunkSums(bytes);
      await this.#countHere(kernel, plain, bytes, 4, chunks, signal, (length, done) => {
        counts.announce(length / 4);
        read(done);
      });
      mergeChunks(chunks, sums);
    }
    const words = new Uint32Array(kernel.bytes.buffer, kernel.bytes.byteOffset, kernel.bytes.length / 4);
    return this.#ordered(sums.moments(), counts, elements, () => readPieces(plain.source, plain.position, bytes, kernel.bytes, PIECES, signal, (offset, length, done) => {
      counts.addChosen(words.subarray(offset / 4, (offset + length) / 4));
      read(done);
    }));
  }

  /** @returns false when the bytes are to be counted here: they are few, no other thread can have them, or one could not read them */
  async #countTogether(
    { source, position }: PlainElements, bytes: number, width: CountedWidth, signal: AbortSignal, progress: (bytes: number) => void,
    merge: (counts: readonly OccupiedCells[], chunks: SharedArrayBuffer, bytes: number) => void,
  ): Promise<boolean> {
    if (source.descriptor === undefined || !isForTeam(bytes) || this.#makeKernel !== statisticsKernel) return false;
    const done = await countOnAllCores(source.descriptor, position, bytes, width, signal, progress, merge);
    // The threads do not look whether the file is still the one that was opened; the source does.
    if (done) await source.read(position, 1);
    return done;
  }

  /** @param before called before a piece of `length` bytes is counted in the kernel's own counts */
  async #countHere(
    kernel: StatisticsKernel, { source, position }: PlainElements, bytes: number, width: CountedWidth, chunks: SharedArrayBuffer, signal: AbortSignal, before: (length: number, done: number) => void,
  ): Promise<void> {
    const counter = new ChunkCounter(kernel, width, chunks);
    await readPieces(source, position, bytes, kernel.bytes, PIECES, signal, (offset, length, done) => {
      before(length, done);
      counter.add(offset, length);
      if ((done + length) % CHUNK_BYTES === 0 || done + length === bytes) counter.end(Math.floor(done / CHUNK_BYTES));
    });
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

function addCells(counts: Float64Array | Uint32Array, { cells, count }: OccupiedCells): void {
  for (let i = 0; i < cells.length; i++) counts[cells[i]!]! += count[i]!;
}
