/**
 * The graph of a TensorFlow.js graph model (`GraphDef` as JSON, `modelTopology` of its `model.json`): not read as a network, but told by the first
 * of its operators that would have to be.
 */
import { showName } from '../weights/weightFileError.ts';
import { unrecognised, type Recognition } from './recognition.ts';

/** Values and names, which compute nothing. */
const inert = ['Const', 'Placeholder', 'Identity', 'NoOp'];

export function recognizeTfjsGraph(topology: string | undefined): Recognition {
  const operator = firstOperator(topology);
  const what = operator === undefined ? 'graphs of TensorFlow are not read' : `operator "${showName(operator.op)}" at node "${showName(operator.name)}" is not supported: graphs of TensorFlow are not read`;
  return unrecognised(`${what}; a layers model of TensorFlow.js is, or a description in a NAME.network.json`);
}

function firstOperator(topology: string | undefined): { readonly op: string; readonly name: string } | undefined {
  let graph: unknown;
  try {
    graph = JSON.parse(topology ?? '');
  } catch {
    return undefined;
  }
  if (typeof graph !== 'object' || graph === null || !('node' in graph) || !Array.isArray(graph.node)) return undefined;
  for (const node of graph.node as readonly unknown[]) {
    if (typeof node !== 'object' || node === null || !('op' in node) || !('name' in node)) continue;
    const { op, name } = node;
    if (typeof op === 'string' && typeof name === 'string' && !inert.includes(op)) return { op, name };
  }
  return undefined;
}
