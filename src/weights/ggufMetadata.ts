/**
 * The typed values behind the keys of a GGUF header, as text for people. Numbers and texts are kept, short arrays are written out; a long
 * array (a vocabulary of 150,000 tokens) is walked over and counted.
 */
import type { ByteCursor } from './byteCursor.ts';

export interface GgufValue {
  readonly text: string;
  /** Of a single whole number below 2⁵³. */
  readonly number?: number;
}

const TEXT = 8;
const ARRAY = 9;
// A chat template has some thousand characters.
const LONGEST_TEXT = 10_000;
const LONGEST_LIST = 32;
const LONGEST_TEXT_IN_LIST = 200;
const DEEPEST = 4;

/** Bytes, name and reading of each scalar type. */
const scalars: ReadonlyMap<number, { readonly bytes: number; readonly plural: string; readonly take: (cursor: ByteCursor) => number | bigint | boolean }> = new Map([
  [0, { bytes: 1, plural: 'numbers', take: (cursor) => cursor.u8() }],
  [1, { bytes: 1, plural: 'numbers', take: (cursor) => cursor.i8() }],
  [2, { bytes: 2, plural: 'numbers', take: (cursor) => cursor.u16() }],
  [3, { bytes: 2, plural: 'numbers', take: (cursor) => cursor.i16() }],
  [4, { bytes: 4, plural: 'numbers', take: (cursor) => cursor.u32() }],
  [5, { bytes: 4, plural: 'numbers', take: (cursor) => cursor.i32() }],
  [6, { bytes: 4, plural: 'numbers', take: (cursor) => cursor.f32() }],
  [7, { bytes: 1, plural: 'truth values', take: (cursor) => cursor.u8() !== 0 }],
  [10, { bytes: 8, plural: 'numbers', take: (cursor) => cursor.u64() }],
  [11, { bytes: 8, plural: 'numbers', take: (cursor) => cursor.i64() }],
  [12, { bytes: 8, plural: 'numbers', take: (cursor) => cursor.f64() }],
]);

/**
 * Walks over one value of the given type.
 * @throws WeightFileError naming the byte where the value does not fit
 */
export async function skipGgufValue(cursor: ByteCursor, type: number, depth = 0): Promise<GgufValue> {
  if (type === TEXT) return { text: await skipText(cursor, depth === 0 ? LONGEST_TEXT : LONGEST_TEXT_IN_LIST) };
  if (type === ARRAY) return { text: await skipArray(cursor, depth) };
  const scalar = scalars.get(type);
  if (scalar === undefined) throw cursor.error(`a value of type ${type}, which is unknown`, cursor.position - 4);
  await cursor.load(scalar.bytes, 'a value');
  const value = scalar.take(cursor);
  const number = Number(value);
  return { text: String(value), ...(typeof value !== 'boolean' && Number.isSafeInteger(number) ? { number } : {}) };
}

/** At most `keep` bytes of the text are read; a text that is not UTF-8 is shown as far as it is. */
async function skipText(cursor: ByteCursor, keep: number): Promise<string> {
  await cursor.load(8, 'the length of a text');
  const length = textLength(cursor);
  const kept = Math.min(length, keep);
  await cursor.load(kept, 'a text');
  const text = Buffer.from(cursor.bytes(kept)).toString('utf8');
  cursor.skip(length - kept);
  return kept < length ? `${text}…` : text;
}

/** Of 8 bytes that have been loaded. */
function textLength(cursor: ByteCursor): number {
  const length = cursor.u64();
  if (length > BigInt(cursor.remaining)) throw cursor.error(`a text is to have ${length.toString()} bytes, but ${cursor.remaining} are left`, cursor.position - 8);
  return Number(length);
}

async function skipArray(cursor: ByteCursor, depth: number): Promise<string> {
  const at = cursor.position;
  if (depth === DEEPEST) throw cursor.error(`arrays are nested more than ${DEEPEST} levels deep`);
  await cursor.load(12, 'the type and length of an array');
  const type = cursor.u32();
  const count = cursor.u64();
  const scalar = scalars.get(type);
  // An empty text takes 8 bytes, an empty array 12.
  const least = scalar?.bytes ?? (type === TEXT ? 8 : type === ARRAY ? 12 : undefined);
  if (least === undefined) throw cursor.error(`an array of type ${type}, which is unknown`, at);
  if (count * BigInt(least) > BigInt(cursor.remaining)) throw cursor.error(`an array is to have ${count.toString()} elements, which do not fit into the ${cursor.remaining} bytes that are left`, at);
  if (count <= LONGEST_LIST) {
    const items: string[] = [];
    for (let i = 0; i < Number(count); i++) items.push((await skipGgufValue(cursor, type, depth + 1)).text);
    return `[${items.join(', ')}]`;
  }
  if (scalar !== undefined) {
    cursor.skip(Number(count) * scalar.bytes);
    return `${count.toString()} ${scalar.plural}`;
  }
  for (let i = 0; i < Number(count); i++) {
    if (type === TEXT) {
      // Most of them are there already, and a promise for each would take longer than the reading.
      if (cursor.available < 8) await cursor.load(8, 'the length of a text');
      cursor.skip(textLength(cursor));
    } else await skipArray(cursor, depth + 1);
  }
  return `${count.toString()} ${type === TEXT ? 'texts' : 'arrays'}`;
}
