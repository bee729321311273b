/**
 * Headers are small and lie near each other: an archive of 100,000 arrays would otherwise cost several reads of the operating system
 * an array. Small reads are served from one window of the file; large ones, the elements, go straight to it.
 */
import type { ByteSource } from './byteSource.ts';

const SMALL = 1024;
const WINDOW = 16 * 1024;

/** The same bytes as `source`, whose owner it does not become. */
export function readAhead(source: ByteSource): ByteSource {
  let windowStart = 0;
  let window = new Uint8Array(0);
  return {
    path: source.path,
    size: source.size,
    async read(offset, length) {
      // A range that is none is refused by the source, in its own words.
      if (length > SMALL || !(offset >= 0 && length >= 0 && offset + length <= source.size)) return source.read(offset, length);
      if (offset < windowStart || offset + length > windowStart + window.length) {
        const bytes = await source.read(offset, Math.min(WINDOW, source.size - offset));
        windowStart = offset;
        window = new Uint8Array(bytes);
        return bytes.slice(0, length);
      }
      return window.slice(offset - windowStart, offset - windowStart + length);
    },
    close: () => Promise.resolve(),
  };
}
