/**
 * Writes safetensors files (https://huggingface.co/docs/safetensors/index, "Format"). The same tensors give the same bytes: they
 * lie in the order given, metadata is sorted by key, and the header is padded with spaces so that the data begins at a multiple
 * of 8 bytes. The file appears whole or not at all.
 */
import { UserError } from '../protocol/userError.ts';
import { writeAtomically, type AtomicWriteOptions } from './atomicWrite.ts';
import { bytesPerElement, type Dtype } from './dtype.ts';
import { MAX_HEADER_BYTES } from './safetensors.ts';
import { showName } from './weightFileError.ts';

export interface TensorToWrite {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Little-endian, row-major; as `encodeElements` makes them. */
  readonly bytes: Uint8Array;
}

const BATCH_BYTES = 4 * 1024 * 1024;

/**
 * @throws UserError when the file exists and may not be replaced, cannot be written, or the format cannot hold a tensor
 * @throws RangeError when a tensor's bytes do not have the length that its dtype and shape ask for
 */
export async function writeSafetensors(
  path: string, tensors: Iterable<TensorToWrite>, metadata: Readonly<Record<string, string>>, options: AtomicWriteOptions,
): Promise<void> {
  const all = [...tensors];
  const header = encodeHeader(path, all, metadata);
  await writeAtomically(path, options, async (handle) => {
    let batch: Uint8Array[] = [];
    let waiting = 0;
    for (const bytes of [header, ...all.map((tensor) => tensor.bytes)]) {
      batch.push(bytes);
      waiting += bytes.length;
      if (waiting < BATCH_BYTES) continue;
      await handle.writeFile(batch.length === 1 ? bytes : Buffer.concat(batch));
      options.signal?.throwIfAborted();
      batch = [];
      waiting = 0;
    }
    await handle.writeFile(Buffer.concat(batch));
  });
}

/** Length, JSON and padding. */
function encodeHeader(path: string, tensors: readonly TensorToWrite[], metadata: Readonly<Record<string, string>>): Uint8Array {
  // Put together by hand: a JavaScript object would move names such as "0" to its front.
  const members: string[] = [];
  const names = new Set<string>();
  const keys = Object.keys(metadata).sort();
  if (keys.length > 0) members.push(`"__metadata__":{${keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`).join(',')}}`);
  let begin = 0;
  for (const { name, dtype, shape, bytes } of tensors) {
    const refuse = (problem: string): never => { throw new UserError(`${showName(path)}: tensor "${showName(name)}": ${problem}`); };
    if (name === '__metadata__') refuse('safetensors keeps this name for itself');
    if (!name.isWellFormed()) refuse('its name is not valid Unicode, which safetensors asks for');
    if (names.has(name)) refuse('there are two of that name');
    if (dtype === 'C128') refuse('safetensors has no dtype C128');
    names.add(name);
    const expected = shape.reduce((product, length) => product * length, bytesPerElement[dtype]);
    if (bytes.length !== expected) throw new RangeError(`tensor "${name}": ${bytes.length} bytes, but ${dtype} [${shape.join(', ')}] takes ${expected}`);
    members.push(`${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape.join(',')}],"data_offsets":[${begin},${begin + expected}]}`);
    begin += expected;
  }
  const json = Buffer.from(`{${members.join(',')}}`);
  const length = Math.ceil(json.length / 8) * 8;
  if (length > MAX_HEADER_BYTES) throw new UserError(`${showName(path)}: the header would take ${length} bytes; safetensors allows ${MAX_HEADER_BYTES}`);
  const header = Buffer.alloc(8 + length, ' ');
  header.writeBigUInt64LE(BigInt(length), 0);
  header.set(json, 8);
  return header;
}
