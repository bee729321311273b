/**
 * What no reader of safetensors may accept, each with the one sentence that it must give. The files are made by
 * test/fixtures/makeBadSafetensors.ts; those that cannot be committed are made here.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { memoryByteSource } from '../../../src/weights/byteSource.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { openSafetensors } from '../../../src/weights/safetensors.ts';
import { WeightFileError } from '../../../src/weights/weightFileError.ts';
import { badFiles, safetensorsBytes } from '../../fixtures/makeBadSafetensors.ts';

const committed = join(import.meta.dirname, '../../fixtures/bad/safetensors');
const temporary = mkdtempSync(join(tmpdir(), 'quotient-bad-'));
afterAll(() => { rmSync(temporary, { recursive: true }); });

const messages: Readonly<Record<string, string>> = {
  'short.safetensors': "is 5 bytes long; a safetensors file begins with 8 bytes that give its header's length",
  'length0.safetensors': 'header: its length is given as 0 bytes, too few for the JSON that belongs there',
  'length2to63.safetensors': 'header: its length is given as 9223372036854775808 bytes, more than the 100,000,000 that the format allows; this is not a safetensors file, or a damaged one',
  'lengthOver100MB.safetensors': 'header: its length is given as 100000001 bytes, more than the 100,000,000 that the format allows; this is not a safetensors file, or a damaged one',
  'lengthOverFile.safetensors': 'header: its length is given as 6 bytes, but only 5 follow; the file is truncated, or not a safetensors file',
  'lengthOnly.safetensors': 'header: its length is given as 2 bytes, but only 0 follow; the file is truncated, or not a safetensors file',
  'noBrace.safetensors': 'header: begins with byte 0x5b instead of "{"',
  'leadingSpace.safetensors': 'header: begins with byte 0x20 instead of "{"',
  'notUtf8.safetensors': 'header: is not valid UTF-8',
  'notJson.safetensors': 'header, byte 13, tensor "a": not valid JSON: expected an object, found "}"',
  'trailingComma.safetensors': 'header, byte 62: not valid JSON: expected a string, found "}"',
  'unfinished.safetensors': 'header, byte 61: not valid JSON: expected "," or "}", found the end of the text',
  'unfinishedString.safetensors': 'header, byte 9: not valid JSON: a string without an end',
  'textAfterHeader.safetensors': 'header, byte 63: not valid JSON: something follows after the end of the object',
  'controlCharacter.safetensors': 'header, byte 11: not valid JSON: a control character inside a string',
  'loneSurrogate.safetensors': 'header, byte 9: not valid JSON: a string with half of a surrogate pair',
  'badEscape.safetensors': 'header, byte 9: not valid JSON: a string with an unknown escape or a control character',
  'leadingZero.safetensors': 'header, byte 37, tensor "a": not valid JSON: a number is malformed',
  'single.safetensors': `header, byte 9: not valid JSON: expected a string, found "'"`,
  'duplicateTensor.safetensors': 'header: holds tensor "a" twice',
  'duplicateSpelling.safetensors': 'header: holds tensor "a" twice',
  'duplicateMetadata.safetensors': 'header: holds "__metadata__" twice',
  'duplicateMetadataKey.safetensors': 'header: holds __metadata__ "a" twice',
  'duplicateDtype.safetensors': 'tensor "a": has two dtypes',
  'duplicateShape.safetensors': 'tensor "a": has two shapes',
  'duplicateOffsets.safetensors': 'tensor "a": has two data_offsets',
  'overlap.safetensors': 'tensor "b": begins at byte 120, inside tensor "a", which ends at byte 124',
  'overlapUnordered.safetensors': 'tensor "b": begins at byte 120, inside tensor "a", which ends at byte 124',
  'hole.safetensors': 'tensor "b": begins at byte 124, but tensor "a" ends at byte 120: the bytes between belong to no tensor',
  'holeAtStart.safetensors': 'tensor "a": begins at byte 66, but the data begins at byte 62: the bytes between belong to no tensor',
  'backwards.safetensors': 'tensor "a": its data_offsets [8, 0] run backwards',
  'negative.safetensors': 'header, byte 56, tensor "a": data_offsets: expected a whole number, found -4',
  'fractional.safetensors': 'header, byte 58, tensor "a": data_offsets: expected a whole number, found 4.0',
  'exponent.safetensors': 'header, byte 37, tensor "a": shape: expected a whole number, found 1e0',
  'oneOffset.safetensors': 'tensor "a": data_offsets: expected two numbers, found 1',
  'threeOffsets.safetensors': 'tensor "a": data_offsets: expected two numbers, found more',
  'trailing.safetensors': 'byte 66: the tensors end here, but the file is 69 bytes long',
  'trailingAlone.safetensors': 'byte 10: the tensors end here, but the file is 11 bytes long',
  'truncated.safetensors': 'tensor "b": ends at byte 128, but the file is only 125 bytes long; it is truncated',
  'shapeOverflow.safetensors': 'tensor "a": its shape [4294967296, 4294967296] has more than 2^53 bytes',
  'axisOverflow.safetensors': 'header, byte 36, tensor "a": shape: 9007199254740993 is beyond 2^53',
  'offsetOverflow.safetensors': 'header, byte 55, tensor "a": data_offsets: 18446744073709551615 is beyond 2^53',
  'wrongBytes.safetensors': 'tensor "a": its shape [2, 3] of F32 takes 24 bytes, but its data_offsets [0, 20] hold 20',
  'manyAxes.safetensors': 'tensor "a": has more than 64 dimensions',
  'unknownDtype.safetensors': 'tensor "a": its dtype "F128" is unknown',
  'packedDtype.safetensors': 'tensor "a": its dtype F4 packs several elements into a byte, which is not supported yet',
  'prototypeDtype.safetensors': 'tensor "a": its dtype "constructor" is unknown',
  'prototype.safetensors': 'tensor "__proto__": has no shape',
  'hostileName.safetensors': String.raw`tensor "<b>\u{202e}gnp\u{0}</b>": its shape [1] of F32 takes 4 bytes, but its data_offsets [0, 8] hold 8`,
  'metadataNumber.safetensors': 'header: __metadata__ "epoch": expected a string, found a number',
  'metadataArray.safetensors': 'header, byte 24: __metadata__: expected an object, found an array',
  'tensorNull.safetensors': 'header, byte 13, tensor "a": its entry: expected an object, found null',
  'noDtype.safetensors': 'tensor "a": has no dtype',
  'noOffsets.safetensors': 'tensor "a": has no data_offsets',
  'shapeText.safetensors': 'header, byte 36, tensor "a": shape: expected an array, found a string',
  'axisText.safetensors': 'header, byte 37, tensor "a": shape: expected a whole number, found a string',
  'parent.safetensors.index.json': 'weight_map "a": shard "../good/one.safetensors" leads out of the folder of the index',
  'parentWithin.safetensors.index.json': 'weight_map "a": shard "x/../../one.safetensors" leads out of the folder of the index',
  'absolute.safetensors.index.json': 'weight_map "a": shard "/etc/one.safetensors" is an absolute path; shards lie in the folder of the index',
  'drive.safetensors.index.json': 'weight_map "a": shard "C:/one.safetensors" is an absolute path; shards lie in the folder of the index',
  'share.safetensors.index.json': String.raw`weight_map "a": shard "\\server\share\one.safetensors" is an absolute path; shards lie in the folder of the index`,
  'backslash.safetensors.index.json': String.raw`weight_map "a": shard "x\one.safetensors" contains a backslash; folders are separated by "/"`,
  'nul.safetensors.index.json': String.raw`weight_map "a": shard "one\u{0}.safetensors" is not a file name`,
  'emptyName.safetensors.index.json': 'weight_map "a": shard "" is not a file name',
  'otherFormat.safetensors.index.json': 'weight_map "a": shard "pytorch_model-00001-of-00002.bin" is not a .safetensors file; other shards are not supported yet',
  'missingShard.safetensors.index.json': 'shard "missing.safetensors": there is no such file',
  'missingTensor.safetensors.index.json': 'weight_map "b": shard "one.safetensors" does not hold that tensor',
  'badShard.safetensors.index.json': 'shard "wrongBytes.safetensors", tensor "a": its shape [2, 3] of F32 takes 24 bytes, but its data_offsets [0, 20] hold 20',
  'duplicate.safetensors.index.json': 'weight_map "a": is listed twice',
  'notText.safetensors.index.json': `weight_map "a": expected a shard's file name, found a number`,
  'noMap.safetensors.index.json': 'has no weight_map; an index of shards lists its tensors there',
  'twoMaps.safetensors.index.json': 'holds "weight_map" twice',
  'mapArray.safetensors.index.json': 'byte 14: weight_map: expected an object, found an array',
  'notJson.safetensors.index.json': 'byte 0: not valid JSON: expected an object, found "w"',
  'notUtf8.safetensors.index.json': 'is not valid UTF-8',
};

async function messageOf(opening: Promise<unknown>): Promise<string> {
  const error: unknown = await opening.then(() => undefined, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WeightFileError);
  return (error as WeightFileError).message;
}

describe('committed files', () => {
  it.each(Object.keys(messages))('%s', async (name) => {
    const path = join(committed, name);
    expect(await messageOf(openWeightFile(path))).toBe(`${path}: ${messages[name] ?? ''}`);
  });

  it('are those of the script, and each has its message', () => {
    for (const [name, bytes] of Object.entries(badFiles)) expect(readFileSync(join(committed, name)).equals(bytes), name).toBe(true);
    expect(Object.keys(badFiles).filter((name) => !(name in messages))).toEqual(['one.safetensors']);
  });
});

describe('headers too big to commit', () => {
  const open = (bytes: Uint8Array): Promise<string> => messageOf(openSafetensors(memoryByteSource('big', bytes)));

  it.each([['[', ']'], ['{"a":', '}']])('100,000 levels of %s', async (opening, closing) => {
    const nested = `${opening.repeat(100_000)}1${closing.repeat(100_000)}`;
    const levels = 8 + '{"a":{"x":'.length + 100 * opening.length;
    expect(await open(safetensorsBytes(`{"a":{"x":${nested}}}`))).toBe(`big: header, byte ${levels}, tensor "a": nested more than 100 levels deep`);
  });

  it('a shape of a million axes', async () => {
    expect(await open(safetensorsBytes(`{"a":{"dtype":"U8","shape":[${'1,'.repeat(1_000_000)}1]}}`))).toBe('big: tensor "a": has more than 64 dimensions');
  });

  it('a hundred thousand and one entries of metadata', async () => {
    const entries = Array.from({ length: 100_001 }, (_, i) => `"${i}":""`);
    expect(await open(safetensorsBytes(`{"__metadata__":{${entries.join(',')}}}`))).toBe('big: header: holds more than 100000 entries in __metadata__');
  });

  it('a name of 60 MB, which the message cuts', async () => {
    const message = await open(safetensorsBytes(`{"${'\u202e'.repeat(10_000_000)}":{}}`));
    expect(message).toBe(`big: tensor "${String.raw`\u{202e}`.repeat(30).slice(0, 199)}…": has no dtype`);
  });

  it('a whole number of a million digits', async () => {
    expect(await open(safetensorsBytes(`{"a":{"shape":[${'9'.repeat(1_000_000)}]}}`))).toBe(`big: header, byte 23, tensor "a": shape: ${'9'.repeat(23)}… is beyond 2^53`);
  });
});

describe.runIf(process.platform !== 'win32')('shards behind symbolic links', () => {
  const shard = Buffer.from(badFiles['one.safetensors'] ?? []);
  const indexOf = (name: string): string => JSON.stringify({ weight_map: { a: name } });

  it('may not lie outside the folder of the index, whether by file or by folder', async () => {
    const outside = join(temporary, 'outside');
    const inside = join(temporary, 'inside');
    for (const folder of [outside, inside]) mkdirSync(folder);
    writeFileSync(join(outside, 'one.safetensors'), shard);
    symlinkSync(join(outside, 'one.safetensors'), join(inside, 'link.safetensors'));
    symlinkSync(outside, join(inside, 'folder'));
    for (const name of ['link.safetensors', 'folder/one.safetensors']) {
      const path = join(inside, 'model.safetensors.index.json');
      writeFileSync(path, indexOf(name));
      expect(await messageOf(openWeightFile(path))).toBe(`${path}: shard "${name}": is a symbolic link that leads out of the folder of the index`);
    }
  });

  it('may not lie in a folder whose name only begins like that of the index', async () => {
    mkdirSync(join(temporary, 'run'));
    mkdirSync(join(temporary, 'run2'));
    writeFileSync(join(temporary, 'run2', 'one.safetensors'), shard);
    symlinkSync(join(temporary, 'run2', 'one.safetensors'), join(temporary, 'run', 'one.safetensors'));
    const path = join(temporary, 'run', 'model.safetensors.index.json');
    writeFileSync(path, indexOf('one.safetensors'));
    expect(await messageOf(openWeightFile(path))).toContain('leads out of the folder');
  });

  it('may lie in the same folder tree, and in the blobs of a Hugging Face cache', async () => {
    const model = join(temporary, 'models--a--b');
    const snapshot = join(model, 'snapshots', '0123', 'unet');
    mkdirSync(snapshot, { recursive: true });
    mkdirSync(join(model, 'blobs'));
    mkdirSync(join(snapshot, 'parts'));
    writeFileSync(join(model, 'blobs', 'abcd'), shard);
    writeFileSync(join(model, 'blobs', 'index'), indexOf('one.safetensors'));
    symlinkSync('../../../blobs/abcd', join(snapshot, 'one.safetensors'));
    symlinkSync('../../../blobs/index', join(snapshot, 'model.safetensors.index.json'));
    writeFileSync(join(snapshot, 'parts', 'real.safetensors'), shard);
    symlinkSync('parts/real.safetensors', join(snapshot, 'near.safetensors'));
    writeFileSync(join(snapshot, 'near.safetensors.index.json'), indexOf('near.safetensors'));
    for (const name of ['model', 'near']) {
      const file = await openWeightFile(join(snapshot, `${name}.safetensors.index.json`));
      expect(file.tensors.map((tensor) => tensor.name)).toEqual(['a']);
      await file.close();
    }
    writeFileSync(join(model, 'other'), shard);
    symlinkSync('../../../other', join(snapshot, 'two.safetensors'));
    writeFileSync(join(snapshot, 'two.safetensors.index.json'), indexOf('two.safetensors'));
    expect(await messageOf(openWeightFile(join(snapshot, 'two.safetensors.index.json')))).toContain('leads out of the folder');
  });
});
