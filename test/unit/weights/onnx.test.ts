/** ONNX: models of the `onnx` package and of PyTorch's exporter against the values that `onnx` reads from them; bad models; fuzzing. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Random } from '../../../src/linalg/random.ts';
import { memoryByteSource, openByteSource } from '../../../src/weights/byteSource.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { openOnnx } from '../../../src/weights/onnx.ts';
import { badFiles, bytes, deep, graph, integer, model, sound, tensor } from '../../fixtures/makeBadOnnx.ts';
import { describeBadFiles } from './committedBad.ts';
import { describeFixture } from './expectedTensors.ts';
import { mutate, pick } from './mutations.ts';
import { INPUTS, survive } from './survival.ts';

const fixtures = join(import.meta.dirname, '../../fixtures');
const names = ['raw', 'typed', 'external', 'external-each', 'graph', 'torch-mlp'];
const temporary = mkdtempSync(join(tmpdir(), 'quotient-onnx-'));
afterAll(() => {
  rmSync(temporary, { recursive: true });
});

for (const name of names) describeFixture(join(fixtures, 'onnx', `${name}.onnx`), join(fixtures, 'onnx', `${name}.json`), /holds complex numbers|packed/);

describe('the graph', () => {
  it('is plain data: the layers of a PyTorch export in order, with operators, inputs, outputs and attributes', async () => {
    const file = await openOnnx(await openByteSource(join(fixtures, 'onnx/torch-mlp.onnx')));
    const { nodes, inputs, outputs } = file.graph;
    expect(nodes.map(({ operator }) => operator)).toEqual(['Gemm', 'Relu', 'Flatten', 'Gemm', 'LogSoftmax']);
    expect(nodes[0]?.inputs).toEqual(['x', '0.weight', '0.bias']);
    expect(nodes[0]?.attributes.get('transB')).toEqual({ kind: 'int', value: 1 });
    expect(nodes.slice(1).every(({ inputs: [first] }, k) => first === nodes[k]?.outputs[0])).toBe(true);
    expect(inputs).toEqual([{ name: 'x', dtype: 'F32', shape: ['batch', 3] }]);
    expect(outputs.map(({ name }) => name)).toEqual(['y']);
    expect(file.metadata['producer_name']).toBe('pytorch');
    await file.close();
  });

  it('is not entered within attributes, so that no nesting is too deep', async () => {
    const file = await openOnnx(memoryByteSource('deep.onnx', deep));
    expect(file.warnings).toEqual(['Tensors within 1 subgraphs (branches of If, bodies of Loop) are not listed.']);
    expect(file.graph.nodes).toHaveLength(1);
    await file.close();
  });
});

describe.runIf(process.platform !== 'win32')('external data behind symbolic links', () => {
  it('may lie in the folder tree of the model, not outside', async () => {
    const inside = join(temporary, 'model');
    mkdirSync(inside);
    writeFileSync(join(temporary, 'outside.bin'), new Uint8Array(8));
    symlinkSync('../outside.bin', join(inside, 'missing.bin'));
    const path = join(inside, 'm.onnx');
    writeFileSync(path, badFiles['missing.onnx'] ?? '');
    await expect(openWeightFile(path)).rejects.toThrow(`${path}: external data "missing.bin": is a symbolic link that leads out of the folder of the model`);
  });
});

describeBadFiles('onnx', badFiles, {
  'parent.onnx': 'tensor "a": its external data "../w.bin" leads out of the folder of the model',
  'parentWithin.onnx': 'tensor "a": its external data "a/../../w.bin" leads out of the folder of the model',
  'absolute.onnx': 'tensor "a": its external data "/etc/passwd" is an absolute path; external data lie in the folder of the model',
  'drive.onnx': 'tensor "a": its external data "C:/w.bin" is an absolute path; external data lie in the folder of the model',
  'share.onnx': String.raw`tensor "a": its external data "\\server\share\w.bin" is an absolute path; external data lie in the folder of the model`,
  'url.onnx': 'tensor "a": its external data "https://example.org/w.bin" is a URL; external data lie in the folder of the model',
  'nul.onnx': String.raw`tensor "a": its external data "w.bin\u{0}" is not a file name`,
  'missing.onnx': 'external data "missing.bin": there is no such file',
  'noLocation.onnx': 'tensor "a": its external data has no location',
  'shortData.onnx': 'tensor "a": its 8 bytes begin at byte 8 of "w.bin", which has 12; it is truncated, or another file',
  'hugeOffset.onnx': 'tensor "a": the offset of its external data, "99999999999999999999", is not a whole number',
  'negativeOffset.onnx': 'tensor "a": the offset of its external data, "-8", is not a whole number',
  'wrongLength.onnx': 'tensor "a": takes 8 bytes, but the length of its external data is 4',
  'rawTooShort.onnx': 'tensor "a": its shape [3] of F32 takes 12 bytes, but raw_data has 8',
  'rawTooLong.onnx': 'tensor "a": its shape [1] of F32 takes 4 bytes, but raw_data has 8',
  'hugeShape.onnx': 'tensor "a": its shape [1099511627776] of F32 takes 4398046511104 bytes, but raw_data has 8',
  'shapeOverflow.onnx': 'tensor "a": its shape [4294967296, 4294967296] has more than 2^53 bytes',
  'negativeAxis.onnx': 'tensor "a": has an axis of length -2',
  'manyAxes.onnx': 'byte 14: a tensor has more than 64 dimensions',
  'unknownType.onnx': 'tensor "a": its element type 99 is unknown',
  'twice.onnx': 'tensor "a": is there twice',
  'hostileName.onnx': String.raw`tensor "<b>\u{202e}gnp\u{0}</b>": its shape [3] of F32 takes 12 bytes, but raw_data has 8`,
  'notUtf8.onnx': 'byte 21: field 8 of a tensor is a text, but not valid UTF-8',
  'overlongVarint.onnx': 'byte 1: the model holds a number of more than 64 bits',
  'wrongWire.onnx': 'byte 0: field 7 of the model has the wrong wire type (varint)',
  'unknownWire.onnx': 'byte 0: field 1 of the model has wire type 7, which is not in use',
  'fieldZero.onnx': 'byte 0: the model has a field of number 0, which no field can have',
  'pastTheEnd.onnx': 'byte 2: field 7 of the model is to have 1000 bytes, but 22 are left',
  'pastTheMessage.onnx': 'byte 10: field 5 of the graph is to have 1000 bytes, but 17 are left',
  'hugeLength.onnx': 'byte 2: field 7 of the model is to have 9223372036854775808 bytes, but 22 are left',
  'twoGraphs.onnx': 'byte 32: the model has a second graph',
  'noGraph.onnx': 'has no graph, so it is not an ONNX model',
  'truncated.onnx': 'byte 8: field 7 of the model is to have 22 bytes, but 14 are left',
}, ['w.bin']);

function randomModel(random: Random): Uint8Array {
  const rare = <T>(right: T, ...wrong: readonly T[]): T => (random.below(30) === 0 ? pick(random, wrong) : right);
  const one = (i: number): Buffer => {
    const shape = Array.from({ length: random.below(3) }, () => rare(1 + random.below(3), 0, -1, 2 ** 31, 2 ** 52));
    const elements = Math.max(0, Math.min(100, shape.reduce((product, length) => product * length, 1)));
    const content = pick(random, [bytes(9, Buffer.alloc(rare(4 * elements, 4 * elements + 1, 0))), bytes(4, Buffer.alloc(4 * elements)), bytes(5, Buffer.alloc(elements, 1)), Buffer.alloc(0)]);
    return tensor(...shape.map((length) => integer(1, length)), integer(2, rare(1, 0, 2, 6, 7, 8, 10, 16, 22, 99)), bytes(8, rare(`t${i}`, 'same', '', '__proto__')), content);
  };
  return model(graph(...Array.from({ length: random.below(4) }, (_, i) => one(i))));
}

describe('fuzzing', () => {
  const path = join(fixtures, 'bad/onnx/fuzz.onnx');
  const files = [model(graph(sound)), deep, ...Object.entries(badFiles).filter(([name]) => name.endsWith('.onnx')).map(([, content]) => content), ...names.map((name) => readFileSync(join(fixtures, 'onnx', `${name}.onnx`)))];
  it(`survives ${INPUTS} inputs`, async () => {
    await survive(Math.ceil(INPUTS / 2), randomModel, openOnnx, path);
    await survive(Math.ceil(INPUTS / 2), (random) => mutate(random, pick(random, files), files), openOnnx, path, INPUTS / 1000);
  }, 0);
});
