/**
 * MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md), as far as files of weights need it: a tree of maps, lists and plain
 * values, with byte strings and extensions left where they are in the file. Every count is compared with the bytes that remain, and depth
 * and number of values are bounded, so that time and memory follow from the size of what is kept.
 */
import type { ByteCursor } from './byteCursor.ts';
import { showName } from './weightFileError.ts';

export type MsgpackValue<Extension> = null | boolean | number | bigint | string | MsgpackBytes | MsgpackList<Extension> | MsgpackMap<Extension> | { readonly kind: 'extension'; readonly value: Extension };

export interface MsgpackBytes {
  readonly kind: 'bytes';
  /** First byte, counted from the beginning of the file. */
  readonly position: number;
  readonly length: number;
}

export interface MsgpackList<Extension> {
  readonly kind: 'list';
  readonly items: readonly MsgpackValue<Extension>[];
}

export interface MsgpackMap<Extension> {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, MsgpackValue<Extension>>;
}

/** Reads what is inside an extension: `length` bytes from the cursor's position on, of which it need not take all. */
export type ReadExtension<Extension> = (type: number, cursor: ByteCursor, length: number) => Promise<Extension>;

const DEEPEST = 64;
// A value takes as little as one byte of the file and some fifty of memory.
const MOST_VALUES = 1_000_000;
const LONGEST_TEXT = 1024 * 1024;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** One value, behind which the cursor then stands. @throws WeightFileError naming the byte */
export async function readMsgpack<Extension>(cursor: ByteCursor, readExtension: ReadExtension<Extension>): Promise<MsgpackValue<Extension>> {
  let values = 0;

  const value = async (depth: number): Promise<MsgpackValue<Extension>> => {
    const at = cursor.position;
    if (++values > MOST_VALUES) throw cursor.error(`more than ${MOST_VALUES} values, more than any file of weights needs`, at);
    await cursor.load(1, 'a value');
    const first = cursor.u8();
    if (first < 0x80) return first;
    if (first < 0x90) return map(first & 0x0f, depth, at);
    if (first < 0xa0) return list(first & 0x0f, depth, at);
    if (first < 0xc0) return text(first & 0x1f, at);
    if (first >= 0xe0) return first - 256;
    const argument = argumentBytes[first - 0xc0] ?? 0;
    await cursor.load(argument, 'a number');
    switch (first) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: return bytes(cursor.u8(), at);
      case 0xc5: return bytes(cursor.u16(), at);
      case 0xc6: return bytes(cursor.u32(), at);
      case 0xc7: return extension(cursor.u8(), at);
      case 0xc8: return extension(cursor.u16(), at);
      case 0xc9: return extension(cursor.u32(), at);
      case 0xca: return cursor.f32();
      case 0xcb: return cursor.f64();
      case 0xcc: return cursor.u8();
      case 0xcd: return cursor.u16();
      case 0xce: return cursor.u32();
      case 0xcf: return narrow(cursor.u64());
      case 0xd0: return cursor.i8();
      case 0xd1: return cursor.i16();
      case 0xd2: return cursor.i32();
      case 0xd3: return narrow(cursor.i64());
      case 0xd4: case 0xd5: case 0xd6: case 0xd7: case 0xd8: return extension(2 ** (first - 0xd4), at);
      case 0xd9: return text(cursor.u8(), at);
      case 0xda: return text(cursor.u16(), at);
      case 0xdb: return text(cursor.u32(), at);
      case 0xdc: return list(cursor.u16(), depth, at);
      case 0xdd: return list(cursor.u32(), depth, at);
      case 0xde: return map(cursor.u16(), depth, at);
      case 0xdf: return map(cursor.u32(), depth, at);
      default: throw cursor.error('byte 0xc1 begins no value', at);
    }
  };

  const text = async (length: number, at: number): Promise<string> => {
    requireBytes('a text', length, at);
    if (length > LONGEST_TEXT) throw cursor.error(`a text of ${length} bytes; at most ${LONGEST_TEXT} are read`, at);
    await cursor.load(length, 'a text');
    try {
      return utf8.decode(cursor.bytes(length));
    } catch {
      throw cursor.error('a text is not valid UTF-8', at);
    }
  };

  const bytes = (length: number, at: number): MsgpackBytes => {
    requireBytes('a byte string', length, at);
    const position = cursor.position;
    cursor.skip(length);
    return { kind: 'bytes', position, length };
  };

  const extension = async (length: number, at: number): Promise<MsgpackValue<Extension>> => {
    // The type is a byte of its own, before the content.
    requireBytes('an extension', length + 1, at);
    await cursor.load(1, 'the type of an extension');
    const type = cursor.i8();
    const end = cursor.position + length;
    const content = await readExtension(type, cursor, length);
    cursor.skip(end - cursor.position);
    return { kind: 'extension', value: content };
  };

  const list = async (count: number, depth: number, at: number): Promise<MsgpackList<Extension>> => {
    requireDepth(depth, at);
    if (count > cursor.remaining) throw cursor.error(`a list of ${count} values, but only ${cursor.remaining} bytes are left`, at);
    const items: MsgpackValue<Extension>[] = [];
    for (let i = 0; i < count; i++) items.push(await value(depth + 1));
    return { kind: 'list', items };
  };

  const map = async (count: number, depth: number, at: number): Promise<MsgpackMap<Extension>> => {
    requireDepth(depth, at);
    if (2 * count > cursor.remaining) throw cursor.error(`a map of ${count} keys and values, but only ${cursor.remaining} bytes are left`, at);
    const entries = new Map<string, MsgpackValue<Extension>>();
    for (let i = 0; i < count; i++) {
      const keyAt = cursor.position;
      const key = await value(depth + 1);
      if (typeof key !== 'string') throw cursor.error('the key of a map is not a text', keyAt);
      if (entries.has(key)) throw cursor.error(`the key "${showName(key)}" is there twice`, keyAt);
      entries.set(key, await value(depth + 1));
    }
    return { kind: 'map', entries };
  };

  const requireDepth = (depth: number, at: number): void => {
    if (depth >= DEEPEST) throw cursor.error(`values are nested more than ${DEEPEST} levels deep`, at);
  };

  const requireBytes = (what: string, length: number, at: number): void => {
    if (length > cursor.remaining) throw cursor.error(`${what} of ${length} bytes begins here, but only ${cursor.remaining} are left`, at);
  };

  return value(0);
}

/** Bytes of the number that follows the first bytes 0xc0 to 0xdf. */
const argumentBytes: readonly number[] = [0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4];

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
