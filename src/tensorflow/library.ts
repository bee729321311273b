/**
 * TensorFlow.js as the process loads it, once: native (`@tensorflow/tfjs-node`), which brings its own layers and converter, or the bundled ones
 * on the WebAssembly backend. Both compute in float32.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type * as Converter from '@tensorflow/tfjs-converter';
import type * as Core from '@tensorflow/tfjs-core';
import type * as Layers from '@tensorflow/tfjs-layers';
import type { TensorflowBackend } from './messages.ts';

export interface TensorflowLibrary {
  readonly core: typeof Core;
  readonly loadLayersModel: typeof Layers.loadLayersModel;
  readonly loadGraphModel: typeof Converter.loadGraphModel;
  /** The native library's alone. */
  readonly loadSavedModel: ((folder: string, tags: string[], signature: string) => Promise<SavedModel>) | undefined;
  readonly backend: TensorflowBackend;
}

export interface SavedModel {
  predict(x: Core.Tensor): Core.Tensor | Core.NamedTensorMap;
}

type NativeTensorflow = typeof Core & Pick<typeof Layers, 'loadLayersModel'> & Pick<typeof Converter, 'loadGraphModel'> & {
  readonly version: { readonly 'tfjs-node': string };
  readonly node: { readonly loadSavedModel: NonNullable<TensorflowLibrary['loadSavedModel']> };
};

const WASM_FILE = 'tfjs-backend-wasm-simd.wasm';

/** @param nativeFrom folders from which `@tensorflow/tfjs-node` is resolved, in this order */
export async function loadTensorflow(nativeFrom: readonly string[]): Promise<TensorflowLibrary> {
  const native = loadNative(nativeFrom);
  return typeof native === 'string' ? loadWasm(native) : native;
}

/** A text says why not. */
function loadNative(folders: readonly string[]): TensorflowLibrary | string {
  if (folders.length === 0) return 'not asked for';
  let reason = 'not installed';
  for (const folder of folders) {
    const require = createRequire(path.join(folder, 'from.js'));
    try {
      // Its 4.22 calls this function, which Node 23 removed.
      const util = require('node:util') as { isNullOrUndefined?: (value: unknown) => boolean };
      util.isNullOrUndefined ??= (value) => value === null || value === undefined;
      const tf = require('@tensorflow/tfjs-node') as NativeTensorflow;
      const { binding } = tf.backend() as Core.KernelBackend & { readonly binding?: { readonly TF_Version?: string } };
      return {
        core: tf, loadLayersModel: tf.loadLayersModel, loadGraphModel: tf.loadGraphModel, loadSavedModel: tf.node.loadSavedModel,
        backend: { kind: 'native', version: tf.version['tfjs-node'], library: binding?.TF_Version ?? 'unknown' },
      };
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND' && error instanceof Error && error.message.includes('@tensorflow/tfjs-node');
      if (!isMissing) reason = `does not load: ${error instanceof Error ? (error.message.split('\n')[0] ?? '').trim() : String(error)}`;
    }
  }
  return reason;
}

async function loadWasm(withoutNative: string): Promise<TensorflowLibrary> {
  const [core, layers, converter, wasm] = await Promise.all([
    import('@tensorflow/tfjs-core'), import('@tensorflow/tfjs-layers'), import('@tensorflow/tfjs-converter'), import('@tensorflow/tfjs-backend-wasm'),
  ]);
  // Its threads do not start in Node.
  core.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  // Beside the bundle, where the build puts it; otherwise where the package has it.
  const beside = path.join(import.meta.dirname, WASM_FILE);
  if (existsSync(beside)) wasm.setWasmPaths(`${import.meta.dirname}${path.sep}`);
  await core.setBackend('wasm');
  await core.ready();
  return {
    core, loadLayersModel: layers.loadLayersModel, loadGraphModel: converter.loadGraphModel, loadSavedModel: undefined,
    backend: { kind: 'wasm', version: core.version_core, withoutNative },
  };
}
