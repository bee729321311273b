/** Flax checkpoints by Flax 0.12, faults one by one, damaged and wrongly composed files. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Random } from '../../../src/linalg/random.ts';
import { memoryByteSource } from '../../../src/weights/byteSource.ts';
import { openFlax } from '../../../src/weights/flax.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { array, badFiles, bytes, chunked, extension, list, map, number, raw, text } from '../../fixtures/makeBadFlax.ts';
import { describeBadFiles } from './committedBad.ts';
import { describeFixture } from './expectedTensors.ts';
import { mutate, pick } from './mutations.ts';
import { INPUTS, survive } from './survival.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/flax');
const names = readdirSync(fixtures).filter((name) => name.endsWith('.msgpack'));
for (const name of names) describeFixture(join(fixtures, name), join(fixtures, name.replace('.msgpack', '.json')), /holds complex numbers/);

describe('what a checkpoint holds besides arrays', () => {
  it('is shown as plain text', async () => {
    const file = await openWeightFile(join(fixtures, 'dtypes.msgpack'));
    expect(file.format).toBe('Flax msgpack');
    expect({ ...file.metadata }).toEqual({ 'plain.text': 'täst', 'plain.number': '3', 'plain.real': '0.25', 'plain.truth': 'True', 'plain.list.1': '7' });
    await file.close();
  });

  it("tells an optimiser's state from weights", async () => {
    const file = await openWeightFile(join(fixtures, 'train-state.msgpack'));
    expect(file.optimizerPrefixes).toEqual(['opt_state.']);
    expect({ ...file.metadata }).toEqual({ step: '1' });
    await file.close();
  });

  it('keeps names as they are, whatever JavaScript may think of them', async () => {
    const file = await openFlax(memoryByteSource('f', map([['__proto__', map([['constructor', array([6], 'float32', 24)], ['toString', number(3)]])]])));
    expect(file.tensors.map(({ name }) => name)).toEqual(['__proto__.constructor']);
    expect(Object.entries(file.metadata)).toEqual([['__proto__.toString', '3']]);
  });

  it('leaves arrays out whose elements have no meaning here', async () => {
    const file = await openFlax(memoryByteSource('f', map([['w', array([6], 'int4', 6)], ['v', array([2], 'float32', 8)]])));
    expect(file.tensors.map(({ name }) => name)).toEqual(['v']);
    expect(file.warnings).toEqual(['Array "w" is left out: its element type "int4" is not supported.']);
  });
});

describe('MessagePack', () => {
  it('reads every form of number, text, list and map', async () => {
    const forms: readonly (readonly [string, Uint8Array, string])[] = [
      ['positive fixint', raw(0x7f), '127'], ['negative fixint', raw(0xe0), '-32'], ['uint 8', raw(0xcc, 255), '255'], ['uint 16', raw(0xcd, 1, 2), '258'], ['uint 32', raw(0xce, 1, 2, 3, 4), '16909060'],
      ['uint 64', raw(0xcf, Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255)), '18446744073709551615'], ['int 8', raw(0xd0, 0x80), '-128'], ['int 16', raw(0xd1, 0x80, 0), '-32768'],
      ['int 32', raw(0xd2, 0x80, 0, 0, 0), '-2147483648'], ['int 64', raw(0xd3, Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 0)), '-9223372036854775808'],
      ['float 32', raw(0xca, 0x3f, 0xc0, 0, 0), '1.5'], ['float 64', raw(0xcb, 0xbf, 0xf8, Uint8Array.of(0, 0, 0, 0, 0, 0)), '-1.5'],
      ['fixstr', raw(0xa2, 0x61, 0x62), 'ab'], ['str 8', raw(0xd9, 1, 0x61), 'a'], ['str 16', raw(0xda, 0, 1, 0x61), 'a'], ['false', raw(0xc2), 'False'], ['true', raw(0xc3), 'True'],
    ];
    const others: readonly (readonly [string, Uint8Array])[] = [
      ['fixarray', raw(0x91, 1)], ['array 16', raw(0xdc, 0, 1, 1)], ['fixmap', raw(0x81, 0xa1, 0x61, 1)], ['map 16', raw(0xde, 0, 1, 0xa1, 0x61, 1)], ['nil', raw(0xc0)],
      ['bin 8', raw(0xc4, 1, 9)], ['bin 16', raw(0xc5, 0, 1, 9)], ['fixext 1', raw(0xd4, 2, 1)], ['fixext 16', raw(0xd8, 2, new Uint8Array(16))], ['ext 8', raw(0xc7, 1, 2, 0)], ['ext 16', raw(0xc8, 0, 1, 2, 0)],
    ];
    const file = await openFlax(memoryByteSource('f', map([...forms.map(([key, value]) => [key, value] as const), ...others, ['w', array([1], 'float32', 4)]])));
    for (const [key, , shown] of forms) expect(file.metadata[key], key).toBe(shown);
    for (const key of ['fixarray.0', 'array 16.0', 'fixmap.a', 'map 16.a']) expect(file.metadata[key], key).toBe('1');
  });
});

describeBadFiles('flax', badFiles, {
  'truncated.msgpack': 'byte 11: an extension of 62 bytes begins here, but only 61 are left',
  'behind.msgpack': 'byte 78: the value ends here, but 1 bytes follow',
  'noArrays.msgpack': 'is MessagePack without arrays, so it is not a Flax checkpoint',
  'number.msgpack': 'is MessagePack without arrays, so it is not a Flax checkpoint',
  'unused.msgpack': 'byte 11: byte 0xc1 begins no value',
  'hugeMap.msgpack': 'byte 0: a map of 4294967295 keys and values, but only 73 bytes are left',
  'hugeList.msgpack': 'byte 11: a list of 4294967295 values, but only 67 bytes are left',
  'hugeText.msgpack': 'byte 11: a text of 4294967295 bytes begins here, but only 1 are left',
  'hugeBytes.msgpack': 'byte 11: a byte string of 4294967295 bytes begins here, but only 3 are left',
  'hugeExtension.msgpack': 'byte 11: an extension of 4294967296 bytes begins here, but only 4 are left',
  'nested.msgpack': 'byte 64: values are nested more than 64 levels deep',
  'nestedMaps.msgpack': 'byte 192: values are nested more than 64 levels deep',
  'keyNumber.msgpack': 'byte 5: the key of a map is not a text',
  'keyTwice.msgpack': 'byte 78: the key "w" is there twice',
  'keyNotUtf8.msgpack': 'byte 5: a text is not valid UTF-8',
  'joinedNames.msgpack': 'tensor "a.b": is there twice once the names of nested dicts are joined by dots',
  'longName.msgpack': `tensor "${'n'.repeat(199)}…": its name has more than 4096 characters`,
  'otherExtension.msgpack': "byte 17: an extension of type 7, which is not one of Flax's (1 array, 2 complex number, 3 scalar)",
  'emptyExtension.msgpack': 'byte 17: a value of 1 bytes is expected here, but only 0 are left',
  'notTriple.msgpack': 'byte 17: an array is not of the form shape, dtype, bytes',
  'surplusInside.msgpack': 'byte 17: an array takes 56 bytes, but its extension has 57',
  'beyondExtension.msgpack': 'byte 17: an array takes 56 bytes, but its extension has 20',
  'arrayInArray.msgpack': 'byte 17: an extension within an array',
  'shapeOfTexts.msgpack': 'byte 17: the shape of an array is not of whole numbers from 0 on',
  'negativeShape.msgpack': 'byte 17: the shape of an array is not of whole numbers from 0 on',
  'dimensions65.msgpack': 'byte 17: an array has 65 dimensions; at most 64 are read',
  'otherSize.msgpack': 'tensor "w": its shape [2, 3] of F64 takes 48 bytes, but 24 are stored',
  'overflow.msgpack': 'tensor "w": its shape [4294967295, 4294967295] of F32 takes 73786976260478470000 bytes, but 24 are stored',
  'longDtype.msgpack': 'byte 17: the dtype of an array has a name that is too long to be one',
  'chunksWithoutShape.msgpack': 'tensor "w": is in chunks, but has no shape',
  'chunksMissing.msgpack': 'tensor "w": is in chunks, but has none',
  'chunkNumbers.msgpack': 'tensor "w": is in chunks, but has none',
  'chunkNoArray.msgpack': 'tensor "w": its chunk 0 is not an array',
  'chunkDtypes.msgpack': 'tensor "w": its chunk 1 has dtype int32, the first float32',
  'chunkShape.msgpack': 'tensor "w": is in chunks, and its shape is not of whole numbers from 0 on',
  'chunkTooFew.msgpack': 'tensor "w": its shape [7] of F32 takes 28 bytes, but its chunks have 24',
  'hostileName.msgpack': String.raw`tensor "<b>\u{202e}\u{0}": its shape [7] of F32 takes 28 bytes, but 24 are stored`,
});

function randomFile(random: Random): Uint8Array {
  const often = <T>(right: T, wrong: readonly T[]): T => (random.below(15) === 0 ? pick(random, wrong) : right);
  const dtypes: readonly (readonly [string, number])[] = [['float32', 4], ['bfloat16', 2], ['float64', 8], ['bool', 1], ['complex64', 8], ['int4', 1], ['float16', 2]];
  const anArray = (): Uint8Array => {
    const [dtype, width] = pick(random, dtypes);
    const shape = Array.from({ length: random.below(4) }, () => random.below(4));
    const elements = shape.reduce((product, length) => product * length, 1);
    return array(shape.map((size) => often<number | Uint8Array>(size, [raw(0xff), text('2'), 0xffffffff, 7])), dtype, often(elements * width, [0, 5, 12]), often(1, [3, 2, 5]));
  };
  const content = (depth: number): Uint8Array => {
    switch (depth === 0 ? 0 : random.below(7)) {
      case 0: return pick(random, [anArray, anArray, () => number(3), () => raw(0xc0), () => text('t'), () => bytes(Buffer.alloc(3), often(3, [9]))])();
      case 1: return list(Array.from({ length: random.below(3) }, () => content(depth - 1)));
      case 2: return chunked(random.below(4) === 0 ? { chunks: map([['0', anArray()], ['1', anArray()]]) } : {});
      case 3: return random.below(4) === 0 ? extension(1, content(depth - 1)) : anArray();
      default: return map(Array.from({ length: random.below(4) }, (_, i) => [often<string | Uint8Array>(`k${i}`, ['k0', 'a.b', '', number(1)]), content(depth - 1)] as const), undefined);
    }
  };
  const whole = map([['params', content(3)], ['w', anArray()]]);
  return random.below(3) === 0 ? mutate(random, whole, [whole]) : whole;
}

describe('fuzzing', () => {
  const made = names.map((name) => new Uint8Array(readFileSync(join(fixtures, name))));
  const files = [...made, ...Object.values(badFiles)];
  it(`survives ${INPUTS} inputs`, async () => {
    await survive(Math.ceil(INPUTS / 2), randomFile, openFlax);
    await survive(Math.ceil(INPUTS / 2), (random) => mutate(random, pick(random, random.below(3) === 0 ? files : made), files), openFlax);
  }, 0);
});
