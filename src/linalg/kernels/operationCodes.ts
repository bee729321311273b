/** What a parallel region can be asked to perform. Zero sends the crew home. */
export const GEMM: i32 = 1;
export const TRIDIAGONAL_COLUMN: i32 = 2;
export const TRIDIAGONAL_LEAVES: i32 = 3;
export const SECULAR_ROOTS: i32 = 4;
export const SECULAR_WEIGHTS: i32 = 5;
export const SECULAR_VECTORS: i32 = 6;
export const REFLECT_ROWS: i32 = 7;
export const JACOBI_ROUND: i32 = 8;
export const SOLVE_ROWS: i32 = 9;
export const SUBSTITUTE: i32 = 10;
export const GATHER_PATCHES: i32 = 11;
export const SCATTER_PATCHES: i32 = 12;
export const PACK_WEIGHTS: i32 = 13;
export const CONVOLVE: i32 = 14;
export const CONVOLVE_PLANES: i32 = 15;
export const POOL: i32 = 16;
export const FINISH: i32 = 17;
