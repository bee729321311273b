/** The checksum of HDF5's metadata: `hashlittle` of Bob Jenkins's lookup3.c (2006, public domain), with initial value 0. */

export function lookup3(bytes: Uint8Array): number {
  const { length } = bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  let a = (0xdeadbeef + length) | 0;
  let b = a;
  let c = a;
  if (length === 0) return c >>> 0;
  let at = 0;
  for (; length - at > 12; at += 12) {
    a = (a + view.getInt32(at, true)) | 0;
    b = (b + view.getInt32(at + 4, true)) | 0;
    c = (c + view.getInt32(at + 8, true)) | 0;
    a = (a - c) ^ rotated(c, 4); c = (c + b) | 0;
    b = (b - a) ^ rotated(a, 6); a = (a + c) | 0;
    c = (c - b) ^ rotated(b, 8); b = (b + a) | 0;
    a = (a - c) ^ rotated(c, 16); c = (c + b) | 0;
    b = (b - a) ^ rotated(a, 19); a = (a + c) | 0;
    c = (c - b) ^ rotated(b, 4); b = (b + a) | 0;
  }
  const last = (from: number): number => {
    let word = 0;
    for (let i = 0; i < 4; i++) word |= (bytes[at + from + i] ?? 0) << (8 * i);
    return word;
  };
  a = (a + last(0)) | 0;
  b = (b + last(4)) | 0;
  c = (c + last(8)) | 0;
  c = ((c ^ b) - rotated(b, 14)) | 0;
  a = ((a ^ c) - rotated(c, 11)) | 0;
  b = ((b ^ a) - rotated(a, 25)) | 0;
  c = ((c ^ b) - rotated(b, 16)) | 0;
  a = ((a ^ c) - rotated(c, 4)) | 0;
  b = ((b ^ a) - rotated(a, 14)) | 0;
  c = ((c ^ b) - rotated(b, 24)) | 0;
  return c >>> 0;
}

function rotated(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
