/** The diagonal of the GGN, Σ_n Σ_s (row s of H^{1/2}J(x_n))²: the precision, less the prior's, of a diagonal Laplace approximation. */
import { inputCount, requireFiniteProblem, rowsPerInput, type CurvatureProblem } from '../curvature/problem.ts';
import { inputsPerChunk, weightedRows } from '../curvature/weightedJacobian.ts';
import type { JobContext } from '../protocol/rpc.ts';

/** @returns length D */
export async function diagonalPrecision(problem: CurvatureProblem, { signal, progress }: Pick<JobContext, 'signal' | 'progress'>): Promise<Float64Array> {
  requireFiniteProblem(problem);
  const { parameters } = problem.network;
  const diagonal = new Float64Array(parameters);
  const step = Math.min(inputCount(problem), inputsPerChunk(problem));
  const rows = new Float64Array(step * rowsPerInput(problem) * parameters);
  for (let first = 0; first < inputCount(problem); first += step) {
    const count = Math.min(step, inputCount(problem) - first);
    weightedRows(problem, first, count, rows);
    for (let r = 0, at = 0; r < count * rowsPerInput(problem); r++) for (let i = 0; i < parameters; i++, at++) diagonal[i]! += rows[at]! ** 2;
    progress({ message: 'Diagonal of the GGN', fraction: (first + count) / inputCount(problem) });
    await new Promise<void>((resolve) => { setImmediate(resolve); });
    signal.throwIfAborted();
  }
  return diagonal;
}
