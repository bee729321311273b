/** A folder of its own for a test, and networks written into it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import type { Network } from '../../../src/network/network.ts';
import { tensorValues } from '../../../src/network/parameters.ts';
import type { JobContext } from '../../../src/protocol/rpc.ts';
import { encodeElements, type RealDtype } from '../../../src/weights/dtype.ts';
import { writeSafetensors } from '../../../src/weights/safetensorsWriter.ts';

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotient-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Nobody watches, nobody cancels. */
export const context: JobContext = { signal: new AbortController().signal, progress: () => undefined, memoryLimitBytes: 2 ** 31 };

export function randomNetwork(widths: readonly number[], activation: string, seed: number): { network: Network; theta: Float64Array } {
  const network = denseNetwork(widths, activationNamed(activation));
  const random = seededRandom(seed);
  return { network, theta: Float64Array.from({ length: network.parameters }, () => random.normal()) };
}

/** Writes θ as a state dict (`0.weight`, `0.bias`, `2.weight`, …). */
export async function writeNetwork(file: string, network: Network, theta: Float64Array, dtype: RealDtype = 'F64'): Promise<void> {
  const tensors = network.blocks.map((block) => ({ name: block.tensor, dtype, shape: block.fileShape, bytes: encodeElements(dtype, tensorValues(theta, block)) }));
  await writeSafetensors(file, tensors, {}, { overwrite: false });
}
