/** Entry of the process that runs TensorFlow.js: takes requests from the process that forked it, one after another, and ends with it. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { loadGraph } from './graphModel.ts';
import { loadLayers } from './layersModel.ts';
import { loadTensorflow, type TensorflowLibrary } from './library.ts';
import { ModelProblem, type LoadedModel } from './loadedModel.ts';
import type { ModelFacts, ModelSource, TensorflowAnswer, TensorflowRequest, WeightValues } from './messages.ts';

let library: TensorflowLibrary | undefined;
let model: LoadedModel | undefined;

async function answer(request: TensorflowRequest): Promise<TensorflowAnswer> {
  if (request.kind === 'start') {
    library = await loadTensorflow(request.nativeFrom);
    return { kind: 'started', backend: library.backend };
  }
  if (library === undefined) throw new Error('not started');
  if (request.kind === 'load') {
    model = await load(library, request.source, request.weights);
    return { kind: 'loaded', facts: model.facts };
  }
  if (model === undefined) throw new Error('no model is loaded');
  if (request.kind === 'assign') {
    await model.assign(request.weights);
    return { kind: 'assigned' };
  }
  return run(library, model, request);
}

function load(tensorflow: TensorflowLibrary, source: ModelSource, weights: readonly WeightValues[]): Promise<LoadedModel> {
  switch (source.kind) {
    case 'layers': return loadLayers(tensorflow, source.topology);
    case 'graph': return loadGraph(tensorflow, source.model, weights);
    case 'saved-model': return loadSaved(tensorflow, source.folder, source.tags, source.signature);
  }
}

async function loadSaved({ loadSavedModel }: TensorflowLibrary, folder: string, tags: readonly string[], signature: string): Promise<LoadedModel> {
  if (loadSavedModel === undefined) throw new ModelProblem('is a SavedModel, which only native TensorFlow runs, and that is not there');
  const saved = await loadSavedModel(folder, [...tags], signature);
  const facts: ModelFacts = { input: [], inputDtype: 'float32', slots: [], dropout: [], otherRandom: [], head: 'none' };
  return {
    facts,
    assign() { throw new ModelProblem('keeps its own weights'); },
    run(x) {
      const y = saved.predict(x);
      if (typeof (y as Tensor).dataSync === 'function') return y as Tensor;
      const [only, other] = Object.values(y as Record<string, Tensor>);
      if (only === undefined || other !== undefined) throw new ModelProblem(`has ${Object.keys(y).length} outputs (${Object.keys(y).join(', ')}); a model that is run here has one`);
      return only;
    },
  };
}

async function run({ core }: TensorflowLibrary, loaded: LoadedModel, { x, shape, dropoutSeed, measure }: Extract<TensorflowRequest, { kind: 'run' }>): Promise<TensorflowAnswer> {
  const input = core.tensor(loaded.facts.inputDtype === 'int32' ? Int32Array.from(x) : x, [...shape], loaded.facts.inputDtype);
  let output: Tensor | undefined;
  try {
    let peakBytes: number | null = null;
    if (measure) {
      const profile = await core.profile(async () => (output = await loaded.run(input, dropoutSeed)));
      ({ peakBytes } = profile);
    } else output = await loaded.run(input, dropoutSeed);
    if (output === undefined) throw new ModelProblem('gave no output');
    return { kind: 'outputs', values: Float32Array.from(await output.data()), shape: output.shape, peakBytes };
  } finally {
    output?.dispose();
    input.dispose();
  }
}

function problemOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const unknownOperation = /Unknown op '([^']*)'|Custom op (\S+) is not registered/.exec(text);
  if (unknownOperation !== null) return `uses the operation ${unknownOperation[1] ?? unknownOperation[2] ?? ''}, which TensorFlow.js does not have`;
  const missingKernel = /Kernel '([^']*)' not registered for backend '([^']*)'/.exec(text);
  if (missingKernel !== null) return `uses the operation ${missingKernel[1] ?? ''}, which TensorFlow.js does not have for ${missingKernel[2] === 'wasm' ? 'WebAssembly; native TensorFlow may have it' : (missingKernel[2] ?? '')}`;
  const unknownToLibrary = /Op type not registered '([^']*)'/.exec(text);
  if (unknownToLibrary !== null) return `uses the operation ${unknownToLibrary[1] ?? ''}, which ${library?.backend.kind === 'native' ? `TensorFlow ${library.backend.library}` : 'TensorFlow'}, the native library here, does not have; it was made by a newer TensorFlow`;
  const unknownName = /Unknown (\w+): ([^.]*)\./.exec(text);
  if (unknownName !== null) return `has the ${unknownName[1] ?? ''} ${unknownName[2] ?? ''}, which TensorFlow.js does not have`;
  if (error instanceof ModelProblem) return text;
  return `is refused by TensorFlow.js: ${(text.split('\n')[0] ?? '').replace(/\.$/, '')}`;
}

let turn: Promise<unknown> = Promise.resolve();
process.on('message', (request: TensorflowRequest) => {
  turn = turn.then(async () => {
    const answered: TensorflowAnswer = await answer(request).catch((error: unknown) => ({ kind: 'failed', problem: problemOf(error) }) as const);
    if (process.connected) process.send?.(answered);
  });
});
process.on('disconnect', () => process.exit(0));
