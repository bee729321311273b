/**
 * A model in several safetensors files ("shards"), listed by `*.safetensors.index.json`: `{"metadata": {…}, "weight_map": {tensor: shard}}`,
 * as Hugging Face's libraries write it. Shards are shown as one weight file. A shard is opened only when it really lies in
 * the index's own folder tree, wherever its name and the symbolic links on the way may point.
 */
import { isUtf8 } from 'node:buffer';
import type { ByteSource } from './byteSource.ts';
import { errorWithin, openNamed, problemOfName } from './folderTree.ts';
import { JsonScanner } from './jsonScanner.ts';
import { openSafetensors } from './safetensors.ts';
import type { PlainElements, TensorInfo, WeightFile } from './weightFile.ts';
import { showName, WeightFileError } from './weightFileError.ts';
import { formatCountOf } from '../protocol/format.ts';

// A million entries take about 100 MB.
const MAX_INDEX_BYTES = 256_000_000;
const OWNER = 'the index';

/**
 * Reads the index and the header of every shard. The index itself is closed when this returns.
 * @throws WeightFileError that names the entry or the shard
 */
export async function openSafetensorsIndex(source: ByteSource): Promise<WeightFile> {
  const { path, size } = source;
  if (size > MAX_INDEX_BYTES) throw new WeightFileError(path, '', `is ${size} bytes long; an index of shards has at most ${MAX_INDEX_BYTES}`);
  const index = parseIndex(path, await source.read(0, size));
  const shards = new Map<string, WeightFile>();
  try {
    for (const name of index.shards) shards.set(name, await openShard(path, name));
    const sharded = new ShardedFile(path, index, shards);
    await source.close();
    return sharded;
  } catch (error) {
    for (const shard of shards.values()) await shard.close();
    throw error;
  }
}

class ShardedFile implements WeightFile {
  readonly path: string;
  readonly format: string;
  readonly fileBytes: number;
  readonly tensors: readonly TensorInfo[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  readonly #shards: ReadonlyMap<string, WeightFile>;
  readonly #weightMap: ReadonlyMap<string, string>;

  constructor(path: string, { weightMap, metadata }: Index, shards: ReadonlyMap<string, WeightFile>) {
    const files = [...shards.values()];
    this.path = path;
    this.format = `safetensors, ${formatCountOf(files.length, 'shard')}`;
    this.fileBytes = files.reduce((sum, shard) => sum + shard.fileBytes, 0);
    this.metadata = mergedMetadata([...files.map((shard) => shard.metadata), metadata]);
    this.#shards = shards;
    this.#weightMap = weightMap;
    this.tensors = Array.from(weightMap, ([name, shardName]) => {
      const tensor = shards.get(shardName)?.tensor(name);
      if (tensor === undefined) throw new WeightFileError(path, `weight_map "${showName(name)}"`, `shard "${showName(shardName)}" does not hold that tensor`);
      return tensor;
    });
    const unlisted = files.reduce((sum, shard) => sum + shard.tensors.length, 0) - this.tensors.length;
    this.warnings = unlisted > 0 ? [`The shards hold ${unlisted} tensors that the index does not list; they are left out.`] : [];
  }

  tensor(name: string): TensorInfo | undefined {
    return this.#shardOf(name)?.tensor(name);
  }

  async read(name: string, start?: number, end?: number): Promise<Float64Array> {
    const shard = this.#shardOf(name);
    if (shard === undefined) throw new WeightFileError(this.path, `tensor "${showName(name)}"`, 'is not in the index');
    return shard.read(name, start, end);
  }

  plain(name: string): PlainElements | undefined {
    return this.#shardOf(name)?.plain?.(name);
  }

  async close(): Promise<void> {
    for (const shard of this.#shards.values()) await shard.close();
  }

  #shardOf(name: string): WeightFile | undefined {
    const shardName = this.#weightMap.get(name);
    return shardName === undefined ? undefined : this.#shards.get(shardName);
  }
}

interface Index {
  /** Tensor to shard, in file order. */
  readonly weightMap: ReadonlyMap<string, string>;
  readonly shards: ReadonlySet<string>;
  readonly metadata: Readonly<Record<string, string>>;
}

function parseIndex(path: string, bytes: Uint8Array): Index {
  const refuse = (place: string, problem: string): never => { throw new WeightFileError(path, place, problem); };
  if (!isUtf8(bytes)) refuse('', 'is not valid UTF-8');
  const scanner = new JsonScanner(bytes, (position, problem) => refuse(`byte ${position}`, problem));
  // A million entries name a few shards: each name is kept once.
  const shardNames = new Map<string, string>();
  const weightMap = new Map<string, string>();
  const metadata = Object.create(null) as Record<string, string>;
  const seen = new Set<string>();
  scanner.object('index', (section) => {
    if (seen.has(section)) refuse('', `holds "${showName(section)}" twice`);
    seen.add(section);
    if (section === 'weight_map') {
      scanner.object('weight_map', (tensor) => {
        const place = (): string => `weight_map "${showName(tensor)}"`;
        if (weightMap.has(tensor)) refuse(place(), 'is listed twice');
        if (scanner.next() !== 'a string') refuse(place(), `expected a shard's file name, found ${scanner.next()}`);
        const shard = scanner.string('shard');
        if (!shardNames.has(shard)) {
          const problem = problemOfName(shard, 'shards', OWNER) ?? (shard.toLowerCase().endsWith('.safetensors') ? undefined : 'is not a .safetensors file; other shards are not supported yet');
          if (problem !== undefined) refuse(place(), `shard "${showName(shard)}" ${problem}`);
          shardNames.set(shard, shard);
        }
        weightMap.set(tensor, shardNames.get(shard) ?? shard);
      });
    } else if (section === 'metadata' && scanner.next() === 'an object') {
      scanner.object('metadata', (key) => {
        const kind = scanner.next();
        if (kind === 'a string') metadata[key] = scanner.string(key);
        else if (kind === 'a number') metadata[key] = scanner.numberText();
        else scanner.skip();
      });
    } else scanner.skip();
  });
  scanner.end();
  if (!seen.has('weight_map')) refuse('', 'has no weight_map; an index of shards lists its tensors there');
  return { weightMap, shards: new Set(shardNames.keys()), metadata };
}

async function openShard(indexPath: string, name: string): Promise<WeightFile> {
  const place = `shard "${showName(name)}"`;
  const source = await openNamed(indexPath, name, place, OWNER);
  try {
    return await openSafetensors(source);
  } catch (error) {
    await source.close();
    throw error instanceof WeightFileError ? errorWithin(indexPath, place, error) : error;
  }
}

/** Later ones win; what several shards say alike is said once. */
function mergedMetadata(parts: readonly Readonly<Record<string, string>>[]): Readonly<Record<string, string>> {
  const merged = Object.create(null) as Record<string, string>;
  for (const part of parts) for (const [key, value] of Object.entries(part)) merged[key] = value;
  return merged;
}
