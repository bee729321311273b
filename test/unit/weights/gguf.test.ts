/** GGUF: files of the `gguf` package against its own reading of them; bad headers; fuzzing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Random } from '../../../src/linalg/random.ts';
import { memoryByteSource } from '../../../src/weights/byteSource.ts';
import { openGguf } from '../../../src/weights/gguf.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { array, badFiles, ggufBytes, key, text, u32, u64, value } from '../../fixtures/makeBadGguf.ts';
import type { Description } from '../../fixtures/makeBadGguf.ts';
import { describeBadFiles } from './committedBad.ts';
import { describeFixture } from './expectedTensors.ts';
import { mutate, pick } from './mutations.ts';
import { INPUTS, survive } from './survival.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/gguf');
const names = ['plain', 'version2', 'quantised', 'big-endian'];

for (const name of names) describeFixture(join(fixtures, `${name}.gguf`), join(fixtures, `${name}.json`), /is quantised or packed \(\w+\), which is listed but not decoded$/);

describe('keys', () => {
  it('are shown as text, long arrays by their length', async () => {
    const file = await openWeightFile(join(fixtures, 'plain.gguf'));
    const { 'tokenizer.chat_template': template, ...others } = file.metadata;
    expect(others).toEqual({
      'general.architecture': 'llama', 'general.name': 'tiny', 'tiny.big': '9223372036854775809', 'tiny.int8': '-3', 'tiny.int16': '-300', 'tiny.uint16': '300', 'tiny.int32': '-70000',
      'tiny.int64': '-1099511627776', 'tiny.float32': '0.5', 'tiny.float64': '0.1', 'tiny.bool': 'true', 'tiny.list': '[1, 2, 3]', 'tokenizer.ggml.tokens': '300 texts', 'tokenizer.ggml.scores': '300 numbers',
    });
    expect(template).toBe(`${'{{ täst }}'.repeat(1000).slice(0, 9091)}…`);
    expect([file.format, file.warnings]).toEqual(['GGUF 3', []]);
    await file.close();
  });

  it('of a big-endian file are read in its own order', async () => {
    const file = await openWeightFile(join(fixtures, 'big-endian.gguf'));
    expect([file.format, file.metadata['tiny.number']]).toEqual(['GGUF 3, big-endian', '7']);
    await file.close();
  });

  it('named like members of JavaScript objects are keys like others', async () => {
    const file = await openGguf(memoryByteSource('f', ggufBytes({ keys: [key('__proto__', value(4, u32(1))), key('constructor', value(7, Uint8Array.of(0)))] })));
    expect(Object.entries(file.metadata)).toEqual([['__proto__', '1'], ['constructor', 'false']]);
  });

  it('are walked over, not kept: a vocabulary of a million tokens', async () => {
    const tokens = Buffer.concat(Array.from({ length: 1_000_000 }, () => text('abc')));
    const file = await openGguf(memoryByteSource('f', ggufBytes({ keys: [key('t', value(9, array(8, 1_000_000, tokens))), key('u', value(4, u32(5)))], tensors: [{ name: 'a', shape: [2, 1] }], dataBytes: 8 })));
    expect(file.metadata).toEqual({ t: '1000000 texts', u: '5' });
    expect(file.tensors).toEqual([{ name: 'a', dtype: 'F32', shape: [1, 2], elements: 2, bytes: 8 }]);
  });
});

it('says what is quantised', async () => {
  const file = await openWeightFile(join(fixtures, 'quantised.gguf'));
  expect(file.warnings).toEqual([expect.stringMatching(/^26 of 28 tensors are quantised \(Q4_0, .*\); they are listed, but their values are not decoded\.$/)]);
  await file.close();
});

describeBadFiles('gguf', badFiles, {
  'short.gguf': 'is 20 bytes long; the header of a GGUF file has at least 24',
  'version1.gguf': 'byte 4: is version 1 of GGUF, which was in use for a few days only; convert the model again',
  'version4.gguf': 'byte 4: is version 4 of GGUF; 2 and 3 are known',
  'tensorCount.gguf': 'byte 8: promises 9223372036854775808 tensors and 0 keys, which do not fit into the 48 bytes that follow',
  'keyCount.gguf': 'byte 8: promises 1 tensors and 1099511627776 keys, which do not fit into the 48 bytes that follow',
  'oneTensorTooMany.gguf': 'byte 8: promises 2 tensors and 0 keys, which do not fit into the 40 bytes that follow',
  'keyLength.gguf': 'byte 24: a key is to have 4611686018427387904 bytes, but 40 are left',
  'longKey.gguf': 'byte 24: a key is to have 65536 bytes; at most 65535 are read',
  'notUtf8.gguf': 'byte 24: a key is not valid UTF-8',
  'twiceKey.gguf': 'byte 41: the key "a" is there twice',
  'valueType.gguf': 'byte 33: a value of type 13, which is unknown',
  'textLength.gguf': 'byte 37: a text is to have 9223372036854775808 bytes, but 19 are left',
  'arrayLength.gguf': 'byte 37: an array is to have 9223372036854775808 elements, which do not fit into the 15 bytes that are left',
  'arrayOfTextsLength.gguf': 'byte 37: an array is to have 8589934592 elements, which do not fit into the 15 bytes that are left',
  'arrayTextLength.gguf': 'byte 49: a text is to have 1099511627776 bytes, but 263 are left',
  'arrayType.gguf': 'byte 37: an array of type 77, which is unknown',
  'nested.gguf': 'byte 85: arrays are nested more than 4 levels deep',
  'alignment0.gguf': 'byte 24: general.alignment is 0, not a power of two',
  'alignment24.gguf': 'byte 24: general.alignment is 24, not a power of two',
  'alignmentText.gguf': 'byte 24: general.alignment is 32, not a power of two',
  'twiceTensor.gguf': 'byte 57: tensor "a" is there twice',
  'dimensions.gguf': 'tensor "a": has 4294967295 dimensions; at most 8 are read',
  'shapeOverflow.gguf': 'tensor "a": its shape [4294967296, 4294967296] has more than 2^53 bytes',
  'axisOverflow.gguf': 'tensor "a": its shape [18446744073709552000] has more than 2^53 bytes',
  'axisOverflowZero.gguf': 'tensor "a": its shape [18446744073709552000, 0] has more than 2^53 bytes',
  'type.gguf': 'tensor "a": its type 4 is unknown',
  'rowOfBlocks.gguf': 'tensor "a": its rows of 33 elements are not a whole number of Q4_0 blocks of 32',
  'unaligned.gguf': 'tensor "a": begins 4 bytes into the data, which is not a multiple of the alignment, 32',
  'offsetOverflow.gguf': 'tensor "a": its 8 bytes begin at byte 18446744073709552000, but the file is only 104 bytes long; it is truncated',
  'truncated.gguf': 'tensor "b": its 8 bytes begin at byte 128, but the file is only 135 bytes long; it is truncated',
  'overlap.gguf': 'tensor "b": begins at byte 128, inside tensor "a", which ends at byte 160',
  'hostileName.gguf': String.raw`tensor "<b>\u{202e}gnp\u{0}</b>": its type 99 is unknown`,
});

function randomGguf(random: Random): Uint8Array {
  const number = (right: number): bigint | number => (random.below(25) === 0 ? pick(random, [0, 1, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) : right);
  const scalar = (): Uint8Array => pick(random, [value(0, Uint8Array.of(3)), value(2, Uint8Array.of(1, 0)), value(4, u32(32)), value(7, Uint8Array.of(1)), value(10, u64(number(5))), value(12, Buffer.alloc(8)), value(random.below(14), u64(1))]);
  const content = (): Uint8Array => pick(random, [scalar, scalar, () => value(8, text('text', number(4))), () => value(9, array(4, number(2), u32(1), u32(2))), () => value(9, array(8, number(2), text('a'), text('b', number(1)))), () => value(9, array(9, 1, array(0, number(1), Uint8Array.of(1))))])();
  let offset = 0;
  const tensors = Array.from({ length: random.below(4) }, (_, i): Description => {
    const type = pick(random, [0, 0, 1, 2, 8, 12, 24, 27, 30, 26, random.below(60)]);
    const shape = Array.from({ length: random.below(4) }, (_, k) => number(k === 0 && type > 1 && type < 24 ? 256 : 1 + random.below(4)));
    const description = { name: pick(random, [`t${i}`, `t${i}`, 'same', '']), shape, type, offset: number(offset) };
    offset += 1024 * 32;
    return description;
  });
  const bytes = ggufBytes({
    version: pick(random, [2, 3, 3, 3, 3, random.below(6)]), tensors, dataBytes: random.below(8) === 0 ? random.below(2000) : offset,
    keys: Array.from({ length: random.below(4) }, (_, i) => key(pick(random, [`k${i}`, `k${i}`, 'general.alignment', '']), content())),
    ...(random.below(12) === 0 ? { keyCount: number(1) } : {}), ...(random.below(12) === 0 ? { tensorCount: number(1) } : {}),
  });
  return random.below(3) === 0 ? mutate(random, bytes, [bytes]) : bytes;
}

describe('fuzzing', () => {
  const sound = names.map((name) => new Uint8Array(readFileSync(join(fixtures, `${name}.gguf`))));
  const files = [...sound, ...Object.values(badFiles)];
  it(`survives ${INPUTS} inputs`, async () => {
    await survive(Math.ceil(INPUTS / 2), randomGguf, openGguf);
    await survive(Math.ceil(INPUTS / 2), (random) => mutate(random, pick(random, random.below(3) === 0 ? files : sound), files), openGguf);
  }, 0);
});
