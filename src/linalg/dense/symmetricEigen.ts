/**
 * Eigenvalues, and vectors, of a real symmetric matrix. Errors are of order n · eps · ‖A‖₂ in every eigenvalue; small orders are
 * left to the plain implementation, which has nothing to copy and no one to wait for.
 */
import { sharedEngine, type Engine, type Work } from '../engine/engine.ts';
import { eigenOnEngine } from '../engine/symmetricEigen.ts';
import { complete } from '../interruptible.ts';
import { requireFiniteMatrix } from '../matrixInput.ts';
import { symmetricEigen as plainEigen, type SymmetricEigen } from '../symmetricEigen.ts';

const PLAIN_ORDER = 48;

/**
 * All eigenvalues, descending.
 * @param a n × n row-major; the strictly upper triangle is not used
 * @throws RangeError for NaN or infinite entries or a wrong length; MemoryLimitError beforehand; the signal's reason once aborted
 */
export async function symmetricEigenvalues(a: Float64Array, n: number, work: Work = {}, engine?: Engine): Promise<Float64Array> {
  return (await eigen(a, n, false, work, engine)).values;
}

/** As `symmetricEigenvalues`, with the orthonormal eigenvectors, one a row, in the same order. */
export function symmetricEigen(a: Float64Array, n: number, work: Work = {}, engine?: Engine): Promise<SymmetricEigen> {
  return eigen(a, n, true, work, engine);
}

async function eigen(a: Float64Array, n: number, wantVectors: boolean, work: Work, engine: Engine | undefined): Promise<SymmetricEigen> {
  requireFiniteMatrix(a, n, n);
  if (n <= PLAIN_ORDER) return complete(plainEigen(a, n, wantVectors));
  return eigenOnEngine(engine ?? await sharedEngine(), a, n, wantVectors, work);
}
