/** PyTorch's layout from before version 1.6, by PyTorch 1.13 and 2.7; faults one by one; damaged and wrongly composed files. */
import { readFileSync, readdirSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Random } from '../../../src/linalg/random.ts';
import { memoryByteSource } from '../../../src/weights/byteSource.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { openLegacyPyTorch } from '../../../src/weights/pytorchLegacy.ts';
import { badFiles, legacyBytes, sound, storageBytes, type LegacyParts } from '../../fixtures/makeBadLegacyPytorch.ts';
import { dictOps, join, op, tensorOps } from '../../fixtures/pickleBytes.ts';
import { describeBadFiles } from './committedBad.ts';
import { describeFixture } from './expectedTensors.ts';
import { mutate, pick } from './mutations.ts';
import { INPUTS, survive } from './survival.ts';

const fixtures = joinPath(import.meta.dirname, '../../fixtures/pytorchLegacy');
const names = readdirSync(fixtures).filter((name) => name.endsWith('.pt'));
for (const name of names) describeFixture(joinPath(fixtures, name), joinPath(fixtures, name.replace('.pt', '.json')), /holds complex numbers/);

describe('what the file says besides its tensors', () => {
  it('is read as from a zip archive: numbers, and which tensors are an optimiser\'s', async () => {
    const file = await openWeightFile(joinPath(fixtures, 'checkpoint.pt'));
    expect(file.format).toBe('PyTorch before 1.6');
    expect(file.metadata).toEqual({ epoch: '3' });
    expect(file.optimizerPrefixes).toEqual(['optimizer.']);
    await file.close();
  });

  it('ends with the first object, as for torch.load', async () => {
    const file = await openWeightFile(joinPath(fixtures, 'two-objects.pt'));
    expect(file.warnings).toEqual(['347 bytes behind the last storage are ignored, as PyTorch does.']);
    await file.close();
  });

  it('reads storages as little-endian when a big-endian machine wrote them, as PyTorch does', async () => {
    const storage = Buffer.from(storageBytes(6, 24));
    storage.writeFloatLE(2.5, 8);
    const file = await openLegacyPyTorch(memoryByteSource('f', legacyBytes({ facts: dictOps({ little_endian: op.no }), storages: [storage] })));
    expect([...await file.read('w', 0, 2)]).toEqual([2.5, 0]);
  });

  it('leaves a tensor out whose storage is a view of another', async () => {
    const view = join(op.mark, op.text('1'), op.int(0), op.int(6), op.tuple);
    const viewing = join(
      op.global('torch._utils', '_rebuild_tensor_v2'), op.mark, op.mark, op.text('storage'), op.global('torch', 'FloatStorage'), op.text('0'), op.text('cpu'), op.int(6), view, op.tuple, op.persistent,
      op.int(0), join(op.int(6), op.tuple1), join(op.int(1), op.tuple1), op.no, op.emptyDict, op.tuple, op.reduce,
    );
    const file = await openLegacyPyTorch(memoryByteSource('f', legacyBytes({ objects: dictOps({ v: viewing }) })));
    expect(file.tensors).toEqual([]);
    expect(file.warnings).toEqual(['Tensor "v" is left out: its storage is a part of another one.']);
  });

  it('may begin with pickles longer than the first window', async () => {
    const long = dictOps({ note: op.text('n'.repeat(700_000)), w: tensorOps({ shape: [6], strides: [1] }) });
    const file = await openLegacyPyTorch(memoryByteSource('f', legacyBytes({ objects: long })));
    expect((await file.read('w')).length).toBe(6);
  });
});

describeBadFiles('pytorchLegacy', badFiles, {
  'otherPickle.pt': 'is a pickle, but not one that torch.save wrote; load it in Python and save the arrays with numpy.savez, or as safetensors',
  'otherVersion.pt': 'pickle of the version: says 1002 instead of 1001',
  'noVersion.pt': 'pickle of the version: says something else instead of 1001',
  'noFacts.pt': 'pickle of machine facts: is not a dict',
  'noKeys.pt': 'pickle of the storage keys: is not a list of texts',
  'numberKeys.pt': 'pickle of the storage keys: is not a list of texts',
  'keyTwice.pt': 'storage 0: is listed twice',
  'strangeKey.pt': 'storage ../x: is not one that the objects refer to',
  'missingKey.pt': 'tensor "w": its storage 0 is not in the file',
  'unknownStorageType.pt': 'pickle of the objects: refers to a storage of an unknown type, so that its bytes cannot be found',
  'twoWidths.pt': 'storage 0: is to have elements of 8 bytes and of 4',
  'otherCount.pt': 'tensor "w": its storage 0 is to have 24 bytes, but has 20',
  'hugeCount.pt': 'storage 0: is to have 4611686018427387904 elements of 4 bytes from byte 286, but the file is only 310 bytes long; it is truncated',
  'negativeCount.pt': 'storage 0: is to have -6 elements',
  'noStorages.pt': 'storage 0: begins at byte 278, but the file is only 278 bytes long; it is truncated',
  'truncated.pt': 'storage 0: is to have 6 elements of 4 bytes from byte 286, but the file is only 309 bytes long; it is truncated',
  'truncatedPickle.pt': 'pickle of machine facts, byte 89: the pickle ends within the argument of this opcode',
  'beyondStorage.pt': 'tensor "w": shape [2, 3], strides [3, 1] and offset 1 reach to element 6, but its storage 0 has 6',
  'attack.pt': 'pickle of the objects, byte 109: asks for posix.system, which is not among the names that weights need; nothing was executed',
  'attackInKeys.pt': 'pickle of the storage keys, byte 268: asks for builtins.eval, which is not among the names that weights need; nothing was executed',
  'attackFirst.pt': 'first pickle, byte 2: asks for os.system, which is not among the names that weights need; nothing was executed',
});

function randomFile(random: Random): Uint8Array {
  const often = <T>(right: T, wrong: readonly T[]): T => (random.below(12) === 0 ? pick(random, wrong) : right);
  const count = 1 + random.below(3);
  const keys = Array.from({ length: count }, (_, i) => String(often(i, [7, 0, 1])));
  const types = keys.map(() => often('FloatStorage', ['DoubleStorage', 'BoolStorage', 'ComplexDoubleStorage', 'device', 'QInt8Storage']));
  const widths: Readonly<Record<string, number>> = { DoubleStorage: 8, BoolStorage: 1, ComplexDoubleStorage: 16, QInt8Storage: 1 };
  const parts: LegacyParts = {
    objects: dictOps(Object.fromEntries(keys.map((key, i) => [`t${i}`, tensorOps({
      key, storage: types[i] ?? '', count: often(6, [5, 0, 2 ** 31 - 1]), shape: [2, often(3, [4, 0, 2n ** 40n])], strides: [3, often(1, [0, 2, 2n ** 52n])], offset: often(0, [1, 2n ** 62n]),
    })]))),
    keys: join(op.emptyList, op.mark, ...keys.slice(often(0, [1])).map((key) => op.text(key)), op.appends),
    storages: types.map((type) => storageBytes(often(6n, [5n, 0n, -1n, 2n ** 40n, 2n ** 63n - 1n]), 6 * (widths[type] ?? 4))),
    behind: new Uint8Array(often(0, [1, 9])),
    version: often(sound.version, [op.int(1), op.none]),
    facts: often(sound.facts, [op.none, op.emptyDict]),
  };
  const bytes = legacyBytes(parts);
  return random.below(3) === 0 ? mutate(random, bytes, [bytes]) : bytes;
}

describe('fuzzing', () => {
  const made = names.map((name) => new Uint8Array(readFileSync(joinPath(fixtures, name)))).filter((bytes) => bytes[0] === 0x80);
  const files = [...made, ...Object.values(badFiles)];
  it(`survives ${INPUTS} inputs`, async () => {
    await survive(Math.ceil(INPUTS / 2), randomFile, openLegacyPyTorch);
    await survive(Math.ceil(INPUTS / 2), (random) => mutate(random, pick(random, random.below(3) === 0 ? files : made), files), openLegacyPyTorch);
  }, 0);
});
