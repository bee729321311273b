/**
 * Whatever the bytes are, a reader gives tensors or throws one WeightFileError. As many seeded inputs of each format as `survival.ts` says: mutated files, and archives, pickles and headers that are built from parts in wrong combinations. A failure names its seed; one
 * that was found becomes a case of `fixtures/makeBadArchives.ts`.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import type { Random } from '../../../src/linalg/random.ts';
import type { ByteSource } from '../../../src/weights/byteSource.ts';
import { memoryByteSource } from '../../../src/weights/byteSource.ts';
import { isReal } from '../../../src/weights/dtype.ts';
import { openNpy } from '../../../src/weights/npy.ts';
import { readPickle } from '../../../src/weights/pickle.ts';
import type { WeightFile } from '../../../src/weights/weightFile.ts';
import { WeightFileError } from '../../../src/weights/weightFileError.ts';
import { openZipWeights } from '../../../src/weights/zipWeights.ts';
import { npyBytes } from '../../fixtures/makeBadArchives.ts';
import { dictOps, join, op, tensorOps, torchBytes } from '../../fixtures/pickleBytes.ts';
import type { Ops } from '../../fixtures/pickleBytes.ts';
import { zipBytes } from '../../fixtures/zipBytes.ts';
import type { ZipFields, ZipPart } from '../../fixtures/zipBytes.ts';
import { mutate, pick } from './mutations.ts';
import { INPUTS } from './survival.ts';

const fixtures = joinPath(import.meta.dirname, '../../fixtures');
const load = (folder: string, ending: string): Uint8Array[] => readdirSync(joinPath(fixtures, folder)).filter((name) => name.endsWith(ending)).map((name) => readFileSync(joinPath(fixtures, folder, name))).filter(({ length }) => length < 10_000);
// Sound files outweigh the bad ones, so that mutations get past the first check.
const often = (files: Uint8Array[]): Uint8Array[] => Array.from({ length: 8 }, () => files).flat();
const torchFiles = [...often(load('pytorch', '.pt')), ...load('bad/pytorch', '.pt')];
const npzFiles = [...often(load('numpy', '.npz')), ...load('bad/zip', '.npz')];
const npyFiles = [...often(load('numpy', '.npy')), ...load('bad/numpy', '.npy')];

/** Bytes whose reader never asks for more than there is, nor lets the file allocate more. */
function strictSource(bytes: Uint8Array): ByteSource {
  const source = memoryByteSource('f', bytes);
  return {
    ...source,
    read(offset, length) {
      if (length > bytes.length) throw new Error(`asked for ${length} of ${bytes.length} bytes`);
      return source.read(offset, length);
    },
  };
}

/** Opens the file and reads from its tensors, at most some thousand elements of each. */
async function readSome(open: Promise<WeightFile>): Promise<'read'> {
  const file = await open;
  try {
    expect(new Set(file.tensors.map(({ name }) => name)).size).toBe(file.tensors.length);
    for (const { name, elements, dtype, shape } of file.tensors.slice(0, 20)) {
      expect(shape.reduce((product, length) => product * length, 1)).toBe(elements);
      if (!isReal(dtype)) continue;
      const end = Math.min(elements, 2000);
      expect((await file.read(name, 0, end)).length).toBe(end);
      if (elements > 2000) expect((await file.read(name, elements - 1)).length).toBe(1);
    }
  } finally {
    await file.close();
  }
  return 'read';
}

function randomPickle(random: Random): Uint8Array {
  const leaf = (): Ops => pick(random, [
    op.none, op.yes, op.int(random.below(9)), op.text('key'), op.emptyList, op.emptyDict, op.emptyTuple, op.global('collections', 'OrderedDict'),
    op.global('torch', 'FloatStorage'), op.global('torch._utils', '_rebuild_tensor_v2'), op.global('torch._utils', '_rebuild_parameter'), op.global('builtins', 'set'), op.global('torch', 'Size'),
    op.get(random.below(4)), tensorOps({ shape: [random.below(4), random.below(4)], strides: [random.below(4), random.below(4)], offset: random.below(3) }),
    op.global('torch._tensor', '_rebuild_from_type_v2'), op.global('numpy.core.multiarray', 'scalar'), op.wide(2n ** 60n),
  ]);
  const step = (): Ops => (random.below(3) === 0 ? leaf() : pick(random, [
    op.mark, op.mark, op.pop, op.popMark, op.dup, op.reduce, op.build, op.tuple, op.tuple1, op.tuple2, op.tuple3, op.list, op.dict, op.append, op.appends, op.setItem,
    op.setItems, op.persistent, op.newObject, op.memoize, op.stackGlobal, op.put(random.below(4)), op.get(random.below(4)), op.raw(random.below(256)),
  ]));
  const balanced = (depth: number): Ops => {
    switch (depth === 0 ? 0 : random.below(6)) {
      case 0: return leaf();
      case 1: return join(op.mark, balanced(depth - 1), balanced(depth - 1), op.tuple);
      case 2: return dictOps({ [pick(random, ['a', 'b.c', 'state', 'param_groups'])]: balanced(depth - 1), d: balanced(depth - 1) });
      case 3: return join(op.emptyList, op.put(random.below(4)), balanced(depth - 1), op.append);
      case 4: return join(op.global('torch._utils', '_rebuild_parameter'), op.mark, balanced(depth - 1), op.yes, op.none, op.tuple, op.reduce);
      default: return join(balanced(depth - 1), random.below(8) === 0 ? step() : op.put(random.below(4)));
    }
  };
  const body = random.below(2) === 0 ? balanced(5) : join(...Array.from({ length: 1 + random.below(25) }, step));
  return join(op.proto(2 + random.below(4)), body, op.stop);
}

function randomNpy(random: Random): Uint8Array {
  const descr = pick(random, ["'<f4'", "'>f8'", "'|b1'", "'<i8'", "'|O'", "'<f2'", "'<c8'", "[('a', '<f4')]", "'<U3'", '3', "''"]);
  const shape = pick(random, ['()', '(2,)', '(2, 3)', '(0, 5)', '(1L, 2L)', '(3)', '[2]', '(-1,)', '(1e3,)', `(${'1,'.repeat(random.below(40))})`, `(${2 ** 52}, ${2 ** 52}, 0)`, '(6, 1, 1)']);
  const text = `{'descr': ${descr}, 'fortran_order': ${pick(random, ['True', 'False', '1'])}, 'shape': ${shape}${pick(random, [', ', ''])}}${pick(random, ['\n', '', '  \n'])}`;
  const version = pick(random, [1, 1, 2, 3]);
  const bytes = npyBytes(text, random.below(60), random.below(10) === 0 ? { version, length: random.below(200) } : { version });
  return random.below(3) === 0 ? mutate(random, bytes, npyFiles) : bytes;
}

function randomZip(random: Random): Uint8Array {
  const edge = (): number => pick(random, [0, 1, 8, 20, 100, 0xffff, 0x7fffffff, 0xfffffffe, 0xffffffff]);
  const wrong = (): Partial<ZipFields> => {
    switch (random.below(24)) {
      case 0: return { flags: pick(random, [0, 1, 8, 0x20, 0x41, 0x800, 0x808, 0x2000]) };
      case 1: return { method: pick(random, [0, 8, 9, 14, 99]) };
      case 2: return { crc: edge() };
      case 3: return { compressedSize: edge() };
      case 4: return { size: edge() };
      case 5: return { offset: edge() };
      case 6: return { name: pick(random, ['', 'a/data.pkl', 'x.npy', '/', 'a/data/0']) };
      case 7: return { compressedSize: edge(), size: edge() };
      default: return {};
    }
  };
  const content = (): Uint8Array => pick(random, [randomNpy, randomNpy, randomPickle])(random);
  const parts = Array.from({ length: random.below(5) }, (_, i): ZipPart => ({
    name: pick(random, [`${i}.npy`, `${i}.npy`, 'x.npy', 'a/data.pkl', `a/data/${i}`, 'a/byteorder', 'a/constants.pkl', `dir${i}/`]),
    content: content(), deflate: random.below(3) === 0, descriptor: random.below(3) === 0, zip64: random.below(6) === 0, central: wrong(), local: wrong(),
  }));
  const bytes = zipBytes(parts, { zip64: random.below(4) === 0, ...(random.below(12) === 0 ? { entries: edge() & 0xffff } : {}), ...(random.below(12) === 0 ? { offset: edge() } : {}), comment: pick(random, ['', '', 'PK\x05\x06'.padEnd(30)]) });
  return random.below(4) === 0 ? mutate(random, bytes, npzFiles) : bytes;
}

/** A file of PyTorch's layout around a damaged pickle, whose checksum is right all the same. */
function torchAround(random: Random): Uint8Array {
  const bytes = randomPickle(random);
  return torchBytes(random.below(2) === 0 ? bytes : mutate(random, bytes, [randomPickle(random)]));
}

/** `share`: of the format's inputs. */
const kinds: readonly (readonly [name: string, share: number, input: (random: Random) => Uint8Array, read: (bytes: Uint8Array) => Promise<unknown>])[] = [
  ['mutated PyTorch files', 0.4, (random) => mutate(random, pick(random, torchFiles), torchFiles), (bytes) => readSome(openZipWeights(strictSource(bytes)))],
  ['PyTorch files around wrong pickles', 0.4, torchAround, (bytes) => readSome(openZipWeights(strictSource(bytes)))],
  ['bare pickles', 0.2, (random) => mutate(random, randomPickle(random), [randomPickle(random)]), (bytes) => Promise.resolve().then(() => { readPickle('f', 'p', bytes); return 'read'; })],
  ['mutated .npz files', 0.5, (random) => mutate(random, pick(random, npzFiles), npzFiles), (bytes) => readSome(openZipWeights(strictSource(bytes)))],
  ['archives of wrong parts', 0.5, randomZip, (bytes) => readSome(openZipWeights(strictSource(bytes)))],
  ['mutated .npy files', 0.5, (random) => mutate(random, pick(random, npyFiles), npyFiles), (bytes) => readSome(openNpy(strictSource(bytes)))],
  ['.npy files with wrong headers', 0.5, randomNpy, (bytes) => readSome(openNpy(strictSource(bytes)))],
];

describe.each(kinds)('%s', (name, share, input, read) => {
  it('give tensors or one WeightFileError', async () => {
    let sound = 0;
    let refused = 0;
    for (let seed = 0; seed < INPUTS * share; seed++) {
      const bytes = input(seededRandom(seed));
      try {
        await read(bytes);
        sound++;
      } catch (error) {
        if (!(error instanceof WeightFileError)) throw new Error(`seed ${seed} of ${name}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`, { cause: error });
        // One line, safe to show, that names the file.
        expect(error.message, `seed ${seed}`).toMatch(/^f: [^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u);
        expect(error.message.length, `seed ${seed}`).toBeLessThan(2000);
        refused++;
      }
    }
    // The inputs reach both sides; otherwise they test nothing but the first check.
    expect(sound).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
  }, 0);
});
