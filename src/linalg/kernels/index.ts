/** What TypeScript calls. Addresses are bytes into the shared memory, distances are counted in doubles. */
export { dismiss, serve, setCrew } from './team';
export { gemmSlab, setTileRows } from './gemm';
export { addWeighted } from './hadamard';
export { rotate } from './simd';
export { tridiagonalPanel } from './tridiagonal';
export { tridiagonalLeaves } from './tridiagonalLeaves';
export { rankOneEigen } from './secular';
export { reflector, reflectRows } from './householder';
export { jacobiRound, rowSquares } from './jacobi';
export { choleskyBlock, solveRows, substitute } from './triangular';
export { gatherPatches, scatterPatches } from './patches';
export { convolve, packWeights } from './convolve';
export { convolvePlanes, pool, windowRuns } from './planes';
export { finish } from './finish';
export { rectify } from './rectify';
export { mix } from './mix';
export { contractCotangents, spreadCotangents } from './cotangents';
export { augmentPath, augmentRows, keepCheapest, reduceColumns } from './assignment';
