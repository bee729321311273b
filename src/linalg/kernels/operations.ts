/** One thread's part of a parallel region. */
import { convolvePart, packWeightsPart } from './convolve';
import { convolvePlanesPart, poolPart } from './planes';
import { finishPart } from './finish';
import { contractCotangentsPart, spreadCotangentsPart } from './cotangents';
import { gemmPart } from './gemm';
import { addWeightedPart } from './hadamard';
import { reflectRowsPart } from './householder';
import { jacobiRoundPart } from './jacobi';
import {
  ADD_WEIGHTED, CONTRACT_COTANGENTS, CONVOLVE, CONVOLVE_PLANES, FINISH, GATHER_PATCHES, GEMM, JACOBI_ROUND, MIX, PACK_WEIGHTS, POOL, RECTIFY, REFLECT_ROWS, SCATTER_PATCHES, SECULAR_ROOTS, SECULAR_VECTORS,
  SECULAR_WEIGHTS, SOLVE_ROWS, SPREAD_COTANGENTS, SUBSTITUTE, TRIDIAGONAL_COLUMN, TRIDIAGONAL_LEAVES,
} from './operationCodes';
import { mixPart } from './mix';
import { patchesPart } from './patches';
import { rectifyPart } from './rectify';
import { secularRootsPart, secularVectorsPart, secularWeightsPart } from './secular';
import { solveRowsPart, substitutePart } from './triangular';
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
    case REFLECT_ROWS:
      reflectRowsPart(thread, threads);
      return;
    case JACOBI_ROUND:
      jacobiRoundPart();
      return;
    case SOLVE_ROWS:
      solveRowsPart(thread, threads);
      return;
    case SUBSTITUTE:
      substitutePart(thread, threads);
      return;
    case GATHER_PATCHES:
      patchesPart(false);
      return;
    case SCATTER_PATCHES:
      patchesPart(true);
      return;
    case PACK_WEIGHTS:
      packWeightsPart();
      return;
    case CONVOLVE:
      convolvePart(thread);
      return;
    case CONVOLVE_PLANES:
      convolvePlanesPart();
      return;
    case POOL:
      poolPart();
      return;
    case FINISH:
      finishPart();
      return;
    case RECTIFY:
      rectifyPart(thread, threads);
      return;
    case CONTRACT_COTANGENTS:
      contractCotangentsPart(thread, threads);
      return;
    case SPREAD_COTANGENTS:
      spreadCotangentsPart(thread, threads);
      return;
    case MIX:
      mixPart(thread, threads);
      return;
    case ADD_WEIGHTED:
      addWeightedPart(thread, threads);
      return;
    default:
      unreachable();
  }
}
