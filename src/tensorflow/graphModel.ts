/**
 * Graph models: a graph of TensorFlow operations with its constants, as the converter of TensorFlow.js writes it. A final softmax or sigmoid is
 * left out of what is run, so that outputs are logits.
 */
import type * as Converter from '@tensorflow/tfjs-converter';
import type { TensorflowLibrary } from './library.ts';
import { artifactsOf, ModelProblem, type LoadedModel } from './loadedModel.ts';
import type { OutputHead, WeightValues } from './messages.ts';

interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
}

export async function loadGraph(library: TensorflowLibrary, json: string, weights: readonly WeightValues[]): Promise<LoadedModel> {
  const artifacts = JSON.parse(json) as { readonly modelTopology?: { readonly node?: readonly GraphNode[] } };
  const nodes = artifacts.modelTopology?.node;
  if (!Array.isArray(nodes) || nodes.length === 0) throw new ModelProblem('has a graph without nodes');
  const open = async (values: readonly WeightValues[]): Promise<Converter.GraphModel> => library.loadGraphModel({ load: () => Promise.resolve({ ...artifacts, ...artifactsOf(values) } as object) });
  let model = await open(weights);
  const [input, otherInput] = model.inputs;
  if (input === undefined || otherInput !== undefined) throw new ModelProblem(`has ${model.inputs.length} inputs (${model.inputs.map(({ name }) => name).join(', ')}); a model that is run here has one`);
  const [output, otherOutput] = model.outputs;
  if (output === undefined || otherOutput !== undefined) throw new ModelProblem(`has ${model.outputs.length} outputs (${model.outputs.map(({ name }) => name).join(', ')}); a model that is run here has one`);
  const { name, head } = beforeHead(nodes as readonly GraphNode[], output.name);
  if (input.dtype !== 'float32' && input.dtype !== 'int32') throw new ModelProblem(`takes ${input.dtype}; inputs are numbers here`);
  return {
    facts: { input: (input.shape ?? []).map((length) => (length < 0 ? null : length)), inputDtype: input.dtype, slots: [], dropout: [], otherRandom: [], head },
    async assign(values) {
      model.dispose();
      model = await open(values);
    },
    async run(x) {
      // Control flow can only be run step by step; the rest is quicker at once.
      let y: ReturnType<typeof model.execute>;
      try {
        y = model.execute({ [input.name]: x }, name);
      } catch (error) {
        if (!(error instanceof Error) || !error.message.includes('executeAsync')) throw error;
        y = await model.executeAsync({ [input.name]: x }, name);
      }
      if (Array.isArray(y)) throw new ModelProblem('gave several tensors as its output');
      return y;
    },
  };
}

/** The value that a final softmax or sigmoid is taken of, through any identities, and which it is. */
function beforeHead(nodes: readonly GraphNode[], output: string): { readonly name: string; readonly head: OutputHead } {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  let name = output;
  // A damaged graph may go round in circles.
  const passed = new Set<string>();
  while (!passed.has(name)) {
    passed.add(name);
    const node = byName.get(name.replace(/:0$/, ''));
    const [first] = node?.input ?? [];
    if (node === undefined || first === undefined) break;
    if (node.op === 'Softmax' || node.op === 'Sigmoid') return { name: first, head: node.op === 'Softmax' ? 'softmax' : 'sigmoid' };
    if (node.op !== 'Identity') break;
    name = first;
  }
  return { name: output, head: 'none' };
}
