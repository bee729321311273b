/**
 * Draws as rows of a matrix that need not be in memory: what is computed of them asks for tiles, a few coordinates of many rows or all
 * coordinates of a few. A tile's size depends on the number of rows alone, never on the memory there is, so that the same draws give
 * the same bits wherever they are kept.
 */

export interface DrawRows {
  /** M */
  readonly rows: number;
  /** k: numbers a row. */
  readonly coordinates: number;
  /** Coordinates [from, to) of the chosen rows, row-major, into the beginning of `into`. */
  tile(chosen: Int32Array, from: number, to: number, into: Float64Array): void;
}

/** Numbers in a tile (16 MiB), unless one coordinate of all rows is more. */
const TILE_NUMBERS = 1 << 21;

/** Coordinates of so many rows that make a tile. */
export const tileWidth = (rows: number, coordinates: number): number => Math.max(1, Math.min(coordinates, Math.floor(TILE_NUMBERS / rows)));

/** Rows of so many coordinates that make a tile. */
export const tileHeight = (rows: number, coordinates: number): number => tileWidth(coordinates, rows);

export const everyRow = (rows: number): Int32Array => Int32Array.from({ length: rows }, (_, m) => m);

/** A matrix that is in memory. @param features M × k row-major */
export function rowsOf(features: Float64Array, coordinates: number): DrawRows {
  return {
    rows: features.length / coordinates,
    coordinates,
    tile(chosen, from, to, into) {
      for (let a = 0, at = 0; a < chosen.length; a++, at += to - from) into.set(features.subarray(chosen[a]! * coordinates + from, chosen[a]! * coordinates + to), at);
    },
  };
}
