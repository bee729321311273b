/**
 * Columns of long tables as they travel between processes and into pages: a hundred thousand rows as objects would be tens of
 * megabytes of JSON and as many small objects on every border. Names are front-coded (each shares a beginning with the one before
 * it, as in the dictionaries of Witten, Moffat & Bell, "Managing Gigabytes", §4.1), numbers are the base64 of their float64 bytes,
 * little-endian, so that they survive JSON exactly, NaN and infinities included.
 */

export interface NameColumn {
  /** UTF-16 units that each name has in common with the name before it. */
  readonly shared: readonly number[];
  /** What follows them. */
  readonly rest: readonly string[];
}

/** Base64 of float64 values. */
export type NumberColumn = string;

export function packNames(names: readonly string[]): NameColumn {
  const shared: number[] = [];
  const rest: string[] = [];
  let before = '';
  for (const name of names) {
    const most = Math.min(before.length, name.length);
    let common = 0;
    while (common < most && before.charCodeAt(common) === name.charCodeAt(common)) common++;
    // Half of a surrogate pair alone does not survive every encoding.
    if (common > 0 && isHighSurrogate(name.charCodeAt(common - 1))) common--;
    shared.push(common);
    rest.push(name.slice(common));
    before = name;
  }
  return { shared, rest };
}

export function unpackNames({ shared, rest }: NameColumn): string[] {
  let before = '';
  return rest.map((end, i) => {
    before = before.slice(0, shared[i]) + end;
    return before;
  });
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit < 0xdc00;

/** Arguments of one call; engines take some ten thousand. */
const CHUNK = 8192;

export function packNumbers(values: readonly number[]): NumberColumn {
  const bytes = new Uint8Array(Float64Array.from(values).buffer);
  let binary = '';
  for (let start = 0; start < bytes.length; start += CHUNK) binary += String.fromCharCode(...bytes.subarray(start, start + CHUNK));
  return btoa(binary);
}

export function unpackNumbers(column: NumberColumn): Float64Array {
  const binary = atob(column);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return new Float64Array(bytes.buffer);
}

/** Each different value once, and for each row which; `key` tells values apart. */
export function packKinds<T>(values: readonly T[], key: (value: T) => string): { readonly kinds: readonly T[]; readonly kind: readonly number[] } {
  const kinds: T[] = [];
  const found = new Map<string, number>();
  const kind = values.map((value) => {
    const text = key(value);
    let index = found.get(text);
    if (index === undefined) {
      index = kinds.push(value) - 1;
      found.set(text, index);
    }
    return index;
  });
  return { kinds, kind };
}
