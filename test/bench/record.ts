/** What a benchmark measured, one JSON line each, for `npm run bench`; nothing without QUOTIENT_BENCH_RECORDS, the file that the lines go to. */
import { appendFileSync } from 'node:fs';

export type Recorded =
  | {
    /** What was computed, of what size. */
    readonly what: string;
    /** The other program, by the name of its distribution. */
    readonly peer: string;
    /** Seconds, the same statistic on both sides. */
    readonly ours: number;
    readonly theirs: number;
  }
  /** A cost of our own that stands beside nothing. */
  | { readonly what: string; readonly value: string; readonly peer?: undefined };

export function record(measured: Recorded): void {
  const file = process.env['QUOTIENT_BENCH_RECORDS'];
  if (file !== undefined && file !== '') appendFileSync(file, `${JSON.stringify(measured)}\n`);
}
