/**
 * Files whose model TensorFlow.js can run though `network/` does not know it: layers and graph models of TensorFlow.js, models of Keras, and
 * SavedModels. What is read here is data; what the model's operations are is checked by whoever loads it.
 */
import { readFile } from 'node:fs/promises';
import type { WeightFile } from '../weights/weightFile.ts';
import { UserError } from '../protocol/userError.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import { layersTopology } from './layersTopology.ts';
import type { ModelSource, OutputHead } from './messages.ts';

export interface ModelFile {
  readonly path: string;
  /** For people: "TensorFlow.js graph model, 2 shards". */
  readonly format: string;
  readonly source: ModelSource;
  /** What was taken off the end already, so that outputs are logits. */
  readonly head: OutputHead;
}

export type ModelKind = 'layers' | 'graph';

/** Whether the file says what its model is in a form that TensorFlow.js may run; from the header alone. */
export function modelKind({ metadata, kerasConfig }: Pick<WeightFile, 'metadata' | 'kerasConfig'>): ModelKind | undefined {
  if (metadata['format'] === 'graph-model') return 'graph';
  return kerasConfig !== undefined || metadata['format'] === 'layers-model' ? 'layers' : undefined;
}

/** @throws WeightFileError that says why the model in the file cannot be run */
export async function modelOfFile(file: WeightFile, kind: ModelKind): Promise<ModelFile> {
  const { path, format, kerasConfig } = file;
  if (kind === 'graph') {
    const model = withoutManifest(path, await readFile(path, 'utf8'));
    return { path, format, source: { kind: 'graph', model: JSON.stringify(model) }, head: 'none' };
  }
  try {
    const { json, head } = layersTopology(kerasConfig ?? JSON.stringify(withoutManifest(path, await readFile(path, 'utf8'))['modelTopology']));
    return { path, format, source: { kind: 'layers', topology: json }, head };
  } catch (error) {
    throw error instanceof UserError && !(error instanceof WeightFileError) ? new WeightFileError(path, '', error.message) : error;
  }
}

/** `model.json` was read as a weight file before, so that it is JSON of a bounded size. */
function withoutManifest(path: string, text: string): Record<string, unknown> {
  const { weightsManifest, ...model } = JSON.parse(text) as Record<string, unknown>;
  for (const group of Array.isArray(weightsManifest) ? (weightsManifest as { readonly weights?: unknown }[]) : []) {
    for (const weight of Array.isArray(group.weights) ? (group.weights as { readonly name?: unknown; readonly dtype?: unknown }[]) : []) {
      if (weight.dtype === 'string') throw new WeightFileError(path, `tensor "${showName(String(weight.name))}"`, 'holds texts; models that work on texts are not run here');
    }
  }
  return model;
}
