/**
 * What the analysis and the process that runs TensorFlow.js say to each other. TensorFlow has a process of its own, because the native library
 * ends its process where it meets what it does not expect, and because a forward pass that runs cannot be interrupted otherwise. One request at a
 * time, one answer each.
 */

/** Which TensorFlow runs. Tensors of both are float32. */
export type TensorflowBackend =
  /** `library` is the version of the native library, `version` that of `@tensorflow/tfjs-node`. */
  | { readonly kind: 'native'; readonly version: string; readonly library: string }
  /** `withoutNative` says why there is no native one. */
  | { readonly kind: 'wasm'; readonly version: string; readonly withoutNative: string };

export type ModelSource =
  /** JSON of a layers model's topology, with its head taken off where outputs are to be logits. */
  | { readonly kind: 'layers'; readonly topology: string }
  /** JSON of `model.json`: `modelTopology`, `signature` and the like, without its manifest. */
  | { readonly kind: 'graph'; readonly model: string }
  /** A folder with `saved_model.pb`, for the native backend. */
  | { readonly kind: 'saved-model'; readonly folder: string; readonly tags: readonly string[]; readonly signature: string };

/** A variable of the model that takes a tensor of the file. */
export interface WeightSlot {
  /** `dense/kernel`; unique. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Of a layers model: the layer among those of the whole model, and the variable's place among that layer's weights. */
  readonly layer: string;
  readonly place: number;
}

export type WeightArray = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

export interface WeightValues {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly values: WeightArray;
}

export type OutputHead = 'none' | 'softmax' | 'sigmoid';

/** What a loaded model takes and gives. */
export interface ModelFacts {
  /** Of the whole input, the axis of examples first; null where any length does. Empty where the model does not say. */
  readonly input: readonly (number | null)[];
  readonly inputDtype: 'float32' | 'int32';
  /** Variables of a layers model. A graph's weights are the tensors of its file. */
  readonly slots: readonly WeightSlot[];
  /** Names of layers that drop units in training, which draws of MC dropout switch on. */
  readonly dropout: readonly string[];
  /** Layers that are random in training and that draws leave off: noise, and dropout within recurrent cells. */
  readonly otherRandom: readonly string[];
  /** What was taken off the end, so that outputs are logits. */
  readonly head: OutputHead;
}

export type TensorflowRequest =
  /** Native TensorFlow is looked for from each of these folders; none, and it is WebAssembly. */
  | { readonly kind: 'start'; readonly nativeFrom: readonly string[] }
  | { readonly kind: 'load'; readonly source: ModelSource; readonly weights: readonly WeightValues[] }
  | { readonly kind: 'assign'; readonly weights: readonly WeightValues[] }
  /** `x` in the shape given; `dropoutSeed` draws one mask for each dropout layer, the same for every example; `measure` asks for the memory it takes. */
  | { readonly kind: 'run'; readonly x: Float32Array<ArrayBuffer>; readonly shape: readonly number[]; readonly dropoutSeed: number | null; readonly measure: boolean };

export type TensorflowAnswer =
  | { readonly kind: 'started'; readonly backend: TensorflowBackend }
  | { readonly kind: 'loaded'; readonly facts: ModelFacts }
  | { readonly kind: 'assigned' }
  | { readonly kind: 'outputs'; readonly values: Float32Array<ArrayBuffer>; readonly shape: readonly number[]; readonly peakBytes: number | null }
  /** One clause without a full stop, about the model. */
  | { readonly kind: 'failed'; readonly problem: string };
