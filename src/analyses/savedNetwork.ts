/**
 * Writes a network whose weights were moved along its symmetries: same tensor names, shapes and dtypes, same function. Nothing is written
 * when the function changed, and the file is read back before it gets its name.
 */
import type { Network } from '../network/network.ts';
import { readState, tensorValues } from '../network/parameters.ts';
import { writeDescription } from '../network/writeDescription.ts';
import { formatNumber } from '../protocol/format.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { interruptibly } from '../linalg/interruptible.ts';
import { genericProbes, type Probe } from '../symmetry/comparedInputs.ts';
import { distanceBetween, evaluateAt, functionChanged, type FunctionDistance } from '../symmetry/functionDistance.ts';
import { decodeElements, encodeElements, isReal, machineEpsilon, type RealDtype } from '../weights/dtype.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import { writeSafetensors, type TensorToWrite } from '../weights/safetensorsWriter.ts';
import type { WeightFile } from '../weights/weightFile.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';

export interface MovedNetwork {
  /** Where the network came from. */
  readonly file: WeightFile;
  readonly network: Network;
  readonly before: Float64Array;
  readonly after: Float64Array;
  /** For the message when the function changed: "the canonical form", "the aligned network". */
  readonly what: string;
  /** Inputs on which the functions are compared; generic ones when left out. */
  readonly probes?: readonly Probe[];
}

/**
 * @param out path of the safetensors file to write
 * @returns the distance between the function read and the function written
 * @throws WeightFileError when the function changed, or a weight leaves the range of its dtype
 */
export async function saveMovedNetwork({ file, network, before, after, what, probes = genericProbes(network, 0) }: MovedNetwork, out: string, overwrite: boolean, { signal }: Pick<JobContext, 'signal'>): Promise<FunctionDistance> {
  const refuse = ({ relative, firstLayer }: FunctionDistance): never => {
    throw new WeightFileError(file.path, '', `${what} would compute another function (relative difference ${formatNumber(relative)}${firstLayer === null ? '' : `, first seen at layer "${showName(firstLayer)}"`}), so nothing was written`);
  };
  const [own, moved] = [await interruptibly(evaluateAt(before, probes, 1), signal), await interruptibly(evaluateAt(after, probes, 2), signal)];
  const exact = await interruptibly(distanceBetween(own, moved), signal);
  if (functionChanged(exact)) refuse(exact);
  const precision = coarsestEpsilon(file, network);
  const tensors = await tensorsToWrite(file, network, after);
  let distance = exact;
  await writeSafetensors(out, tensors, { ...file.metadata, 'quotient.network': writeDescription(network) }, {
    overwrite,
    signal,
    async verify(temporary) {
      const written = await readBack(temporary, network, tensors);
      // What was only put into another order is written as it was checked, to the last bit.
      if (written.every((value, k) => Object.is(value, after[k]))) return;
      distance = await interruptibly(distanceBetween(own, await interruptibly(evaluateAt(written, probes, 2), signal), precision), signal);
      if (functionChanged(distance, precision)) refuse(distance);
    },
  });
  return distance;
}

/** Weights were moved, what an optimiser remembers of them was not. */
export function optimizerWarning(file: string): string {
  return `${showName(file)}: the optimiser’s state is written as it was and does not fit the moved weights; start the optimiser anew when you train on.`;
}

/** Largest machine epsilon among the dtypes of a network's parameters. @throws WeightFileError when one is no floating-point type */
export function coarsestEpsilon(file: WeightFile, network: Network): number {
  return Math.max(...network.blocks.filter(({ trainable }) => trainable).map(({ tensor }) => {
    const dtype = file.tensor(tensor)?.dtype ?? 'F64';
    const epsilon = isReal(dtype) ? machineEpsilon[dtype] : 0;
    if (epsilon === 0) throw new WeightFileError(file.path, `tensor "${showName(tensor)}"`, `is ${dtype}; weights of a network that is rescaled must be floating-point numbers`);
    return epsilon;
  }));
}

/** The network's tensors as they are to be and everything else as it is, in file order, each in its own dtype. */
async function tensorsToWrite(file: WeightFile, network: Network, state: Float64Array): Promise<TensorToWrite[]> {
  const blocks = new Map(network.blocks.map((block) => [block.tensor, block]));
  const tensors: TensorToWrite[] = [];
  for (const { name, dtype, shape } of file.tensors) {
    if (!isReal(dtype)) throw new WeightFileError(file.path, `tensor "${showName(name)}"`, `is ${dtype}, which holds no real numbers and cannot be copied`);
    const block = blocks.get(name);
    const values = block === undefined ? await file.read(name) : tensorValues(state, block);
    const bytes = encodeElements(dtype, values);
    if (block !== undefined) requireInRange(file, name, dtype, values, bytes);
    tensors.push({ name, dtype, shape, bytes });
  }
  return tensors;
}

function requireInRange(file: WeightFile, name: string, dtype: RealDtype, values: Float64Array, bytes: Uint8Array): void {
  const lost = decodeElements(dtype, bytes).findIndex((value) => !Number.isFinite(value));
  if (lost >= 0) throw new WeightFileError(file.path, `tensor "${showName(name)}"`, `${formatNumber(values[lost]!)} is out of the range of ${dtype}; leave the scaling as it is, or save the weights as F32 first`);
}

async function readBack(temporary: string, network: Network, written: readonly TensorToWrite[]): Promise<Float64Array> {
  const file = await openWeightFile(temporary);
  try {
    for (const { name, dtype, shape } of written) {
      const found = file.tensor(name);
      if (found?.dtype !== dtype || found.shape.join() !== shape.join()) throw new Error(`tensor ${name} was not written as asked`);
    }
    return await readState(file, network);
  } finally {
    await file.close();
  }
}
