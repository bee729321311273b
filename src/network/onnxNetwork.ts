/**
 * The network that an ONNX graph computes (operators as `docs/Operators.md` of the ONNX project defines them). The nodes that lead to the one
 * output are walked once in the file's order; each becomes a layer, a number in a shape, or a step of a layer that exporters write out in
 * several nodes. What no layer stands for is named.
 */
import type { OnnxFile } from '../weights/onnx.ts';
import type { OnnxGraph, OnnxNode } from '../weights/onnxGraph.ts';
import { showName } from '../weights/weightFileError.ts';
import { UserError } from '../protocol/userError.ts';
import type { OutputHead } from './network.ts';
import { NetworkBuilder } from './networkBuilder.ts';
import { integer } from './onnxAttributes.ts';
import { OnnxLayers } from './onnxLayers.ts';
import { UnsupportedOperator } from './onnxValues.ts';
import { unrecognised, type Recognition } from './recognition.ts';

/** Never throws for what is in the graph: the reason says what was in the way. */
export async function recognizeOnnx(file: OnnxFile): Promise<Recognition> {
  try {
    return await walk(file);
  } catch (error) {
    if (error instanceof UserError) return unrecognised(error.message);
    throw error;
  }
}

async function walk(file: OnnxFile): Promise<Recognition> {
  const { graph } = file;
  if (graph.outputs.length !== 1) return unrecognised(`its graph has ${graph.outputs.length} outputs, a network here has one`);
  const producers = producersOf(graph);
  const { head, target, through } = headOf(graph.outputs[0]?.name ?? '', producers);
  const needed = leadingTo(target, producers);
  const inputs = graph.inputs.filter(({ name }) => name === target || graph.nodes.some((node) => needed.has(node) && node.inputs.includes(name)));
  const [input, another] = inputs;
  if (input === undefined) return unrecognised('its output depends on no input');
  if (another !== undefined) return unrecognised(`its graph has several inputs, "${showName(input.name)}" and "${showName(another.name)}", a network here has one`);

  const nodes = graph.nodes.filter((node) => needed.has(node));
  const layers = new OnnxLayers(file, new NetworkBuilder(), nodes, target);
  layers.addInput(input);
  for (const node of nodes) {
    if (layers.isDone(node)) continue;
    await layers.add(node);
  }
  const output = layers.node(target, () => unrecognisedTarget(target));
  // Behind its softmax a value is a vector of classes, or the head is another operation.
  if (head === 'softmax' && through !== undefined) {
    const axis = integer(through, 'axis', -1);
    if (output.shape.length !== 1 || (axis !== -1 && axis !== 1)) throw new UnsupportedOperator(through, `along axis ${axis} of [N, ${output.shape.join(', ')}]`);
  }
  return { kind: 'network', network: layers.builder.finish(output.id, head), assumptions: [] };
}

const unrecognisedTarget = (name: string): UserError => new UserError(`its output "${showName(name)}" is not computed from its input`);

function producersOf(graph: OnnxGraph): Map<string, OnnxNode> {
  const producers = new Map<string, OnnxNode>();
  for (const node of graph.nodes) {
    for (const output of node.outputs) {
      if (output === '') continue;
      if (producers.has(output)) throw new UserError(`two nodes of its graph compute "${showName(output)}"`);
      producers.set(output, node);
    }
  }
  return producers;
}

/** What the graph applies last, and the value that it applies it to. */
function headOf(output: string, producers: ReadonlyMap<string, OnnxNode>): { readonly head: OutputHead; readonly target: string; readonly through: OnnxNode | undefined } {
  let target = output;
  for (let steps = 0; steps < 16; steps++) {
    const node = producers.get(target);
    const source = node?.inputs[0];
    if (node === undefined || source === undefined || node.domain !== '') break;
    if (node.operator === 'Identity') target = source;
    else if (node.operator === 'Softmax' || node.operator === 'LogSoftmax') return { head: 'softmax', target: source, through: node };
    else if (node.operator === 'Sigmoid') return { head: 'sigmoid', target: source, through: node };
    else break;
  }
  return { head: 'none', target: output, through: undefined };
}

/** Every node that the value depends on. */
function leadingTo(target: string, producers: ReadonlyMap<string, OnnxNode>): Set<OnnxNode> {
  const needed = new Set<OnnxNode>();
  const open = [target];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = producers.get(name);
    if (node === undefined || needed.has(node)) continue;
    needed.add(node);
    open.push(...node.inputs);
  }
  return needed;
}
