/**
 * A screenshot as a small file: PNG with a palette of 256 colours in place of three bytes a pixel (W3C, Portable Network Graphics, 2003, clauses 9 and 11). Pages are flat colours and
 * the greys of text, so that what is lost does not show. Colours that are frequent stand for themselves; the rest go to the nearest of the palette.
 */
import { crc32, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const COLOURS = 256;

interface Image {
  readonly width: number;
  readonly height: number;
  /** Three bytes a pixel, rows from the top. */
  readonly rgb: Uint8Array;
}

/** @param png eight bits a channel, RGB or opaque RGBA, not interlaced: what browsers write */
export function palettedPng(png: Buffer): Buffer {
  const { width, height, rgb } = decode(png);
  const { palette, index } = quantise(rgb);
  const rows = new Uint8Array(height * (width + 1));
  for (let y = 0; y < height; y++) rows.set(index.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([SIGNATURE, chunk('IHDR', head), chunk('PLTE', palette), chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })), chunk('IEND', new Uint8Array())]);
}

function chunk(name: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(data.length + 12);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(name, 4, 'latin1');
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, data.length + 8)), data.length + 8);
  return bytes;
}

function decode(png: Buffer): Image {
  const parts: Buffer[] = [];
  let [width, height, channels] = [0, 0, 3];
  for (let at = SIGNATURE.length; at < png.length;) {
    const length = png.readUInt32BE(at);
    const name = png.toString('latin1', at + 4, at + 8);
    const data = png.subarray(at + 8, at + 8 + length);
    if (name === 'IHDR') {
      [width, height] = [data.readUInt32BE(0), data.readUInt32BE(4)];
      if (data[8] !== 8 || ![2, 6].includes(data[9] ?? 0) || data[12] !== 0) throw new Error('this PNG is not one of eight bits a channel, RGB or RGBA, without interlacing');
      channels = data[9] === 6 ? 4 : 3;
    } else if (name === 'IDAT') parts.push(data);
    at += length + 12;
  }
  return { width, height, rgb: withoutFilters(inflateSync(Buffer.concat(parts)), width, height, channels) };
}

/** Each row is preceded by the number of its filter, which predicts a byte from those to the left (a), above (b) and above left (c). */
function withoutFilters(rows: Uint8Array, width: number, height: number, channels: number): Uint8Array {
  const stride = width * channels;
  const bytes = new Uint8Array(height * stride);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (stride + 1)]!;
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const a = x < channels ? 0 : bytes[at - channels]!;
      const b = y === 0 ? 0 : bytes[at - stride]!;
      const c = x < channels || y === 0 ? 0 : bytes[at - stride - channels]!;
      const predicted = [0, a, b, (a + b) >> 1, paeth(a, b, c)][filter] ?? 0;
      bytes[at] = rows[y * (stride + 1) + 1 + x]! + predicted;
    }
  }
  const rgb = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) rgb.set(bytes.subarray(pixel * channels, pixel * channels + 3), pixel * 3);
  return rgb;
}

function paeth(a: number, b: number, c: number): number {
  const [toA, toB, toC] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  return toA <= toB && toA <= toC ? a : toB <= toC ? b : c;
}

/** The palette is grown colour by colour: next comes the one whose pixels, times their squared distance to what is there, are most. */
function quantise(rgb: Uint8Array): { readonly palette: Uint8Array; readonly index: Uint8Array } {
  const pixels = rgb.length / 3;
  const counts = new Map<number, number>();
  for (let p = 0; p < pixels; p++) {
    const colour = (rgb[3 * p]! << 16) | (rgb[3 * p + 1]! << 8) | rgb[3 * p + 2]!;
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const colours = [...counts].toSorted(([a, x], [b, y]) => y - x || a - b);
  const distances = new Float64Array(colours.length).fill(Infinity);
  const nearest = new Uint8Array(colours.length);
  const chosen: number[] = [];
  let next = 0;
  while (chosen.length < Math.min(COLOURS, colours.length)) {
    const [added] = colours[next]!;
    chosen.push(added);
    let worst = -1;
    for (const [i, [colour, count]] of colours.entries()) {
      const distance = ((colour >> 16) - (added >> 16)) ** 2 + (((colour >> 8) & 255) - ((added >> 8) & 255)) ** 2 + ((colour & 255) - (added & 255)) ** 2;
      if (distance < distances[i]!) {
        distances[i] = distance;
        nearest[i] = chosen.length - 1;
      }
      // The square root keeps a large even area from taking colours that differ by one step only.
      const weight = Math.sqrt(count) * distances[i]!;
      if (weight > worst) [worst, next] = [weight, i];
    }
  }
  const palette = Uint8Array.from(chosen.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]));
  const entry = new Map(colours.map(([colour], i) => [colour, nearest[i]!]));
  const index = new Uint8Array(pixels);
  for (let p = 0; p < pixels; p++) index[p] = entry.get((rgb[3 * p]! << 16) | (rgb[3 * p + 1]! << 8) | rgb[3 * p + 2]!) ?? 0;
  return { palette, index };
}
