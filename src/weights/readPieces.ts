/**
 * A range of bytes in pieces, read into memory that the caller gives: while one piece is used, the next ones are being read. So that the
 * system copies bytes once, and no memory is allocated on the way.
 */
import type { ByteSource } from './byteSource.ts';

/**
 * @param memory is cut into `pieces` equal pieces; holds nothing of use afterwards
 * @param use called in ascending order with where in `memory` a piece lies; the last may be shorter
 * @throws WeightFileError as reading does; the signal's reason, between two pieces, once it is aborted
 */
export async function readPieces(
  source: ByteSource, position: number, bytes: number, memory: Uint8Array, pieces: number, signal: AbortSignal, use: (offset: number, length: number, done: number) => void,
): Promise<void> {
  const size = memory.length / pieces;
  const reading: Promise<unknown>[] = [];
  let asked = 0;
  const ask = (offset: number): void => {
    if (asked >= bytes) return;
    const target = memory.subarray(offset, offset + Math.min(size, bytes - asked));
    const read = readInto(source, position + asked, target);
    // It is waited for below; until then an error is nobody's.
    read.catch(() => undefined);
    reading.push(read);
    asked += target.length;
  };
  try {
    signal.throwIfAborted();
    // Sources that unpack on the way, or join files, keep the order of what they are asked for.
    for (let piece = 0; piece < pieces; piece++) ask(piece * size);
    for (let done = 0; done < bytes; done += size) {
      await reading.shift();
      // A cancel message can only arrive when the event loop gets a turn.
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      signal.throwIfAborted();
      const offset = (done / size) % pieces * size;
      use(offset, Math.min(size, bytes - done), done);
      ask(offset);
    }
  } finally {
    // Nothing may write to the memory any more when it is used for something else.
    await Promise.allSettled(reading);
  }
}

async function readInto(source: ByteSource, offset: number, target: Uint8Array): Promise<void> {
  if (source.readInto === undefined) target.set(await source.read(offset, target.length));
  else await source.readInto(offset, target);
}
