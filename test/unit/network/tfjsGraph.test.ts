/** TensorFlow.js graph models are told from networks, and say so. */
import path from 'node:path';
import { expect, it } from 'vitest';
import { recognizeSelfDescribed } from '../../../src/network/recognizeNetwork.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { recognizeTfjsGraph } from '../../../src/network/tfjsGraph.ts';

const known = 'a layers model of TensorFlow.js is, or a description in a NAME.network.json';

it('a graph model is told by its first operator that computes something', () => {
  const node = [{ name: 'w', op: 'Const' }, { name: 'x', op: 'Placeholder' }, { name: 'model/dense/MatMul', op: '_FusedMatMul', input: ['x', 'w'] }, { name: 'out', op: 'Softmax' }];
  expect(recognizeTfjsGraph(JSON.stringify({ node }))).toEqual({ kind: 'unrecognised', reason: `operator "_FusedMatMul" at node "model/dense/MatMul" is not supported: graphs of TensorFlow are not read; ${known}` });
  for (const topology of [undefined, '', '[]', '{"node":3}', '{"node":[null,{"op":1}]}']) expect(recognizeTfjsGraph(topology)).toEqual({ kind: 'unrecognised', reason: `graphs of TensorFlow are not read; ${known}` });
});

it('its tensors are there all the same', async () => {
  const file = await openWeightFile(path.join(import.meta.dirname, '../../fixtures/tfjs/graph/model.json'));
  expect((await recognizeSelfDescribed(file))?.recognition.kind).toBe('unrecognised');
  expect(file.tensors.length).toBeGreaterThan(0);
  await file.close();
});
