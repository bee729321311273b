import { describe, expect, it } from 'vitest';
import { readDescription, writeDescription } from '../../../src/network/description.ts';
import { WeightFileError } from '../../../src/weights/weightFileError.ts';

const tensors = [
  { name: '0.weight', shape: [3, 2] },
  { name: '0.bias', shape: [3] },
  { name: '2.weight', shape: [1, 3] },
  { name: '2.bias', shape: [1] },
  { name: 'kernel', shape: [2, 3] },
  { name: 'short', shape: [2] },
];
const read = (description: unknown) => readDescription(typeof description === 'string' ? description : JSON.stringify(description), 'm.network.json', tensors);

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
    const chain = read({ input: [2], layers: [{ dense: '0', activation: 'relu' }, { dense: '2' }] });
    expect(chain).toMatchObject({ inputs: 2, outputs: 1, parameters: 13 });
    expect(chain.layers.map(({ name, activation, weight, bias }) => [name, activation.name, weight.offset, bias?.offset])).toEqual([['0', 'relu', 0, 6], ['2', 'linear', 9, 12]]);
  });

  it('reads explicit tensors stored in × out, and activations and dropout as entries of their own', () => {
    const chain = read({ layers: [{ weight: 'kernel', bias: '0.bias', order: 'in-out' }, { activation: 'tanh' }, { dropout: 0.5 }, { dense: '2' }] });
    expect(chain).toMatchObject({ inputs: 2, outputs: 1 });
    expect(chain.layers[0]).toMatchObject({ name: 'kernel', outputs: 3, weight: { transposed: true }, activation: { name: 'tanh' } });
  });

  it('writes the description that it reads', () => {
    const chain = read({ layers: [{ weight: 'kernel', bias: '0.bias', order: 'in-out', activation: 'leaky_relu:0.2' }, { dense: '2' }] });
    const again = read(writeDescription(chain));
    const plain = ({ layers }: typeof chain) => layers.map(({ inputs, outputs, weight, bias, activation }) => ({ inputs, outputs, weight, bias, activation: activation.name }));
    expect(plain(again)).toEqual(plain(chain));
  });

  it('takes a layer without bias', () => {
    expect(read({ layers: [{ weight: '0.weight' }] }).parameters).toBe(6);
  });

  it.each([
    ['{', /^m\.network\.json: is not JSON \(/],
    ['[]', 'm.network.json: expected a JSON object'],
    [{}, 'm.network.json: layers: expected a list with at least one layer'],
    [{ layers: [] }, 'm.network.json: layers: expected a list with at least one layer'],
    [{ layers: [{ dropout: 0.1 }] }, 'm.network.json: layers: expected at least one dense layer'],
    [{ layers: ['0'] }, 'm.network.json: layers[0]: expected a JSON object'],
    [{ layers: [{}] }, 'm.network.json: layers[0]: is empty; expected a layer such as {"dense": "0"}'],
    [{ layers: [{ dense: '1' }] }, 'm.network.json: layers[0]: there is no tensor "1.weight" in the weight file'],
    [{ layers: [{ dense: '0' }, { dense: '0' }] }, 'm.network.json: layers[1]: tensor "0.weight" is already used by layers[0]'],
    [{ layers: [{ dense: '2' }, { dense: '0' }] }, 'm.network.json: layers[1]: takes 2 inputs, what comes before it gives 1'],
    [{ input: [5], layers: [{ dense: '0' }] }, 'm.network.json: layers[0]: takes 2 inputs, what comes before it gives 5'],
    [{ input: [28, 28], layers: [{ dense: '0' }] }, 'm.network.json: input: expected a list with one positive whole number, the input width of the first dense layer, such as [2]'],
    [{ layers: [{ weight: 'short' }] }, 'm.network.json: layers[0]: tensor "short" should have 2 axes, its shape is [2]'],
    [{ layers: [{ weight: '0.weight', bias: 'short' }] }, 'm.network.json: layers[0]: bias "short" has length 2, the layer has 3 outputs'],
    [{ layers: [{ weight: '0.weight', order: 'row' }] }, 'm.network.json: layers[0]: "order" should be "out-in" or "in-out", it is "row"'],
    [{ layers: [{ dense: '0', activation: 'swish' }] }, /^m\.network\.json: layers\[0\]: unknown activation "swish"; expected one of relu, /],
    [{ layers: [{ dense: '0', activation: 3 }] }, 'm.network.json: layers[0]: "activation" should be a string such as "relu"'],
    [{ layers: [{ activation: 'relu' }] }, 'm.network.json: layers[0]: an activation needs a dense layer before it'],
    [{ layers: [{ dense: '0', activation: 'relu' }, { activation: 'tanh' }] }, 'm.network.json: layers[1]: the layer before it has an activation already'],
    [{ layers: [{ conv2d: '0' }] }, 'm.network.json: layers[0]: "conv2d" layers are not supported; expected "dense", "activation" or "dropout"'],
    [{ layers: [{ dense: '0', units: 3 }] }, 'm.network.json: layers[0]: unknown key "units"; expected dense, weight, bias, order, activation'],
    [{ layers: [{ dense: 0 }] }, 'm.network.json: layers[0]: "dense" should be a string'],
    [{ layers: [{ dense: 'a\u202eb' }] }, 'm.network.json: layers[0]: there is no tensor "a\\u{202e}b.weight" in the weight file'],
  ])('says what is wrong with %j', (description, message) => {
    const said = complaint(() => read(description));
    if (typeof message === 'string') expect(said).toBe(message);
    else expect(said).toMatch(message);
  });
});
