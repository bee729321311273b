/** What a report says of how it was made. */
import type { Provenance } from '../protocol/report.ts';

/** Put in by the bundler from package.json. */
declare const QUOTIENT_VERSION: string;

export const version: string = QUOTIENT_VERSION;

/** Starts a clock; call the result when the report is complete. */
export function startProvenance(seed: number | null): () => Provenance {
  const start = performance.now();
  return () => ({ version, seed, seconds: (performance.now() - start) / 1000 });
}
