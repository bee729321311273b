/** Which tensors of real checkpoints are weights, and their names without wrappings. */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import type { WeightFile } from '../../../src/weights/weightFile.ts';
import { weightTensors, weightsByShortName } from '../../../src/weights/weightTensors.ts';

const fixtures = path.join(import.meta.dirname, '../../fixtures');
const network = ['0.weight', '0.bias', '1.weight', '1.bias', '1.running_mean', '1.running_var', '1.num_batches_tracked', '3.weight', '3.bias'];
const dense = ['0.weight', '0.bias', '2.weight', '2.bias'];

async function shortNames(file: string): Promise<string[]> {
  const opened = await openWeightFile(path.join(fixtures, file));
  try {
    return weightTensors(opened).map(({ shortName }) => shortName);
  } finally {
    await opened.close();
  }
}

/** A file that holds float32 tensors of these names and nothing is read from. */
function fileOf(names: readonly string[]): WeightFile {
  const tensors = names.map((name) => ({ name, dtype: 'F32' as const, shape: [2], elements: 2, bytes: 8 }));
  return {
    path: 'f', format: 'test', fileBytes: 0, tensors, metadata: {}, warnings: [],
    tensor: (name) => tensors.find((tensor) => tensor.name === name), read: (name) => Promise.reject(new Error(name)), close: () => Promise.resolve(),
  };
}

describe('the weights of a file', () => {
  it.each([
    ['pytorch/state-dict.pt', dense],
    // Below "state_dict" and "module", beside an optimiser's state.
    ['pytorch/checkpoint.pt', dense],
    ['pytorchLegacy/checkpoint.pt', network],
    // Stochastic weight averaging: "module." and a counter.
    ['pytorchLegacy/averaged-model.pt', network],
    ['pytorchLegacy/averaged-checkpoint.pt', network],
    ['keras/keras2.h5', ['first/first/kernel:0', 'first/first/bias:0', 'last/last/kernel:0', 'last/last/bias:0']],
    ['keras/lambda.keras', ['layers/dense/vars/0', 'layers/dense/vars/1']],
    ['flax/train-state.msgpack', ['BatchNorm_0.bias', 'BatchNorm_0.scale', 'Dense_0.bias', 'Dense_0.kernel', 'Dense_1.bias', 'Dense_1.kernel']],
    ['hdf5/arviz-netcdf4.nc', dense],
  ])('%s', async (file, names) => {
    expect((await shortNames(file)).sort()).toEqual([...names].sort());
  });

  it.each([
    [['model.embed.weight', 'model.0.weight', 'lm_head.weight'], ['model.embed.weight', 'model.0.weight', 'lm_head.weight']],
    [['model.0.weight', 'model.0.bias'], ['0.weight', '0.bias']],
    [['_orig_mod.module.0.weight'], ['0.weight']],
    [['state_dict.net.0.weight', 'callbacks.best', 'loops.count'], ['0.weight']],
    [['ema.0.weight', 'ema.0.bias'], ['0.weight', '0.bias']],
    [['model.0.weight', 'model_ema.0.weight'], ['0.weight']],
    [['model'], ['model']],
    [['weight', 'bias'], ['weight', 'bias']],
    [[], []],
  ])('%j are called %j', (names, short) => {
    expect(weightTensors(fileOf(names)).map(({ shortName }) => shortName)).toEqual(short);
  });

  it('are read under their short names as under their own', async () => {
    const file = await openWeightFile(path.join(fixtures, 'pytorchLegacy/averaged-model.pt'));
    const short = weightsByShortName(file);
    expect(short.tensor('n_averaged')).toBeUndefined();
    expect(short.tensor('3.weight')).toMatchObject({ name: '3.weight', shape: [2, 4] });
    expect(await short.read('3.weight', 1, 5)).toEqual(await file.read('module.3.weight', 1, 5));
    await short.close();
  });
});
