/** A file that is one of several which only together are a model, told by its name as Hugging Face's libraries write it: `model-00002-of-00005.safetensors`. */
import path from 'node:path';

export interface Shard {
  /** From 1. */
  readonly index: number;
  readonly count: number;
  /** Name of the index that lists all shards, beside them. */
  readonly model: string;
}

export function shardOf(file: string): Shard | undefined {
  const match = /^(.*)-(\d{3,})-of-(\d{3,})(\.[a-z\d]+)$/i.exec(path.basename(file));
  if (match === null) return undefined;
  const [, stem = '', index = '', count = '', extension = ''] = match;
  if (Number(index) < 1 || Number(index) > Number(count) || Number(count) < 2) return undefined;
  return { index: Number(index), count: Number(count), model: `${stem}${extension}.index.json` };
}
