/**
 * Seeded fuzzing of the safetensors readers: headers put together at random, valid files with bytes changed, cut and repeated. Each input
 * ends in tensors that can be read, or in one WeightFileError; within a second of processor time and without asking for memory beyond
 * the file's size. QUOTIENT_FUZZ=N sets the number of inputs; QUOTIENT_FUZZ_SEED=S runs another series.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededRandom, type Random } from '../../../src/linalg/random.ts';
import { memoryByteSource, type ByteSource } from '../../../src/weights/byteSource.ts';
import { bytesPerElement, isReal, type Dtype } from '../../../src/weights/dtype.ts';
import { openSafetensors } from '../../../src/weights/safetensors.ts';
import { openSafetensorsIndex } from '../../../src/weights/safetensorsIndex.ts';
import type { WeightFile } from '../../../src/weights/weightFile.ts';
import { WeightFileError } from '../../../src/weights/weightFileError.ts';
import { badFiles, safetensorsBytes } from '../../fixtures/makeBadSafetensors.ts';

const inputs = Number(process.env['QUOTIENT_FUZZ'] ?? 100_000);
const firstSeed = Number(process.env['QUOTIENT_FUZZ_SEED'] ?? 1_000_000);

const pick = <T>(random: Random, from: readonly T[]): T => from[random.below(from.length)]!;
const chance = (random: Random, p: number): boolean => random.uniform() < p;

/** Mostly a valid header; every part of it may be wrong now and then. */
function randomFile(random: Random): Uint8Array {
  const wrong = chance(random, 0.7) ? 0.08 : 0;
  const number = (right: number): string => (chance(random, wrong) ? pick(random, ['-1', '0', `${right + 1}`, `${right}.0`, '9007199254740993', '1e400', '18446744073709551615', '""', 'null', '[]', '00', '-']) : `${right}`);
  const text = (right: string): string => (chance(random, wrong) ? pick(random, ['__proto__', '__metadata__', 'constructor', '', '\u202e', '\u0000', 'F4', 'f32', '\ud800', 'a']) : right);
  let begin = 0;
  const members: string[] = [];
  const count = random.below(6);
  for (let i = 0; i < count; i++) {
    const dtype = pick(random, Object.keys(bytesPerElement) as Dtype[]);
    const shape = Array.from({ length: random.below(4) }, () => random.below(5));
    const bytes = shape.reduce((product, axis) => product * axis, bytesPerElement[dtype]);
    const fields = [
      `"dtype":${chance(random, wrong) ? number(0) : JSON.stringify(text(dtype))}`,
      `"shape":[${shape.map(number).join(',')}]`,
      `"data_offsets":[${number(begin)},${number(begin + bytes)}]`,
      ...(chance(random, 0.1) ? [`"x":${pick(random, ['[[[]]]', '{"a":{}}', '1.5e3', 'tru', '"\\u00"', '['.repeat(200)])}`] : []),
    ];
    if (chance(random, wrong)) fields.splice(random.below(fields.length), 1);
    if (chance(random, wrong)) fields.push(pick(random, fields.length === 0 ? ['"x":1'] : fields));
    members.push(`${JSON.stringify(text(`t${i}`))}:{${fields.join(',')}}`);
    begin += bytes;
  }
  if (chance(random, 0.3)) members.unshift(`"__metadata__":{${chance(random, wrong) ? '"a":1' : '"format":"pt"'}}`);
  if (chance(random, 0.3)) members.reverse();
  const header = `{${members.join(chance(random, wrong) ? ' ' : ',')}}${' '.repeat(random.below(9))}`;
  return safetensorsBytes(header, chance(random, wrong) ? random.below(200) : begin, chance(random, wrong) ? BigInt(random.below(2000)) : undefined);
}

function mutated(random: Random, from: Uint8Array): Uint8Array {
  let bytes = Buffer.from(from);
  for (let change = random.below(4); change >= 0; change--) {
    const at = random.below(bytes.length + 1);
    const length = 1 + random.below(chance(random, 0.2) ? 64 : 4);
    switch (random.below(6)) {
      case 0: if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << random.below(8)); break;
      case 1: if (at < bytes.length) bytes[at] = random.below(256); break;
      case 2: bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]); break;
      case 3: bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)]); break;
      case 4: bytes = bytes.subarray(0, at); break;
      default: bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(pick(random, ['"', '\\', '{', '}', '[', ']', ',', ':', '0', '-', '\u0000', '\ud83d\ude00', '"__metadata__":{}', '9999999999'])), bytes.subarray(at)]);
    }
  }
  return bytes;
}

/** Refuses, as a defect, any read that asks for more than the file holds. */
function watched(bytes: Uint8Array, path: string): ByteSource {
  const source = memoryByteSource(path, bytes);
  return {
    ...source,
    read(offset, length) {
      if (length > bytes.length) throw new Error(`${length} bytes asked of a file of ${bytes.length}`);
      return source.read(offset, length);
    },
  };
}

/** @returns whether the input was accepted */
async function survives(open: () => Promise<WeightFile>, describeInput: () => string): Promise<boolean> {
  const before = process.cpuUsage();
  let accepted = false;
  try {
    const file = await open();
    for (const { name, dtype, elements } of file.tensors) if (isReal(dtype) && (await file.read(name)).length !== elements) throw new Error(`${name} has another length than it says`);
    await file.close();
    accepted = true;
  } catch (error) {
    if (!(error instanceof WeightFileError)) throw new Error(describeInput(), { cause: error });
  }
  const { user, system } = process.cpuUsage(before);
  if (user + system > 1e6) throw new Error(`${describeInput()}: took ${(user + system) / 1e6} s of processor time`);
  return accepted;
}

function fixture(name: string): Uint8Array {
  return readFileSync(join(import.meta.dirname, '../../fixtures/weights', name));
}

describe('safetensors', () => {
  it(`survives ${inputs} inputs`, async () => {
    const corpus = [fixture('edges.safetensors'), fixture('sharded-00001-of-00002.safetensors'), ...Object.entries(badFiles).filter(([name]) => name.endsWith('.safetensors')).map(([, bytes]) => bytes)];
    let accepted = 0;
    for (let i = 0; i < inputs; i++) {
      const random = seededRandom(firstSeed + i);
      const base = chance(random, 0.5) ? randomFile(random) : pick(random, corpus);
      const bytes = chance(random, 0.4) ? base : mutated(random, base);
      if (bytes.length === 0) continue;
      if (await survives(() => openSafetensors(watched(bytes, 'fuzz')), () => `QUOTIENT_FUZZ_SEED=${firstSeed + i} QUOTIENT_FUZZ=1`)) accepted++;
    }
    // Neither side may be out of reach of the generator. (One input alone is what a failing seed is run with.)
    if (inputs >= 1000) {
      expect(accepted).toBeGreaterThan(inputs / 50);
      expect(accepted).toBeLessThan(inputs / 2);
    }
  }, 0);
});

describe('safetensors.index.json', () => {
  it(`survives ${inputs} inputs`, async () => {
    const valid = Buffer.from(JSON.stringify({ metadata: { total_size: 40, more: [1, { a: null }] }, weight_map: { 'a.weight': 'sharded-00001-of-00002.safetensors', 'b.bias': 'sharded-00001-of-00002.safetensors', 'c.weight': 'sharded-00002-of-00002.safetensors' } }));
    const corpus = [valid, valid, fixture('sharded.safetensors.index.json'), ...Object.entries(badFiles).filter(([name]) => name.endsWith('.json')).map(([, bytes]) => bytes)];
    const path = join(import.meta.dirname, '../../fixtures/weights/fuzz.safetensors.index.json');
    let accepted = 0;
    for (let i = 0; i < inputs; i++) {
      const random = seededRandom(firstSeed + i);
      const bytes = mutated(random, pick(random, corpus));
      if (bytes.length === 0) continue;
      if (await survives(() => openSafetensorsIndex(watched(bytes, path)), () => `QUOTIENT_FUZZ_SEED=${firstSeed + i} QUOTIENT_FUZZ=1`)) accepted++;
    }
    if (inputs >= 1000) expect(accepted).toBeGreaterThan(0);
  }, 0);
});
