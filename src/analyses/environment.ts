/** What the analysis host runs on, for the output channel and for reports of trouble. */
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { JobContext } from '../protocol/rpc.ts';
import type { Environment } from '../protocol/service.ts';
import { version } from './provenance.ts';

// eslint-disable-next-line @typescript-eslint/require-await -- every analysis is asynchronous
export async function environment(_request: Record<string, never>, context: JobContext): Promise<Environment> {
  return {
    version,
    node: process.versions.node,
    processId: process.pid,
    cores: availableParallelism(),
    memoryLimitBytes: context.memoryLimitBytes,
    tensorflow: nativeTensorflow(),
  };
}

interface NativeTensorflow {
  readonly version: { readonly 'tfjs-node': string };
}

/**
 * Loads native TensorFlow where it is installed; it is an optional dependency that a closed network or an unsupported platform
 * leaves out. It is looked up from the program that runs, bundled or not. Its 4.22 calls `util.isNullOrUndefined`, which Node 23 removed, hence the shim.
 */
function nativeTensorflow(): Environment['tensorflow'] {
  try {
    const require = createRequire(path.resolve(process.argv[1] ?? '.'));
    const util = require('node:util') as { isNullOrUndefined?: (value: unknown) => boolean };
    util.isNullOrUndefined ??= (value) => value === null || value === undefined;
    const tf = require('@tensorflow/tfjs-node') as NativeTensorflow;
    return { available: true, version: tf.version['tfjs-node'] };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
    return { available: false, reason: missing ? 'not installed' : `does not load: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}` };
  }
}
