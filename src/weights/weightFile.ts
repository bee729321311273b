/**
 * The one interface through which every format is read. Opening a file reads its header only; elements are read on demand, in
 * ranges, so that a file is never in memory as a whole.
 */
import type { ByteSource } from './byteSource.ts';
import type { RealDtype, StoredDtype } from './dtype.ts';

export interface TensorInfo {
  /** As the file spells it; untrusted text, escaped wherever it is shown. */
  readonly name: string;
  readonly dtype: StoredDtype;
  /** Empty for a scalar. */
  readonly shape: readonly number[];
  /** Product of the shape. */
  readonly elements: number;
  /** Bytes of the elements as stored. */
  readonly bytes: number;
  /** The type of the numbers in the file, where they are read as `dtype`: quantised weights of TensorFlow.js. */
  readonly storedDtype?: RealDtype;
}

/** A tensor's elements lie one after another, in row-major order, little-endian, as plain numbers of its dtype. */
export interface PlainElements {
  readonly source: ByteSource;
  /** Of the first byte. */
  readonly position: number;
}

/** A layer of a Keras model whose variables the file holds. */
export interface KerasLayer {
  /** As in the model's configuration; absent where the file does not say (Keras 2.12 to 2.15 in the layout of Keras 3). */
  readonly name?: string;
  /** The folder of its tensors: `model_weights/dense`, `layers/dense_1`. */
  readonly group: string;
  /** Names of its tensors, in the order of the layer's `weights`: kernel, bias; gamma, beta, moving mean, moving variance. */
  readonly weights: readonly string[];
}

export interface WeightFile {
  /** As the user named it. */
  readonly path: string;
  /** For people: "safetensors", "PyTorch zip", "NumPy npz". */
  readonly format: string;
  /** Size of the file, or of all shards together. */
  readonly fileBytes: number;
  /** In file order; names are unique. */
  readonly tensors: readonly TensorInfo[];
  readonly metadata: Readonly<Record<string, string>>;
  /** What a reader noticed and the user should know, though the file can be used. */
  readonly warnings: readonly string[];
  /** Beginnings of the names of tensors that are an optimiser's state (or a metric's), not weights. */
  readonly optimizerPrefixes?: readonly string[];
  /** When the file is a list of this many state dicts, as a set of draws is saved: their tensors are named `0.NAME`, `1.NAME`, …. */
  readonly stateDicts?: number;
  /** Only tensors whose names begin so are a network's weights: what the format keeps beside them is named differently. */
  readonly weightPrefix?: string;
  /** How many leading axes of the weights count draws, when the file says so itself: 1 (draw) or 2 (chain, draw). */
  readonly drawAxes?: 1 | 2;
  /** JSON text of a Keras model's configuration, as `model.to_json()` gives it. Data, whatever it says: Lambda layers hold code. */
  readonly kerasConfig?: string;
  readonly kerasLayers?: readonly KerasLayer[];
  tensor(name: string): TensorInfo | undefined;
  /**
   * Elements [start, end) of a tensor in row-major (C) order, whatever order they are stored in, as float64.
   * @throws WeightFileError when the name is not there, the dtype holds no real numbers or is a packed one, or the bytes cannot be read.
   */
  read(name: string, start?: number, end?: number): Promise<Float64Array>;
  /** Where a tensor's bytes can be had as they are, for reading many at the speed of the file; undefined where they are stored otherwise. */
  plain?(name: string): PlainElements | undefined;
  close(): Promise<void>;
}
