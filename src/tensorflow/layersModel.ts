/**
 * Layers models: TensorFlow.js' own, and configurations of Keras in the form that its layers understand. Outputs as at prediction; a draw of MC
 * dropout (Gal & Ghahramani 2016) switches the layers on that drop units, with one mask for all examples, and leaves the others, batch
 * normalisation above all, as they are at prediction.
 */
import type * as Core from '@tensorflow/tfjs-core';
import type * as Layers from '@tensorflow/tfjs-layers';
import type { TensorflowLibrary } from './library.ts';
import { ModelProblem, tensorOf, type LoadedModel } from './loadedModel.ts';
import type { WeightSlot, WeightValues } from './messages.ts';

type Layer = Layers.layers.Layer;

/** A layer that drops units, and its parts that are set for a draw. */
type DropoutLayer = Layer & {
  readonly rate: number;
  seed?: number;
  getNoiseShape(input: Core.Tensor): number[] | null | undefined;
};

/** Noise without a seed, or within a cell. */
const unseeded = new Set(['GaussianDropout', 'AlphaDropout', 'GaussianNoise']);

export async function loadLayers(library: TensorflowLibrary, topology: string): Promise<LoadedModel> {
  const model = await library.loadLayersModel({ load: () => Promise.resolve({ modelTopology: JSON.parse(topology) as object }) });
  const [input, otherInput] = model.inputs;
  if (input === undefined || otherInput !== undefined) throw new ModelProblem(`has ${model.inputs.length} inputs; a model that is run here has one`);
  if (model.outputs.length !== 1) throw new ModelProblem(`has ${model.outputs.length} outputs; a model that is run here has one`);

  const variables = new Map<string, Layers.layers.Layer['weights'][number]>();
  const slots: WeightSlot[] = [];
  for (const layer of model.layers) {
    layer.weights.forEach((weight, place) => {
      if (variables.has(weight.originalName)) throw new ModelProblem(`has two weights of the name "${weight.originalName}"`);
      variables.set(weight.originalName, weight);
      slots.push({ name: weight.originalName, shape: weight.shape.map((length) => length ?? 0), layer: layer.name, place });
    });
  }
  const layers = everyLayer(model.layers);
  const dropout = layers.filter((layer): layer is DropoutLayer => 'getNoiseShape' in layer && 'rate' in layer && typeof layer.rate === 'number' && layer.rate > 0 && layer.rate < 1);
  let isDropping = false;
  for (const layer of dropout) switchable(layer, () => isDropping);

  return {
    facts: {
      input: input.shape, inputDtype: 'float32', slots, dropout: dropout.map(({ name }) => name), head: 'none',
      otherRandom: layers.filter(isOtherwiseRandom).map(({ name }) => name),
    },
    assign(weights: readonly WeightValues[]) {
      for (const values of weights) {
        const variable = variables.get(values.name);
        if (variable === undefined) throw new ModelProblem(`has no weight "${values.name}"`);
        const tensor = tensorOf(library, values);
        variable.write(tensor);
        tensor.dispose();
      }
    },
    run(x, dropoutSeed) {
      isDropping = dropoutSeed !== null;
      // Every layer its own masks: the seeds are a draw's, stirred with the layer's place.
      dropout.forEach((layer, index) => { layer.seed = ((dropoutSeed ?? 0) ^ Math.imul(index + 1, 0x9e3779b1)) >>> 0; });
      const y = model.predict(x, { batchSize: x.shape[0] });
      if (Array.isArray(y)) throw new ModelProblem('gave several tensors as its output');
      return y;
    },
  };
}

/** Those within models that are layers as well. */
function everyLayer(layers: readonly Layer[]): Layer[] {
  return layers.flatMap((layer) => ('layers' in layer && Array.isArray(layer.layers) ? everyLayer(layer.layers as Layer[]) : [layer]));
}

function switchable(layer: DropoutLayer, isOn: () => boolean): void {
  const call = layer.call.bind(layer);
  const noiseShape = layer.getNoiseShape.bind(layer);
  layer.call = (inputs, kwargs) => call(inputs, { ...kwargs, training: isOn() });
  // One function a draw: what is dropped is dropped for every example.
  layer.getNoiseShape = (input) => [1, ...(noiseShape(input) ?? input.shape).slice(1)];
}

function isOtherwiseRandom(layer: Layer): boolean {
  if (unseeded.has(layer.getClassName())) return true;
  const config = layer.getConfig();
  const inner = config['layer'];
  const within = typeof inner === 'object' && inner !== null && 'config' in inner ? ((inner as Record<string, unknown>)['config'] as Record<string, unknown>) : config;
  return ['dropout', 'recurrentDropout'].some((key) => typeof within[key] === 'number' && within[key] > 0);
}
