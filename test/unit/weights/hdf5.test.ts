/** HDF5 by h5py, posteriors by ArviZ; faults and ways out of the file one by one. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { memoryByteSource, type ByteSource } from '../../../src/weights/byteSource.ts';
import { openHdf5 } from '../../../src/weights/hdf5.ts';
import { slabsOf } from '../../../src/weights/hdf5Slabs.ts';
import { checkSuperblock } from '../../../src/weights/hdf5Superblock.ts';
import { lookup3 } from '../../../src/weights/lookup3.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { WeightFileError } from '../../../src/weights/weightFileError.ts';
import { describeBadFiles } from './committedBad.ts';
import { describeFixture } from './expectedTensors.ts';

const fixtures = join(import.meta.dirname, '../../fixtures');
const sound = readdirSync(join(fixtures, 'hdf5')).filter((name) => !name.endsWith('.json'));
for (const name of sound) describeFixture(join(fixtures, 'hdf5', name), join(fixtures, 'hdf5', name.replace(/\.\w+$/, '.json')), /holds complex numbers/);

describe('what a file holds besides arrays', () => {
  it('is shown or named', async () => {
    const types = await openWeightFile(join(fixtures, 'hdf5/dtypes.h5'));
    expect(types.metadata).toEqual({ note: 'täst', epoch: '3' });
    await types.close();
    const links = await openWeightFile(join(fixtures, 'hdf5/links.h5'));
    expect(links.warnings).toEqual([
      'Group "circle" is another name of the root and is left out.',
      'Group "group/up" is another name of group "group" and is left out.',
      'Dataset "lzf" is left out: it is compressed with lzf, which HDF5 itself does not have; save it with gzip, or uncompressed.',
      'Link "one" is a symbolic one (to "/two") and is not followed.',
      'Dataset "text" is left out: it holds texts.',
      'Link "two" is a symbolic one (to "/one") and is not followed.',
    ]);
    await links.close();
  });

  it('is told apart where two types have 16 bits, or left out and named', async () => {
    const brain = await openWeightFile(join(fixtures, 'hdf5Seeds/bfloat16.h5'));
    expect(brain.tensors.map(({ name, dtype }) => [name, dtype])).toEqual([['a', 'BF16']]);
    // The upper halves of the float32 that are nearest to 3e38 and 1e-30.
    const upper = (value: number): number => {
      const word = new Uint32Array(Float32Array.of(value).buffer);
      return new Float32Array(word.map((bits) => bits & 0xffff0000).buffer)[0] ?? Number.NaN;
    };
    expect([...await brain.read('a')]).toEqual([1, -2.5, upper(3e38), upper(1e-30)]);
    await brain.close();
    const both = await openWeightFile(join(fixtures, 'hdf5Seeds/both_halves.h5'));
    expect(both.tensors.map(({ name, dtype }) => [name, dtype])).toEqual([['a', 'BF16'], ['c', 'F32']]);
    // When the first one was met, there was no other yet.
    expect(both.warnings).toEqual(['Dataset "b" is left out: it holds floating-point numbers of 16 bits, of which the file has two kinds that cannot be told apart here.']);
    await both.close();
  });

  it('is left out and named where it is damaged, also by what the library alone would never end with', async () => {
    const bytes = new Uint8Array(readFileSync(join(fixtures, 'hdf5Seeds/oldest.h5')));
    // The length of the free space in the global heap, behind which there now is free space of length 0.
    expect(bytes[3865]).toBe(0x0f);
    bytes[3865] = 0;
    const file = await openHdf5(memoryByteSource('f', bytes));
    expect(file.metadata).toEqual({});
    expect(file.warnings).toEqual([expect.stringMatching(/^Attribute "note" of the file is left out: it cannot be read \(HDF5 says: .*\)\.$/)]);
    expect([...await file.read('a')]).toEqual([0, 1, 2, 3, 4, 5]);
    await file.close();
  });

  it.each(['h5netcdf', 'netcdf4'])('says which axes of a posterior count draws (%s)', async (engine) => {
    const file = await openWeightFile(join(fixtures, `hdf5/arviz-${engine}.nc`));
    expect({ format: file.format, drawAxes: file.drawAxes, weightPrefix: file.weightPrefix }).toEqual({ format: 'NetCDF-4 posterior (ArviZ)', drawAxes: 2, weightPrefix: 'posterior/' });
    expect(file.warnings).toEqual(['11 coordinates (positions along the dimensions) are left out.']);
    await file.close();
  });
});

describe('the superblock', () => {
  // The vectors of lookup3.c's own test (its driver5).
  it('has the checksum of lookup3', () => {
    expect(lookup3(new Uint8Array(0))).toBe(0xdeadbeef);
    expect(lookup3(Buffer.from('Four score and seven years ago'))).toBe(0x17770551);
  });

  it('is that of the file, byte for byte, where it has a checksum', async () => {
    const bytes = new Uint8Array(readFileSync(join(fixtures, 'hdf5/latest.h5')));
    for (let at = 8; at < 48; at++) {
      const changed = Uint8Array.from(bytes);
      changed[at]! ^= 0x10;
      await expect(checkSuperblock(memoryByteSource('f', changed))).rejects.toThrow(/^f: its superblock /);
    }
    await checkSuperblock(memoryByteSource('f', bytes));
    await expect(checkSuperblock(memoryByteSource('f', bytes.subarray(0, bytes.length - 1)))).rejects.toThrow(`is truncated: it has ${bytes.length - 1} bytes, but its superblock says ${bytes.length}`);
  });
});

describe('boxes', () => {
  it('cover a range of elements in order, each once, in at most two an axis and one more', () => {
    const random = seededRandom(1);
    for (let round = 0; round < 500; round++) {
      const shape = Array.from({ length: random.below(5) }, () => 1 + random.below(5));
      const elements = shape.reduce((product, length) => product * length, 1);
      const start = random.below(elements + 1);
      const end = start + random.below(elements - start + 1);
      const slabs = slabsOf(shape, start, end);
      const covered: number[] = [];
      for (const { offset, count } of slabs) {
        const total = count.reduce((product, length) => product * length, 1);
        for (let i = 0; i < total; i++) {
          let rest = i;
          let at = 0;
          let step = 1;
          for (let axis = shape.length - 1; axis >= 0; axis--) {
            at += (offset[axis]! + (rest % count[axis]!)) * step;
            rest = Math.floor(rest / count[axis]!);
            step *= shape[axis]!;
          }
          covered.push(at);
        }
      }
      expect(covered).toEqual(Array.from({ length: end - start }, (_, i) => start + i));
      expect(slabs.length).toBeLessThanOrEqual(2 * shape.length + 1);
    }
  });
});

describe('lazy reading', () => {
  it('takes of a large file what is asked for', async () => {
    const bytes = readFileSync(join(fixtures, 'hdf5/layouts.h5'));
    // The same file with 64 MB behind it, which HDF5 allows: none of them may be read.
    const size = bytes.length + 2 ** 26;
    let read = 0;
    const source: ByteSource = {
      path: 'large', size, close: () => Promise.resolve(),
      read: (offset, length) => {
        read += length;
        const part = new Uint8Array(length);
        part.set(bytes.subarray(offset, offset + length));
        return Promise.resolve(part);
      },
    };
    const file = await openHdf5(source);
    expect([...await file.read('chunks', 104)]).toEqual([104]);
    await file.close();
    expect(read).toBeLessThanOrEqual(3 * bytes.length);
  });

  it('reads several files at a time, and ranges of one at a time', async () => {
    const files = await Promise.all([1, 2, 3].map(() => openWeightFile(join(fixtures, 'hdf5/layouts.h5'))));
    const values = await Promise.all(files.flatMap((file) => [file.read('gzip', 3, 5), file.read('chunks', 100, 102)]));
    expect(values.map((part) => [...part])).toEqual([1, 2, 3].flatMap(() => [[3, 4], [100, 101]]));
    await Promise.all(files.map((file) => file.close()));
  });

  it('passes on what is wrong with the file itself', async () => {
    const bytes = readFileSync(join(fixtures, 'hdf5/layouts.h5'));
    const broken: ByteSource = { ...memoryByteSource('f', bytes), read: () => Promise.reject(new WeightFileError('f', 'byte 7', 'the file changed while it was being read; open it again')) };
    await expect(openHdf5(broken)).rejects.toThrow('f: byte 7: the file changed while it was being read; open it again');
  });
});

describeBadFiles('hdf5', {}, {
  'configNotUtf8.keras': 'entry config.json: is not valid UTF-8',
  'damagedChunk.h5': 'tensor "group/a": cannot be read (HDF5 says: filter returned failure during read)',
  'damagedHeap.h5': 'its links cannot be read (HDF5 says: bad local heap signature)',
  'damagedTree.h5': 'its links cannot be read (HDF5 says: wrong B-tree signature)',
  'declaredBomb.h5': 'tensor "a": its shape [1099511627776] of F32 takes 4398046511104 bytes, more than a file of 1400 can hold in compressed form',
  'declaredLarger.h5': 'tensor "a": its shape [1073741824] of F32 takes 4294967296 bytes, but the whole file has 1400',
  'declaredLargerChunks.h5': 'tensor "a": its shape [1073741824] of F32 takes 4294967296 bytes, but the whole file has 1400',
  'declaredOverflow.h5': 'tensor "a": its shape [1099511627776, 1099511627776] has more than 2^53 bytes',
  'external.keras': 'tensor "raw": its elements lie in another file ("/etc/passwd"), which is not opened; copy them into this file',
  'externalDevice.h5': 'tensor "raw": its elements lie in another file ("/dev/stdin"), which is not opened; copy them into this file',
  'externalLink.h5': 'link "group/out": leads into another file ("/etc/passwd"), which is not opened; copy what it leads to into this file',
  'externalParent.h5': String.raw`tensor "raw": its elements lie in another file ("//../../x\u{a}<b>"), which is not opened; copy them into this file`,
  'externalStorage.h5': 'tensor "raw": its elements lie in another file ("/etc/passwd"), which is not opened; copy them into this file',
  'externalToItself.h5': 'link "out": leads into another file ("externalToItself.h5"), which is not opened; copy what it leads to into this file',
  'hugeChunk.h5': 'tensor "a": its chunks of 1073741824 bytes are larger than the 268435456 that are read',
  'loop.h5': 'the HDF5 library was stopped after 1 second in one step; the file is damaged, or made to be slow',
  'longPath.h5': `object "${'n'.repeat(199)}…": its path has more than 4096 characters`,
  'nested.h5': `group "${'g/'.repeat(64)}g": groups are nested more than 64 levels deep`,
  'noWeights.keras': 'is a Keras archive without model.weights.h5',
  'notHdf5.keras': 'entry model.weights.h5: does not begin as an HDF5 file does',
  'onlySignature.h5': 'is truncated: it ends after 8 bytes, in the middle of its superblock',
  'onlyText.h5': 'is an HDF5 file without arrays of numbers (Dataset "text" is left out: it holds texts)',
  'rootNowhere.h5': 'its root group is said to lie at byte 65535, beyond the file\'s end at byte 4694',
  'shards.keras': 'is a Keras archive without model.weights.h5: its weights are in shards, which is not supported yet; save the model without max_shard_size',
  'softCircle.h5': 'is an HDF5 file without arrays of numbers (Link "one" is a symbolic one (to "/two") and is not followed)',
  'superblockVersion.h5': 'its superblock has version 9; versions 0 to 3 are known',
  'truncated.h5': 'is truncated: it has 4693 bytes, but its superblock says 4694',
  'truncatedWeights.keras': 'entry model.weights.h5: is truncated: it has 4594 bytes, but its superblock says 4694',
  'virtual.h5': 'tensor "v": is a virtual dataset (its elements lie in "other.h5"), which is not opened; copy its elements into this file',
  'virtualOfItself.h5': 'tensor "v": is a virtual dataset (its elements lie in "."), which is not opened; copy its elements into this file',
});

it('opens no file that a hostile one names', async () => {
  const asked: string[] = [];
  for (const name of readdirSync(join(fixtures, 'bad/hdf5')).filter((file) => file.endsWith('.h5'))) {
    const bytes = readFileSync(join(fixtures, 'bad/hdf5', name));
    const opening = openHdf5({ ...memoryByteSource(name, bytes), read: (offset, length) => { asked.push(name); return memoryByteSource(name, bytes).read(offset, length); } });
    await opening.then((file) => file.close(), () => undefined);
  }
  // Everything the library saw came from these sources: it has no other way to bytes.
  expect(new Set(asked).size).toBeGreaterThan(20);
});
