/** Rank plots: how the draws of each chain are distributed among the ranks of all (Vehtari et al. 2021, section 5). */

/**
 * @param values chains × draws, row-major
 * @returns chains × bins: the frequency of a chain's draws in each bin of equal width in rank, relative to the frequency when all chains are alike
 */
export function chainRanks(values: Float64Array, chains: number, bins: number): Float64Array {
  const total = values.length;
  const draws = total / chains;
  if (!Number.isInteger(draws)) throw new RangeError(`${total} numbers are not ${chains} chains`);
  const order = Uint32Array.from({ length: total }, (_, i) => i).sort((a, b) => values[a]! - values[b]! || a - b);
  const counts = new Float64Array(chains * bins);
  for (let from = 0; from < total;) {
    let to = from + 1;
    while (to < total && values[order[to]!] === values[order[from]!]) to++;
    // Draws that are equal share their mean rank, as a share of all.
    const bin = Math.min(bins - 1, Math.floor((((from + to) / 2) * bins) / total));
    for (let k = from; k < to; k++) counts[Math.floor(order[k]! / draws) * bins + bin]!++;
    from = to;
  }
  return counts.map((count) => (count * bins) / draws);
}
