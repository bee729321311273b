/**
 * Opens a weight file of whatever format: by its first bytes, and by its name where the bytes leave it open. A format that is
 * known but not read yet is named, so that nobody has to guess what the file is.
 */
import { openByteSource, type ByteSource } from './byteSource.ts';
import { openFlax } from './flax.ts';
import { looksLikeGguf, openGguf } from './gguf.ts';
import { openHdf5 } from './hdf5.ts';
import { looksLikeHdf5 } from './hdf5Superblock.ts';
import { openNpy } from './npy.ts';
import { looksLikeNpy } from './npyHeader.ts';
import { openOnnx } from './onnx.ts';
import { looksLikePickle, openLegacyPyTorch } from './pytorchLegacy.ts';
import { MAX_HEADER_BYTES, openSafetensors } from './safetensors.ts';
import { openSafetensorsIndex } from './safetensorsIndex.ts';
import { openTfjs } from './tfjs.ts';
import type { WeightFile } from './weightFile.ts';
import { WeightFileError } from './weightFileError.ts';
import { looksLikeZip } from './zip.ts';
import { openZipWeights } from './zipWeights.ts';

/** Nothing is known of the file: it need not be damaged, and may be something else than weights. */
export class UnknownFormatError extends WeightFileError {}

/**
 * Reads the header only. Close the result when it is no longer needed.
 * @throws WeightFileError when there is no such file, or it is not a weight file that can be read
 */
export async function openWeightFile(path: string): Promise<WeightFile> {
  const source = await openByteSource(path);
  try {
    return await openFormat(source);
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function openFormat(source: ByteSource): Promise<WeightFile> {
  const { path, size } = source;
  const name = path.toLowerCase();
  const head = Buffer.from(await source.read(0, Math.min(size, 512)));
  if (name.endsWith('.index.json')) return openSafetensorsIndex(source);
  if (name.endsWith('.json')) return openTfjs(source);
  if (beginsLikeSafetensors(head)) return openSafetensors(source);
  if (looksLikeZip(head)) return openZipWeights(source);
  if (looksLikeNpy(head)) return openNpy(source);
  if (looksLikeGguf(head)) return openGguf(source);
  if (looksLikeHdf5(head)) return openHdf5(source);
  if (looksLikePickle(head)) return openLegacyPyTorch(source);
  if (name.endsWith('.onnx')) return openOnnx(source);
  if (name.endsWith('.msgpack')) return openFlax(source);
  const known = unsupported.find(({ magic, at = 0 }) => head.toString('latin1', at, at + magic.length) === magic) ?? unsupportedByName.find(({ ending }) => name.endsWith(ending));
  if (known !== undefined) throw new WeightFileError(path, '', known.problem);
  if (name.endsWith('.safetensors')) return openSafetensors(source);
  throw new UnknownFormatError(path, '', `is not a weight file of a known format (its first bytes are ${[...head.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')})`);
}

/** A header length within the format's limit, then the brace that the header must begin with. */
function beginsLikeSafetensors(head: Buffer): boolean {
  return head.length > 8 && head[8] === 0x7b && head.readBigUInt64LE(0) <= MAX_HEADER_BYTES;
}

interface UnsupportedMagic {
  readonly magic: string;
  readonly at?: number;
  readonly problem: string;
}

const notYet = (format: string): string => `is ${format}, which is not supported yet`;

const unsupported: readonly UnsupportedMagic[] = [
  { magic: 'CDF', problem: 'is a NetCDF file of the classic format, which is not supported; convert it with "nccopy -k netCDF-4"' },
  { magic: 'TFL3', at: 4, problem: notYet('a TensorFlow Lite file') },
  { magic: 'ustar', at: 257, problem: 'is a tar archive, perhaps of PyTorch 0.1; load it in PyTorch and save it again with torch.save, or as safetensors' },
  { magic: '\x1f\x8b', problem: 'is compressed with gzip; unpack it first' },
  { magic: '\x28\xb5\x2f\xfd', problem: 'is compressed with zstd; unpack it first' },
  { magic: 'version https://git-lfs', problem: 'is a Git LFS pointer, not the weights themselves; fetch them with "git lfs pull"' },
  { magic: '<!DOCTYPE', problem: 'is a web page, not weights; the download went wrong' },
  { magic: '<html', problem: 'is a web page, not weights; the download went wrong' },
];

const unsupportedByName: readonly { readonly ending: string; readonly problem: string }[] = [
  { ending: '.pb', problem: notYet('a TensorFlow SavedModel or frozen graph') },
  { ending: '.ckpt.index', problem: notYet('a TensorFlow checkpoint') },
];
