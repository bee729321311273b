/** A model in the process of TensorFlow: one input, one output, weights that can be replaced by another draw's. */
import type * as Core from '@tensorflow/tfjs-core';
import type { TensorflowLibrary } from './library.ts';
import type { ModelFacts, WeightValues } from './messages.ts';

export interface LoadedModel {
  readonly facts: ModelFacts;
  /** Every weight anew. */
  assign(weights: readonly WeightValues[]): Promise<void> | void;
  /** One forward pass, as at prediction but for dropout masks when there is a seed. The caller disposes of the result. */
  run(x: Core.Tensor, dropoutSeed: number | null): Promise<Core.Tensor> | Core.Tensor;
}

/** What is in the way of a model, as one clause without a full stop. */
export class ModelProblem extends Error {
  override readonly name = 'ModelProblem';
}

/** Weights one behind another, and their list, as the loaders of TensorFlow.js take them. */
export function artifactsOf(weights: readonly WeightValues[]): { readonly weightSpecs: Core.io.WeightsManifestEntry[]; readonly weightData: ArrayBuffer } {
  const bytes = weights.reduce((sum, { values }) => sum + values.byteLength, 0);
  const data = new Uint8Array(bytes);
  let offset = 0;
  for (const { values } of weights) {
    data.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), offset);
    offset += values.byteLength;
  }
  return { weightSpecs: weights.map(({ name, shape, dtype }) => ({ name, shape: [...shape], dtype })), weightData: data.buffer };
}

export function tensorOf({ core }: TensorflowLibrary, { values, shape, dtype }: Omit<WeightValues, 'name'>): Core.Tensor {
  return core.tensor(values, [...shape], dtype);
}
