/** One thread's part of a parallel region. */
import { gemmPart } from './gemm';
import { GEMM, SECULAR_ROOTS, SECULAR_VECTORS, SECULAR_WEIGHTS, TRIDIAGONAL_COLUMN, TRIDIAGONAL_LEAVES } from './operationCodes';
import { secularRootsPart, secularVectorsPart, secularWeightsPart } from './secular';
import { tridiagonalColumnPart } from './tridiagonal';
import { tridiagonalLeavesPart } from './tridiagonalLeaves';

export function perform(operation: i32, thread: i32, threads: i32): void {
  switch (operation) {
    case GEMM:
      gemmPart(thread, threads);
      return;
    case TRIDIAGONAL_COLUMN:
      tridiagonalColumnPart(thread, threads);
      return;
    case TRIDIAGONAL_LEAVES:
      tridiagonalLeavesPart(thread, threads);
      return;
    case SECULAR_ROOTS:
      secularRootsPart();
      return;
    case SECULAR_WEIGHTS:
      secularWeightsPart(thread, threads);
      return;
    case SECULAR_VECTORS:
      secularVectorsPart(thread, threads);
      return;
    default:
      unreachable();
  }
}
