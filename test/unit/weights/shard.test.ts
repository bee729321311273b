/** Names of shards, and which model they are of. */
import { expect, it } from 'vitest';
import { shardOf } from '../../../src/weights/shard.ts';

it.each([
  ['/m/model-00002-of-00005.safetensors', { index: 2, count: 5, model: 'model.safetensors.index.json' }],
  ['pytorch_model-00001-of-00003.bin', { index: 1, count: 3, model: 'pytorch_model.bin.index.json' }],
  ['model-00001-of-00001.safetensors', undefined],
  ['model-00006-of-00005.safetensors', undefined],
  ['model-00000-of-00005.safetensors', undefined],
  ['epoch-1-of-5.safetensors', undefined],
  ['model.safetensors', undefined],
])('%s', (file, shard) => {
  expect(shardOf(file)).toEqual(shard);
});
