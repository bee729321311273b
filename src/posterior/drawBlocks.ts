/** Some of the draws, block by block, the next one being read while the caller is busy with this one. */
import { drawsInBlock, type DrawSource } from './draws.ts';

export interface DrawBlock {
  /** Positions among all draws, each one more than that before it. */
  readonly draws: Int32Array;
  /** Their states, `draws.length` × `stateSize`; the caller may change them, and the next block overwrites them. */
  readonly states: Float64Array;
}

/** Blocks that are in memory at once. */
export const BLOCKS_AT_ONCE = 2;

/** @param wanted ascending positions; the source is not to be read otherwise until the last block is there */
export async function* drawBlocks(source: DrawSource, wanted: Int32Array): AsyncGenerator<DrawBlock> {
  const { stateSize } = source.network;
  const runs = consecutive(wanted, drawsInBlock(stateSize));
  const longest = runs.reduce((most, { length }) => Math.max(most, length), 0);
  const buffers = runs.slice(0, BLOCKS_AT_ONCE).map(() => new Float64Array(longest * stateSize));
  const begin = (r: number): Promise<Float64Array> => {
    const run = runs[r]!;
    return source.read(run[0]!, run[run.length - 1]! + 1, buffers[r % BLOCKS_AT_ONCE]!.subarray(0, run.length * stateSize));
  };
  let ahead: Promise<Float64Array> | undefined;
  try {
    for (const [r, draws] of runs.entries()) {
      const states = await (ahead ?? begin(r));
      ahead = r + 1 < runs.length ? begin(r + 1) : undefined;
      // When the caller stops, nobody waits for the next block any more; what went wrong in it does not matter then.
      ahead?.catch(() => undefined);
      yield { draws, states };
    }
  } finally {
    await ahead?.catch(() => undefined);
  }
}

/** Cut where positions are left out, and after `most`. */
function consecutive(wanted: Int32Array, most: number): Int32Array[] {
  const runs: Int32Array[] = [];
  for (let begin = 0; begin < wanted.length;) {
    let end = begin + 1;
    while (end < wanted.length && end - begin < most && wanted[end] === wanted[end - 1]! + 1) end++;
    runs.push(wanted.subarray(begin, end));
    begin = end;
  }
  return runs;
}
