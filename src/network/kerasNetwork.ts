/** The network of a Keras model: its configuration says the layers, the weight file holds their tensors. */
import { UserError } from '../protocol/userError.ts';
import { showName } from '../weights/weightFileError.ts';
import { parseKerasModel, type KerasCall, type KerasModel } from './kerasConfig.ts';
import { addKerasLayer, type KerasValue } from './kerasLayers.ts';
import type { KerasWeights } from './kerasWeights.ts';
import type { AxisOrder, OutputHead } from './network.ts';
import { NetworkBuilder } from './networkBuilder.ts';
import { unrecognised, type Recognition } from './recognition.ts';

/**
 * Never throws for what is in the configuration: the reason says what was in the way.
 * @param config its JSON
 */
export function recognizeKeras(config: string, weights: KerasWeights): Recognition {
  try {
    return build(parseKerasModel(config), weights);
  } catch (error) {
    if (error instanceof UserError) return unrecognised(error.message);
    throw error;
  }
}

function build(model: KerasModel, weights: KerasWeights): Recognition {
  const builder = new NetworkBuilder();
  const order = orderOf(model);
  const values = new Map<KerasCall, KerasValue>();
  let head: OutputHead = 'none';
  for (const call of model.calls) {
    const from = call.from.map((each) => values.get(each)).filter((value) => value !== undefined);
    if (call.layer.className === 'InputLayer') {
      values.set(call, { id: builder.input(inputShape(model, order), order), nonNegative: false });
      continue;
    }
    const { value, head: found } = addKerasLayer(call.layer, from, { builder, order, weights, isOutput: call === model.output });
    values.set(call, value);
    if (found !== undefined) head = found;
  }
  const output = values.get(model.output);
  if (output === undefined) return unrecognised('its Keras configuration has no output');
  return { kind: 'network', network: builder.finish(output.id, head), assumptions: [] };
}

/** Where images have their channels: last, unless every layer that says it says first. */
function orderOf({ calls }: KerasModel): AxisOrder {
  const formats = new Set(calls.map(({ layer }) => layer.config.value('data_format')).filter((format) => format !== undefined && format !== null));
  if (formats.has('channels_first') && formats.size > 1) throw new UserError('its layers have channels partly first and partly last, which is not supported');
  return formats.has('channels_first') ? 'channel-first' : 'channel-last';
}

function inputShape({ inputShape: shape }: KerasModel, order: AxisOrder): readonly number[] {
  const lengths = shape.map((length) => length ?? -1);
  if (lengths.some((length) => length < 0)) throw new UserError(`its input of shape [N, ${shape.map((length) => (length === null ? '?' : showName(String(length)))).join(', ')}] leaves a length open; save the model with a fixed size of input`);
  const last = lengths.at(-1) ?? 0;
  return order === 'channel-last' && lengths.length > 1 ? [last, ...lengths.slice(0, -1)] : lengths;
}
