/**
 * The wire format of protocol buffers (protobuf.dev, "Encoding"): a message is a run of fields, each a key (number and wire type) with a whole
 * number, 4 or 8 bytes, or a counted run of bytes. A walk over a message hands out fields where they lie; counted runs are
 * skipped unless the visitor reads them, so that gigabytes of weights cost nothing. Nothing here recurses.
 */
import type { ByteCursor } from './byteCursor.ts';
import { showName, type WeightFileError } from './weightFileError.ts';

export type ProtoField =
  | { readonly number: number; readonly at: number; readonly wire: 'varint'; readonly value: bigint }
  | { readonly number: number; readonly at: number; readonly wire: 'fixed32'; readonly value: number }
  | { readonly number: number; readonly at: number; readonly wire: 'fixed64' }
  | ProtoBytes;

/** A counted run of bytes: a text, a message, a packed list. */
export interface ProtoBytes {
  readonly number: number;
  readonly at: number;
  readonly wire: 'bytes';
  /** First byte of the run in the source. */
  readonly start: number;
  readonly length: number;
}

// A key takes at most 5 bytes, what follows it at most 10.
const LONGEST_FIELD_START = 15;
const LONGEST_TEXT = 65_535;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Visits the fields from the cursor's position to byte `end`, where the cursor is left.
 * @param what the message, for errors: "the graph"
 * @param visit may read on from the field's `start`, to its end at most
 * @throws WeightFileError naming the byte where the message is not well formed
 */
export async function visitMessage(cursor: ByteCursor, end: number, what: string, visit: (field: ProtoField) => Promise<void> | undefined): Promise<void> {
  while (cursor.position < end) {
    if (cursor.available < LONGEST_FIELD_START) await cursor.loadUpTo(LONGEST_FIELD_START);
    const field = takeField(cursor, end, what);
    const reading = visit(field);
    // Most fields are read at once, and a promise for each would take longer than the reading.
    if (reading !== undefined) await reading;
    if (field.wire === 'bytes') cursor.skip(field.start + field.length - cursor.position);
  }
}

function takeField(cursor: ByteCursor, end: number, what: string): ProtoField {
  const at = cursor.position;
  const key = takeVarint(cursor, end, what);
  const number = Number(key >> 3n);
  const wire = Number(key & 7n);
  if (number < 1 || number >= 2 ** 29) throw cursor.error(`${what} has a field of number ${number}, which no field can have`, at);
  switch (wire) {
    case 0: return { number, at, wire: 'varint', value: takeVarint(cursor, end, what) };
    case 1:
      requireBytes(cursor, end, 8, what, at);
      cursor.skip(8);
      return { number, at, wire: 'fixed64' };
    case 2: {
      const length = takeVarint(cursor, end, what);
      const start = cursor.position;
      if (length > BigInt(end - start)) throw cursor.error(`field ${number} of ${what} is to have ${length.toString()} bytes, but ${end - start} are left`, at);
      return { number, at, wire: 'bytes', start, length: Number(length) };
    }
    case 5:
      requireBytes(cursor, end, 4, what, at);
      return { number, at, wire: 'fixed32', value: cursor.f32() };
    default: throw cursor.error(`field ${number} of ${what} has wire type ${wire}, which is not in use`, at);
  }
}

function requireBytes(cursor: ByteCursor, end: number, bytes: number, what: string, at: number): void {
  if (end - cursor.position < bytes) throw cursor.error(`${what} ends within a field`, at);
}

/** Unsigned; at most 64 bits in at most 10 bytes. */
function takeVarint(cursor: ByteCursor, end: number, what: string): bigint {
  const at = cursor.position;
  // Numbers below 2²⁸, which nearly all are, need no large integers.
  let low = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    if (cursor.position >= end) throw cursor.error(`${what} ends within a number`, at);
    const byte = cursor.u8();
    low += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return BigInt(low);
  }
  let value = BigInt(low);
  for (let shift = 28n; shift < 70n; shift += 7n) {
    if (cursor.position >= end) throw cursor.error(`${what} ends within a number`, at);
    const byte = cursor.u8();
    if (shift === 63n && byte > 1) break;
    value += BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  throw cursor.error(`${what} holds a number of more than 64 bits`, at);
}

/** What a field that is to be a text, a message or a packed list is instead. */
export function bytesField(cursor: ByteCursor, field: ProtoField, what: string): ProtoBytes {
  if (field.wire !== 'bytes') throw wrongWire(cursor, field, what);
  return field;
}

/** A signed 64-bit integer (int64, int32, enum). */
export function integerField(cursor: ByteCursor, field: ProtoField, what: string): bigint {
  if (field.wire !== 'varint') throw wrongWire(cursor, field, what);
  return BigInt.asIntN(64, field.value);
}

export function wrongWire(cursor: ByteCursor, field: ProtoField, what: string): WeightFileError {
  return cursor.error(`field ${field.number} of ${what} has the wrong wire type (${field.wire})`, field.at);
}

/** @throws WeightFileError when the text is longer than 65,535 bytes, or not UTF-8 */
export async function readText(cursor: ByteCursor, field: ProtoField, what: string): Promise<string> {
  const { start, length } = bytesField(cursor, field, what);
  if (length > LONGEST_TEXT) throw cursor.error(`field ${field.number} of ${what} is a text of ${length} bytes; at most ${LONGEST_TEXT} are read`, field.at);
  if (cursor.available < length) await cursor.load(length, 'a text');
  try {
    return utf8.decode(cursor.bytes(length));
  } catch {
    throw cursor.error(`field ${field.number} of ${what} is a text, but not valid UTF-8`, start);
  }
}

/** A key and a value, as `StringStringEntryProto` and maps have them. */
export async function readPair(cursor: ByteCursor, field: ProtoField, what: string): Promise<readonly [key: string, value: string]> {
  const { start, length } = bytesField(cursor, field, what);
  let key = '';
  let value = '';
  await visitMessage(cursor, start + length, what, async (part) => {
    if (part.number === 1) key = await readText(cursor, part, `a key of ${what}`);
    else if (part.number === 2) value = await readText(cursor, part, `"${showName(key)}" of ${what}`);
  });
  return [key, value];
}
