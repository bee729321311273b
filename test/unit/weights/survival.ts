/**
 * What fuzzing holds every reader to: an input ends in tensors that can be read or in one WeightFileError, and no read asks for more
 * bytes than the file has. The seed of a failure is in its message.
 */
import { expect } from 'vitest';
import { seededRandom, type Random } from '../../../src/linalg/random.ts';
import { memoryByteSource, type ByteSource } from '../../../src/weights/byteSource.ts';
import { isReal } from '../../../src/weights/dtype.ts';
import type { WeightFile } from '../../../src/weights/weightFile.ts';
import { WeightFileError } from '../../../src/weights/weightFileError.ts';

const isCi = !['', 'false', undefined].includes(process.env['CI']);
/** Inputs a format: about a tenth of a millisecond each. QUOTIENT_FUZZ asks for more, or fewer. */
export const INPUTS = Number(process.env['QUOTIENT_FUZZ'] ?? (isCi ? 100_000 : 10_000));
/** An input is to take less than this, in milliseconds of processor time, unless said otherwise: a generous bound against loops without end. */
const LONGEST = 1000;

function strictSource(bytes: Uint8Array, path: string): ByteSource {
  const source = memoryByteSource(path, bytes);
  return {
    ...source,
    read(offset, length) {
      if (length > bytes.length) throw new Error(`asked for ${length} of ${bytes.length} bytes`);
      return source.read(offset, length);
    },
  };
}

async function readSome(file: WeightFile): Promise<void> {
  try {
    if (new Set(file.tensors.map(({ name }) => name)).size !== file.tensors.length) throw new Error('two tensors of one name');
    for (const { name, elements, dtype, shape } of file.tensors.slice(0, 20)) {
      if (shape.reduce((product, length) => product * length, 1) !== elements) throw new Error(`${name}: ${elements} elements in shape ${shape.join()}`);
      if (!isReal(dtype)) continue;
      const end = Math.min(elements, 2000);
      if ((await file.read(name, 0, end)).length !== end) throw new Error(`${name}: another length than asked for`);
      if (elements > 2000 && (await file.read(name, elements - 1)).length !== 1) throw new Error(`${name}: no last element`);
    }
  } finally {
    await file.close();
  }
}

/** @param least how many of the inputs must be accepted and refused, each; otherwise the generator tests nothing but the first check */
export async function survive(
  inputs: number, input: (random: Random) => Uint8Array, open: (source: ByteSource) => Promise<WeightFile>, path = 'f', least = inputs / 100, longest = LONGEST,
): Promise<void> {
  let sound = 0;
  let refused = 0;
  for (let seed = 0; seed < inputs; seed++) {
    const bytes = input(seededRandom(seed));
    const before = process.cpuUsage();
    try {
      await readSome(await open(strictSource(bytes, path)));
      sound++;
    } catch (error) {
      // Values that turn out to be damaged when they are read count as refused as well.
      if (!(error instanceof WeightFileError)) throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`, { cause: error });
      // One line, safe to show, that names the file.
      if (!/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{5,2000}$/u.test(error.message) || !error.message.includes(': ')) throw new Error(`seed ${seed}: message ${JSON.stringify(error.message)}`, { cause: error });
      refused++;
    }
    const { user, system } = process.cpuUsage(before);
    if ((user + system) / 1000 > longest) throw new Error(`seed ${seed}: took ${(user + system) / 1000} ms`);
  }
  expect(sound).toBeGreaterThan(least);
  expect(refused).toBeGreaterThan(least);
}
