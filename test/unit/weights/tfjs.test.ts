/** TensorFlow.js: models of TensorFlow.js and of its converter against the values that TensorFlow.js loads; bad manifests; fuzzing. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Random } from '../../../src/linalg/random.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { openTfjs } from '../../../src/weights/tfjs.ts';
import { badFiles, group, model, weight } from '../../fixtures/makeBadTfjs.ts';
import { describeBadFiles } from './committedBad.ts';
import { describeFixture } from './expectedTensors.ts';
import { mutate, pick } from './mutations.ts';
import { INPUTS, survive } from './survival.ts';

const fixtures = join(import.meta.dirname, '../../fixtures');
const names = ['layers', 'graph', 'quantised'];
const temporary = mkdtempSync(join(tmpdir(), 'quotient-tfjs-'));
afterAll(() => {
  rmSync(temporary, { recursive: true });
});

for (const name of names) describeFixture(join(fixtures, 'tfjs', name, 'model.json'), join(fixtures, 'tfjs', `${name}.json`), /holds complex numbers/);

describe('what a model holds besides its weights', () => {
  it('is shown: where it comes from and its topology', async () => {
    const file = await openWeightFile(join(fixtures, 'tfjs/layers/model.json'));
    expect([file.format, file.metadata['format'], file.warnings]).toEqual(['TensorFlow.js layers model, 1 shard', 'layers-model', []]);
    expect(JSON.parse(file.metadata['modelTopology'] ?? '')).toMatchObject({ class_name: 'Sequential', config: { layers: [{ class_name: 'Dense', config: { activation: 'relu', units: 4 } }, { class_name: 'Dense', config: { units: 2 } }] } });
    await file.close();
  });

  it('is told where it matters: texts, quantisation, an optimiser, surplus bytes', async () => {
    for (const [name, warnings] of [
      ['graph', ['Tensor "labels" is left out: it holds 3 texts.']],
      ['quantised', ['5 of 6 tensors are stored quantised (U8, U16, F16) and are dequantised as they are read.']],
    ] as const) {
      const file = await openWeightFile(join(fixtures, 'tfjs', name, 'model.json'));
      expect(file.warnings).toEqual(warnings);
      await file.close();
    }
    writeFileSync(join(temporary, 'w.bin'), new Uint8Array(20));
    writeFileSync(join(temporary, 'surplus.json'), model([group(['w.bin'], [weight('a', '[2]'), weight('m', '[1]', ',"group":"optimizer"')])], `"modelTopology":[${'0,'.repeat(140_000)}0],"convertedBy":null,`));
    const file = await openWeightFile(join(temporary, 'surplus.json'));
    expect(file.warnings).toEqual(['8 bytes behind the weights of group 1 are ignored, as TensorFlow.js does.', "1 tensor is an optimiser's state, not weights."]);
    expect(file.metadata).toEqual({ format: 'graph-model' });
    await file.close();
  });

  it('takes quantised whole numbers as TensorFlow.js rounds them: halves upwards', async () => {
    writeFileSync(join(temporary, 'i.bin'), Uint8Array.of(0, 1, 2, 3));
    writeFileSync(join(temporary, 'integers.json'), model([group(['i.bin'], ['{"name":"a","shape":[4],"dtype":"int32","quantization":{"dtype":"uint8","scale":0.5,"min":-1}}'])]));
    const file = await openWeightFile(join(temporary, 'integers.json'));
    expect([...await file.read('a')]).toEqual([-1, 0, 0, 1]);
    await file.close();
  });
});

describe.runIf(process.platform !== 'win32')('shards behind symbolic links', () => {
  it('may lie in the folder tree of the model, not outside', async () => {
    const inside = join(temporary, 'model');
    mkdirSync(join(inside, 'parts'), { recursive: true });
    writeFileSync(join(temporary, 'outside.bin'), new Uint8Array(8));
    writeFileSync(join(inside, 'parts/real.bin'), new Uint8Array(8));
    symlinkSync('../outside.bin', join(inside, 'out.bin'));
    symlinkSync('parts/real.bin', join(inside, 'in.bin'));
    symlinkSync(temporary, join(inside, 'up'));
    for (const name of ['out.bin', 'up/outside.bin']) {
      const path = join(inside, 'bad.json');
      writeFileSync(path, model([group([name], [weight('a', '[2]')])]));
      await expect(openWeightFile(path)).rejects.toThrow(`${path}: shard "${name}": is a symbolic link that leads out of the folder of the model`);
    }
    writeFileSync(join(inside, 'good.json'), model([group(['in.bin'], [weight('a', '[2]')])]));
    const file = await openWeightFile(join(inside, 'good.json'));
    expect([...await file.read('a')]).toEqual([0, 0]);
    await file.close();
  });
});

describeBadFiles('tfjs', badFiles, {
  'parent.json': 'group 1: shard "../tfjs/w.bin" leads out of the folder of the model',
  'parentWithin.json': 'group 1: shard "a/../../w.bin" leads out of the folder of the model',
  'absolute.json': 'group 1: shard "/etc/passwd" is an absolute path; shards lie in the folder of the model',
  'drive.json': 'group 1: shard "C:/w.bin" is an absolute path; shards lie in the folder of the model',
  'share.json': String.raw`group 1: shard "\\server\share\w.bin" is an absolute path; shards lie in the folder of the model`,
  'backslash.json': String.raw`group 1: shard "x\w.bin" contains a backslash; folders are separated by "/"`,
  'url.json': 'group 1: shard "https://example.org/w.bin" is a URL; shards lie in the folder of the model',
  'fileUrl.json': 'group 1: shard "file:///etc/passwd" is a URL; shards lie in the folder of the model',
  'nul.json': String.raw`group 1: shard "w.bin\u{0}" is not a file name`,
  'emptyName.json': 'group 1: shard "" is not a file name',
  'missing.json': 'shard "missing.bin": there is no such file',
  'folder.json': 'group 1: shard "." is not a file name',
  'emptyShard.json': 'shard "empty.bin": is empty (0 bytes)',
  'twiceShard.json': 'group 1: shard "w.bin" is listed twice',
  'shortShard.json': 'tensor "b": its 28 bytes begin at byte 16 of group 1, whose shards hold 40 together; one is missing or truncated',
  'noShards.json': 'tensor "a": its 8 bytes begin at byte 0 of group 1, whose shards hold 0 together; one is missing or truncated',
  'hugeShape.json': 'tensor "a": its 4000000000000 bytes begin at byte 0 of group 1, whose shards hold 40 together; one is missing or truncated',
  'shapeOverflow.json': 'tensor "a": its shape [4294967296, 4294967296] has more than 2^53 bytes',
  'axisOverflow.json': 'byte 94: shape: 9007199254740993 is beyond 2^53',
  'negativeShape.json': 'byte 94: shape: expected a whole number, found -1',
  'shapeText.json': 'byte 93: shape: expected an array, found a string',
  'manyAxes.json': 'group 1, weight 1: has more than 64 dimensions',
  'noShape.json': 'tensor "a": has no shape',
  'noDtype.json': 'tensor "a": has no dtype',
  'noName.json': 'group 1, weight 1: has no name',
  'nameNumber.json': 'byte 81: name: expected a string, found a number',
  'twoDtypes.json': 'group 1, weight 1: has "dtype" twice',
  'unknownDtype.json': 'tensor "a": dtype "float128" is unknown',
  'prototypeDtype.json': 'tensor "a": dtype "__proto__" is unknown',
  'twiceWeight.json': 'tensor "a": is listed twice',
  'hostileName.json': String.raw`tensor "<b>\u{202e}gnp\u{0}</b>": its 396 bytes begin at byte 0 of group 1, whose shards hold 40 together; one is missing or truncated`,
  'quantizedAs.json': 'tensor "a": its quantization dtype "int4" is unknown',
  'quantizedWithout.json': 'tensor "a": its quantization has no dtype',
  'noScale.json': 'tensor "a": its quantization has no finite scale and min',
  'scaleText.json': 'tensor "a": its quantization has no finite scale and min',
  'scaleInfinite.json': 'tensor "a": its quantization has no finite scale and min',
  'scaleNaN.json': 'byte 155: not valid JSON: expected a value, found "N"',
  'halfInteger.json': 'tensor "a": is I32 quantised as F16, which the format does not have',
  'quantizedTexts.json': 'tensor "a": is string quantised as U8, which the format does not have',
  'textsTooMany.json': 'tensor "a", group 1: its 3000000000 texts do not fit into the shards, which end at byte 8, from byte 0 on',
  'textTooLong.json': 'tensor "a", group 1: its 2 texts do not fit into the shards, which end at byte 8, from byte 8 on',
  'noPaths.json': 'group 1: has no paths',
  'noWeights.json': 'group 1: has no weights',
  'twoPaths.json': 'group 1: has paths twice',
  'twoManifests.json': 'holds "weightsManifest" twice',
  'noManifest.json': 'has no weightsManifest, so it is not a TensorFlow.js model',
  'manifestObject.json': 'byte 19: weightsManifest: expected an array, found an object',
  'deepTopology.json': 'byte 117: nested more than 100 levels deep',
  'notJson.json': 'byte 0: not valid JSON: expected an object, found "w"',
  'notUtf8.json': 'is not valid UTF-8',
  'unfinished.json': 'byte 60: not valid JSON: expected "," or "]", found the end of the text',
}, ['w.bin', 'x.bin', 'empty.bin', 'texts.bin']);

function randomModel(random: Random): Uint8Array {
  const rare = (right: string, ...wrong: readonly string[]): string => (random.below(30) === 0 ? pick(random, wrong) : right);
  const entry = (i: number): string => {
    const shape = `[${Array.from({ length: random.below(3) }, () => rare(String(1 + random.below(3)), '0', '-1', '1e9', '9007199254740991', '4294967296', '""')).join(',')}]`;
    const dtype = pick(random, ['float32', 'float32', 'int32', 'bool', 'string', 'complex64', 'uint8', 'float64']);
    const quantization = pick(random, ['', '', '', ',"quantization":{"dtype":"uint8","scale":0.1,"min":-1}', ',"quantization":{"dtype":"float16"}', ',"quantization":{"dtype":"uint16","scale":1e300,"min":-1e300}', ',"quantization":{"dtype":"uint8"}']);
    return `{"name":${rare(`"t${i}"`, '"same"', '1', '"__proto__"')},"shape":${rare(shape, '[[]]', 'null')},"dtype":"${rare(dtype, 'x', 'constructor')}"${quantization}}`;
  };
  const groups = Array.from({ length: 1 + random.below(2) }, (_, k) => group([rare(k === 0 ? 'w.bin' : 'x.bin', '../w.bin', 'missing.bin', '', 'texts.bin', 'http://w.bin')], Array.from({ length: random.below(4) }, (_, i) => entry(10 * k + i))));
  return model(groups, rare('', '"modelTopology":{},', '"modelTopology":[[[', '"a":1,"a":2,'));
}

describe('fuzzing', () => {
  const path = join(fixtures, 'bad/tfjs/fuzz.json');
  const sound = ['w.bin', 'x.bin'].map((shard) => model([group([shard], [weight('a', '[2]'), weight('b', '[]', ',"quantization":{"dtype":"uint8","scale":0.1,"min":-1}')])]));
  const files = [...sound, ...Object.entries(badFiles).filter(([name]) => name.endsWith('.json')).map(([, bytes]) => bytes), ...names.map((name) => readFileSync(join(fixtures, 'tfjs', name, 'model.json')))];
  it(`survives ${INPUTS} inputs`, async () => {
    await survive(Math.ceil(INPUTS / 2), randomModel, openTfjs, path);
    await survive(Math.ceil(INPUTS / 2), (random) => mutate(random, pick(random, random.below(3) === 0 ? files : sound), files), openTfjs, path, INPUTS / 1000);
  }, 0);
});
