/** The header of a weight file at a glance: for hovers, decorations, and for deciding what to ask the user. */
import { readNetwork } from '../network/readNetwork.ts';
import type { Holding, NetworkSummary, SummarizeRequest, TensorShape, WeightSummary } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { modelKind } from '../tensorflow/modelFile.ts';
import { gaussianWeights } from '../weights/gaussianWeights.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import { stackedStateDicts } from '../weights/stackedStateDicts.ts';
import { shardOf } from '../weights/shard.ts';
import type { TensorInfo, WeightFile } from '../weights/weightFile.ts';
import { elementsOf } from '../weights/weightTensors.ts';
import { summarizeNetwork } from './describe.ts';

const LISTED_TENSORS = 2000;

export async function summarize(request: SummarizeRequest): Promise<WeightSummary> {
  const file = await openWeightFile(request.file);
  const shard = shardOf(request.file);
  try {
    return {
      file: request.file,
      format: file.format,
      fileBytes: file.fileBytes,
      tensors: file.tensors.length,
      parameters: elementsOf(file, 'parameters'),
      dtypes: [...new Set(file.tensors.map(({ dtype }) => dtype))],
      shapes: file.tensors.slice(0, LISTED_TENSORS).map(shapeOf),
      ...(request.named === undefined ? {} : { named: request.named.flatMap((name) => file.tensor(name) ?? []).map(shapeOf) }),
      ...(shard === undefined ? {} : { shard }),
      metadata: file.metadata,
      ...await networkOf(file, request),
    };
  } finally {
    await file.close();
  }
}

const shapeOf = ({ name, dtype, shape }: TensorInfo): TensorShape => ({ name, dtype, shape });

/** A description that does not fit does not keep the file itself from being shown. */
async function networkOf(file: WeightFile, options: Pick<SummarizeRequest, 'network' | 'activation'>): Promise<{ readonly network: NetworkSummary; readonly holds: Holding }> {
  try {
    const gaussian = gaussianWeights(file);
    const reading = await readNetwork(gaussian?.mean ?? stackedStateDicts(file), options);
    const drawn = reading.kind !== 'unrecognised' && reading.leading.length > 0;
    if (reading.kind === 'unrecognised' && modelKind(file) !== undefined) return { network: summarizeNetwork(reading), holds: 'tensorflow' };
    return { network: summarizeNetwork(reading, gaussian?.kind), holds: gaussian?.kind ?? (drawn ? 'draws' : 'network') };
  } catch (error) {
    if (error instanceof UserError) return { network: { kind: 'unrecognised', reason: error.message }, holds: 'network' };
    throw error;
  }
}
