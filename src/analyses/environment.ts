/** What the analysis host runs on, for the output channel and for reports of trouble. */
import { availableParallelism } from 'node:os';
import type { JobContext } from '../protocol/rpc.ts';
import type { Environment } from '../protocol/service.ts';
import { TensorflowSession } from '../tensorflow/session.ts';
import { version } from './provenance.ts';

export async function environment(_request: Record<string, never>, context: JobContext): Promise<Environment> {
  return {
    version,
    node: process.versions.node,
    processId: process.pid,
    cores: availableParallelism(),
    memoryLimitBytes: context.memoryLimitBytes,
    tensorflow: await nativeTensorflow(context),
  };
}

/** As the process that runs models finds it: the library is never loaded into this one. */
async function nativeTensorflow(context: JobContext): Promise<Environment['tensorflow']> {
  const session = await TensorflowSession.start(context);
  try {
    const { backend } = session;
    return backend.kind === 'native' ? { available: true, version: backend.version, library: backend.library } : { available: false, reason: backend.withoutNative };
  } finally {
    session.close();
  }
}
