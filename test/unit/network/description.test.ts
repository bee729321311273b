/** Network descriptions: how they are read, what is refused, and that what is written is read back. */
import { readFileSync } from 'node:fs';
import Ajv from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { readDescription } from '../../../src/network/description.ts';
import { blocksOf } from '../../../src/network/network.ts';
import { writeDescription } from '../../../src/network/writeDescription.ts';
import { WeightFileError } from '../../../src/weights/weightFileError.ts';
import { plain, randomGraph, tensorsOf } from './randomNetworks.ts';

const tensors = [
  { name: '0.weight', shape: [3, 2] },
  { name: '0.bias', shape: [3] },
  { name: '2.weight', shape: [1, 3] },
  { name: '2.bias', shape: [1] },
  { name: 'kernel', shape: [2, 3] },
  { name: 'square.weight', shape: [3, 3] },
  { name: 'square.bias', shape: [3] },
  { name: 'short', shape: [2] },
  { name: 'conv.weight', shape: [4, 3, 3, 3] },
  { name: 'conv.bias', shape: [4] },
  { name: 'bn.weight', shape: [4] },
  { name: 'bn.bias', shape: [4] },
  { name: 'bn.running_mean', shape: [4] },
  { name: 'bn.running_var', shape: [4] },
  { name: 'fc.weight', shape: [5, 4] },
  { name: 'keras.kernel', shape: [3, 3, 3, 4] },
];
const read = (description: unknown) => readDescription(typeof description === 'string' ? description : JSON.stringify(description), 'm.network.json', tensors);
const schema = new Ajv().compile(JSON.parse(readFileSync(new URL('../../../media/network.schema.json', import.meta.url), 'utf8')) as object);

/** The whole message, so that a string below must be all of it. */
function complaint(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof WeightFileError) return error.message;
    throw error;
  }
  return 'nothing was wrong';
}

describe('network descriptions', () => {
  it('reads prefixes, activations and the layout of θ', () => {
    const network = read({ input: [2], layers: [{ dense: '0', activation: 'relu' }, { dense: '2' }] });
    expect(network).toMatchObject({ inputs: 2, outputs: 1, parameters: 13 });
    expect(network.nodes.map((node) => [node.name, node.op, ...blocksOf(node).map(({ offset }) => offset)])).toEqual([['input', 'input'], ['0', 'dense', 0, 6], ['0 relu', 'activation'], ['2', 'dense', 9, 12]]);
  });

  it('reads explicit tensors stored in × out, and activations and dropout as entries of their own', () => {
    const network = read({ layers: [{ weight: 'kernel', bias: '0.bias', order: 'in-out' }, { activation: 'tanh' }, { dropout: 0.5 }, { dense: '2' }] });
    expect(network).toMatchObject({ inputs: 2, outputs: 1 });
    expect(network.nodes[1]).toMatchObject({ name: 'kernel', shape: [3], weight: { fileAxes: [1, 0], shape: [3, 2] } });
  });

  it('reads images, residual sums and forward references', () => {
    const network = read({
      input: [3, 8, 8],
      order: 'channel-last',
      head: 'softmax',
      layers: [
        { conv2d: 'conv', stride: 2, padding: 'same' },
        { batchnorm: 'bn', eps: 1e-3, activation: 'relu' },
        { dense: 'last', weight: 'fc.weight', inputs: 'averaged' },
        { globalavgpool: true, id: 'averaged', inputs: ['bn'] },
        { add: ['last', 'last'] },
      ],
    });
    expect(network).toMatchObject({ inputs: 192, outputs: 5, head: 'softmax', parameters: 4 * 27 + 4 + 8 + 20, stateSize: 4 * 27 + 4 + 8 + 20 + 8 });
    expect(network.nodes.map(({ op, shape }) => [op, ...shape])).toEqual([['input', 3, 8, 8], ['conv', 4, 4, 4], ['batchnorm', 4, 4, 4], ['activation', 4, 4, 4], ['globalavgpool', 4], ['dense', 5], ['add', 5]]);
    // Of one zero that "same" needs, TensorFlow puts it behind.
    expect(network.nodes[1]).toMatchObject({ stride: [2, 2], padding: [[0, 1], [0, 1]] });
  });

  it('takes a layer without bias, and a kernel in Keras’ order', () => {
    expect(read({ layers: [{ weight: '0.weight' }] }).parameters).toBe(6);
    const network = read({ input: [3, 4, 4], layers: [{ conv2d: 'c', weight: 'keras.kernel', order: 'in-out' }] });
    expect(network.nodes[1]).toMatchObject({ weight: { shape: [4, 3, 3, 3], fileAxes: [2, 3, 1, 0] }, shape: [4, 2, 2] });
  });

  it('shares weights where the description says so', () => {
    expect(read({ layers: [{ dense: 'square' }, { dense: 'square', tied: true }] }).parameters).toBe(12);
  });

  it('writes the description from which the same network is read, and which the schema allows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (seed) => {
        const network = randomGraph(seed);
        const written = writeDescription(network);
        expect(plain(readDescription(written, 'm.network.json', tensorsOf(network)))).toEqual(plain(network));
        expect([schema(JSON.parse(written)), schema.errors, written]).toEqual([true, null, written]);
      }),
      { numRuns: 400 },
    );
  });

  it.each([
    ['{', /^m\.network\.json: is not JSON \(/],
    ['[]', 'm.network.json: expected a JSON object'],
    [{}, 'm.network.json: layers: expected a list with at least one layer'],
    [{ layers: [] }, 'm.network.json: layers: expected a list with at least one layer'],
    [{ layers: [{ dropout: 0.1 }] }, 'm.network.json: input: expected the shape of one input, channels first, such as [3, 32, 32]'],
    [{ layers: ['0'] }, 'm.network.json: layers[0]: expected a JSON object'],
    [{ layers: [{}] }, 'm.network.json: layers[0]: is empty; expected a layer such as {"dense": "0"}'],
    [{ layers: [{ dense: '1' }] }, 'm.network.json: layers[0]: there is no tensor "1.weight" in the weight file'],
    [{ layers: [{ dense: 'square' }, { dense: 'square' }] }, 'm.network.json: layers[1]: tensor "square.weight" is already used by layers[0]; say "tied": true where layers share their weights'],
    [{ layers: [{ dense: '2' }, { dense: '0' }] }, 'm.network.json: layers[1]: takes 2 inputs, what comes before it gives 1'],
    [{ input: [5], layers: [{ dense: '0' }] }, 'm.network.json: layers[0]: takes 2 inputs, what comes before it gives 5'],
    [{ input: [28, 28], layers: [{ dense: '0' }] }, 'm.network.json: layers[0]: a dense layer takes a vector, what comes before it gives [28, 28]; flatten it first'],
    [{ input: [0], layers: [{ dense: '0' }] }, 'm.network.json: input: expected a list of positive whole numbers, the shape of one input: [width], or channels first [3, 32, 32]'],
    [{ layers: [{ weight: 'short' }] }, 'm.network.json: layers[0]: tensor "short" should have 2 axes, its shape is [2]'],
    [{ layers: [{ weight: '0.weight', bias: 'short' }] }, 'm.network.json: layers[0]: bias "short" has length 2, the layer has 3 outputs'],
    [{ layers: [{ weight: '0.weight', order: 'row' }] }, 'm.network.json: layers[0]: "order" should be "out-in" or "in-out", it is "row"'],
    [{ layers: [{ weight: '0.weight', axes: [1, 1] }] }, 'm.network.json: layers[0]: "axes" should hold each of 0 … 1 once'],
    [{ layers: [{ dense: '0', activation: 'swish' }] }, /^m\.network\.json: layers\[0\]: unknown activation "swish"; expected one of relu, /],
    [{ layers: [{ dense: '0', activation: 3 }] }, 'm.network.json: layers[0]: "activation" should be a string such as "relu"'],
    [{ layers: [{ lstm: '0' }] }, /^m\.network\.json: layers\[0\]: "lstm" layers are not supported; expected one of dense, conv1d, conv2d, /],
    [{ layers: [{ dense: '0', units: 3 }] }, 'm.network.json: layers[0]: unknown key "units"; expected dense, weight, bias, order, axes, tied, activation, id, inputs'],
    [{ layers: [{ dense: 0 }] }, 'm.network.json: layers[0]: "dense" should be a string'],
    [{ layers: [{ dense: 'a\u202eb' }] }, 'm.network.json: layers[0]: there is no tensor "a\\u{202e}b.weight" in the weight file'],
    [{ layers: [{ conv2d: 'conv' }] }, 'm.network.json: input: expected the shape of one input, channels first, such as [3, 32, 32]'],
    [{ input: [2, 8, 8], layers: [{ conv2d: 'conv' }] }, 'm.network.json: layers[0]: takes 3 channels, what comes before it gives 2'],
    [{ input: [3, 8], layers: [{ conv2d: 'conv' }] }, 'm.network.json: layers[0]: its kernel has 2 axes, what comes before it has 1'],
    [{ input: [3, 8], layers: [{ conv1d: 'conv' }] }, 'm.network.json: layers[0]: tensor "conv.weight" should have 3 axes, its shape is [4, 3, 3, 3]'],
    [{ input: [3, 8, 8], layers: [{ conv2d: 'conv', stride: 0 }] }, 'm.network.json: layers[0]: "stride" should be a whole number from 1 on, or a list of 2 of them'],
    [{ input: [3, 8, 8], layers: [{ conv2d: 'conv', padding: 'valid' }] }, 'm.network.json: layers[0]: "padding" should be a whole number, a list of 2 of them, a list of 2 pairs [before, after], or "same"'],
    [{ input: [3, 8, 8], layers: [{ conv2d: 'conv', groups: 2.5 }] }, 'm.network.json: layers[0]: "groups" should be a positive whole number'],
    [{ input: [3], layers: [{ batchnorm: 'bn' }] }, 'm.network.json: layers[0]: scale "bn.weight" has length 4, the layer has 3 outputs'],
    [{ input: [3], layers: [{ batchnorm: 'square' }] }, 'm.network.json: layers[0]: there is no tensor "square.running_mean" in the weight file'],
    [{ input: [3], layers: [{ batchnorm: 'b', mean: 'bn.running_mean' }] }, 'm.network.json: layers[0]: "variance" should name the tensor of running variances'],
    [{ input: [3], layers: [{ layernorm: 'short' }] }, 'm.network.json: layers[0]: there is no tensor "short.weight" in the weight file'],
    [{ input: [2], layers: [{ layernorm: 'n', scale: '0.bias' }] }, 'm.network.json: layers[0]: its scale has 3 entries, it normalises 2'],
    [{ input: [3, 8, 8], layers: [{ maxpool: 9 }] }, 'm.network.json: layers[0]: its window of 9 does not fit into 8 positions'],
    [{ layers: [{ dense: '0', id: 'a' }, { dense: '2', id: 'a' }] }, 'm.network.json: layers[1]: the id "a" is already that of layers[0]'],
    [{ layers: [{ dense: '0', id: 'input' }] }, 'm.network.json: layers[0]: the id "input" is already that of the input'],
    [{ layers: [{ dense: '0' }, { dense: '2', inputs: ['x'] }] }, 'm.network.json: layers[1]: no layer has the id "x"'],
    [{ layers: [{ dense: '0' }, { activation: 'relu', inputs: ['0', '0'] }] }, 'm.network.json: layers[1]: takes one input, "inputs" names 2'],
    [{ layers: [{ dense: '0' }, { add: ['0', 'input'] }] }, 'm.network.json: layers[1]: adds values of different shapes, [3] and [2]'],
    [{ layers: [{ dense: '0' }, { add: 3 }] }, 'm.network.json: layers[1]: "add" should be a list of names'],
    [{ layers: [{ dense: '0' }, { add: true }] }, 'm.network.json: layers[1]: "add" should be a list of the ids of its inputs'],
    [{ input: [3], layers: [{ dense: 'square', inputs: ['b'] }, { activation: 'relu', id: 'b' }] }, 'm.network.json: layers[1]: takes its own value: a cycle through layers[0], layers[1]'],
    [{ input: [2], layers: [{ dense: '0' }, { dense: '2' }, { dense: 'last', weight: 'kernel', order: 'in-out', inputs: 'input' }] }, 'm.network.json: layers[0]: does not lead to the output, which is the last layer'],
  ])('says what is wrong with %j', (description, message) => {
    const said = complaint(() => read(description));
    if (typeof message === 'string') expect(said).toBe(message);
    else expect(said).toMatch(message);
  });

  it('never ends in anything but a network or a complaint, whatever is changed in it', () => {
    const random = seededRandom(5);
    const pick = <T>(list: readonly T[]): T => list[random.below(list.length)]!;
    const odd = (): unknown => pick<unknown>([null, true, false, 0, 1, 2, -1, 2.5, 1e300, 2 ** 53, '', 'input', 'same', 'layer1', '__proto__', [], {}, [1], [1, 2], [[0, 1], [1, 0]], ['input', 'input'], 'relu']);
    let read = 0;
    for (let run = 0; run < 3000; run++) {
      const network = randomGraph(run);
      const description = JSON.parse(writeDescription(network)) as { layers: Record<string, unknown>[] } & Record<string, unknown>;
      for (let changes = random.below(3); changes >= 0; changes--) {
        const entry = random.below(6) === 0 ? description : pick(description.layers);
        if (typeof entry !== 'object') continue;
        const key = random.below(4) === 0 ? pick(['inputs', 'id', 'stride', 'padding', 'groups', 'axes', 'order', 'tied', 'eps', 'over', 'conv2d', 'maxpool', 'add', 'weight']) : pick(Object.keys(entry));
        if (random.below(3) === 0) Reflect.deleteProperty(entry, key);
        else entry[key] = odd();
        if (!Array.isArray(description.layers) || description.layers.length === 0) break;
      }
      try {
        readDescription(JSON.stringify(description), 'm.network.json', tensorsOf(network));
        read++;
      } catch (error) {
        expect(error).toBeInstanceOf(WeightFileError);
      }
    }
    expect(read).toBeGreaterThan(100);
  });

  it('reads and refuses chains of twenty thousand layers without ado', () => {
    const layers = Array.from({ length: 20_000 }, (_, index) => ({ activation: 'relu', id: `r${index}`, inputs: [index === 19_999 ? 'input' : `r${index + 1}`] }));
    expect(complaint(() => read({ input: [2], layers }))).toBe('m.network.json: layers[0]: does not lead to the output, which is the last layer');
    expect(read({ input: [2], layers: layers.map((layer, index) => (index === 0 ? { ...layer, inputs: ['input'] } : { ...layer, inputs: [`r${index - 1}`] })) }).nodes.length).toBe(20_001);
  });
});
