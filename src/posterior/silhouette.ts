/** How well groups of draws are apart: silhouettes (Rousseeuw 1987). */

/**
 * Mean over all draws of (b − a) / max(a, b), with a the mean distance to the draw's own group and b that to the nearest other one; 0
 * for a draw alone in its group.
 * @param squared n × n squared distances
 * @param labels group of every draw, 0 … at least 1
 */
export function meanSilhouette(squared: Float64Array, labels: Int32Array): number {
  const n = labels.length;
  const groups = Math.max(...labels) + 1;
  const sizes = new Float64Array(groups);
  for (const label of labels) sizes[label]!++;
  const sums = new Float64Array(groups);
  let total = 0;
  for (let i = 0; i < n; i++) {
    const own = labels[i]!;
    if (sizes[own] === 1) continue;
    sums.fill(0);
    for (let j = 0; j < n; j++) sums[labels[j]!]! += Math.sqrt(squared[i * n + j]!);
    const a = sums[own]! / (sizes[own]! - 1);
    let b = Number.POSITIVE_INFINITY;
    for (let g = 0; g < groups; g++) if (g !== own) b = Math.min(b, sums[g]! / sizes[g]!);
    const larger = Math.max(a, b);
    if (larger > 0) total += (b - a) / larger;
  }
  return total / n;
}
