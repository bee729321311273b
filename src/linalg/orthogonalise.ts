/**
 * Gram–Schmidt against an orthonormal basis, four directions at a time, so that the vector is read and written once for all of them; and
 * twice, which is enough (Kahan; Parlett 1998 §6.9).
 */

/** a ← a − Σ q (q · a) over orthonormal directions q. */
export function orthogonalise(a: Float64Array, directions: readonly Float64Array[]): void {
  for (let pass = 0; pass < 2; pass++) {
    let k = 0;
    for (; k + 3 < directions.length; k += 4) removeFour(a, directions[k]!, directions[k + 1]!, directions[k + 2]!, directions[k + 3]!);
    for (; k < directions.length; k++) removeOne(a, directions[k]!);
  }
}

function removeFour(a: Float64Array, q0: Float64Array, q1: Float64Array, q2: Float64Array, q3: Float64Array): void {
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (let k = 0; k < a.length; k++) {
    const x = a[k]!;
    s0 += x * q0[k]!;
    s1 += x * q1[k]!;
    s2 += x * q2[k]!;
    s3 += x * q3[k]!;
  }
  for (let k = 0; k < a.length; k++) a[k]! -= s0 * q0[k]! + s1 * q1[k]! + s2 * q2[k]! + s3 * q3[k]!;
}

function removeOne(a: Float64Array, q: Float64Array): void {
  let s = 0;
  for (let k = 0; k < a.length; k++) s += a[k]! * q[k]!;
  for (let k = 0; k < a.length; k++) a[k]! -= s * q[k]!;
}
