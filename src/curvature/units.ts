/**
 * What each hidden unit does on the data, as far as it explains a kernel:
 *   constant    its incoming weights are zero: it outputs the same for every input
 *   dead        its activation's derivative is zero on every input (ReLU never on): nothing upstream is seen through it
 *   always-on   piecewise linear and never crossing its kink: it acts linearly
 *   rare        piecewise linear and on one side of its kink for less than a twentieth of the inputs, and for fewer of them than it has
 *               incoming parameters: these inputs cannot tell its directions apart, others like them could
 *   saturated   smooth, and |σ'| < 1e-6 on every input
 *   duplicate   another unit of the layer computes the same feature, up to a factor
 *   mixed       none of these
 */
import type { Random } from '../linalg/random.ts';
import type { Activation } from '../network/activation.ts';
import type { DenseChain, DenseLayer } from '../network/denseChain.ts';
import { trace } from '../network/chainForward.ts';

export type UnitStatus = 'constant' | 'dead' | 'always-on' | 'rare' | 'saturated' | 'duplicate' | 'mixed';

export interface UnitReport {
  /** The layer's name in the chain. */
  readonly layer: string;
  readonly unit: number;
  readonly status: UnitStatus;
  /** For `duplicate`: the first unit of the layer that computes the same feature. */
  readonly duplicateOf?: number;
}

const SATURATED = 1e-6;
const RARE = 1 / 20;
const PARALLEL = 1e-10;

/**
 * One report for every unit of every layer but the last, in order.
 * @param x inputs, N × d
 * @param random draws the direction that duplicate candidates are sorted by
 */
export function unitReports(chain: DenseChain, theta: Float64Array, x: Float64Array, random: Random): UnitReport[] {
  const { preactivations } = trace(chain, theta, x);
  return chain.layers.slice(0, -1).flatMap((layer, l) => {
    const duplicates = duplicateUnits(layer, theta, random);
    return Array.from({ length: layer.outputs }, (_, unit): UnitReport => {
      const alone = statusAlone(layer, theta, preactivations[l]!, unit);
      const duplicateOf = duplicates[unit]!;
      if (alone !== 'mixed' || duplicateOf < 0) return { layer: layer.name, unit, status: alone };
      return { layer: layer.name, unit, status: 'duplicate', duplicateOf };
    });
  });
}

function statusAlone(layer: DenseLayer, theta: Float64Array, z: Float64Array, unit: number): UnitStatus {
  const from = layer.weight.offset + unit * layer.inputs;
  if (theta.subarray(from, from + layer.inputs).every((weight) => weight === 0)) return 'constant';
  const { derivative, positivelyHomogeneous, name } = layer.activation;
  if (z.length === 0 || name === 'linear') return 'mixed';
  let largest = 0;
  let likeFirst = 0;
  const first = derivative(z[unit]!);
  for (let k = unit; k < z.length; k += layer.outputs) {
    const slope = derivative(z[k]!);
    largest = Math.max(largest, Math.abs(slope));
    if (slope === first) likeFirst++;
  }
  if (positivelyHomogeneous) {
    const inputs = z.length / layer.outputs;
    const minority = Math.min(likeFirst, inputs - likeFirst);
    if (minority === 0) return largest === 0 ? 'dead' : 'always-on';
    const incoming = layer.inputs + (layer.bias === undefined ? 0 : 1);
    return minority < incoming && minority < RARE * inputs ? 'rare' : 'mixed';
  }
  return largest < SATURATED ? 'saturated' : 'mixed';
}

/**
 * For each unit the first one before it with the same feature, or −1. The feature is the row u = [w; b] up to what the activation
 * lets through: a positive factor (homogeneous), a sign (odd), both (linear), or nothing. Rows are reduced to a representative
 * and sorted along a random direction, so that only neighbours are compared.
 */
function duplicateUnits(layer: DenseLayer, theta: Float64Array, random: Random): Int32Array {
  const width = layer.inputs + 1;
  const rows = Array.from({ length: layer.outputs }, (_, unit) => representative(layer, theta, unit));
  const direction = Float64Array.from({ length: width }, () => random.normal());
  const length = Math.hypot(...direction);
  const along = rows.map((row) => row.reduce((sum, entry, i) => sum + entry * direction[i]!, 0) / length);
  const order = Array.from(rows.keys()).sort((i, j) => along[i]! - along[j]!);
  const duplicateOf = new Int32Array(layer.outputs).fill(-1);
  order.forEach((i, at) => {
    for (let next = at + 1; next < order.length; next++) {
      const j = order[next]!;
      const reach = PARALLEL * Math.hypot(...rows[i]!);
      if (along[j]! - along[i]! > reach) break;
      if (apart(rows[i]!, rows[j]!) > reach) continue;
      const later = Math.max(i, j);
      const earlier = Math.min(i, j);
      if (duplicateOf[later]! < 0 || earlier < duplicateOf[later]!) duplicateOf[later] = earlier;
    }
  });
  return duplicateOf;
}

function representative(layer: DenseLayer, theta: Float64Array, unit: number): Float64Array {
  const row = new Float64Array(layer.inputs + 1);
  const from = layer.weight.offset + unit * layer.inputs;
  row.set(theta.subarray(from, from + layer.inputs));
  if (layer.bias !== undefined) row[layer.inputs] = theta[layer.bias.offset + unit]!;
  const factor = factorOut(layer.activation, row);
  return row.map((entry) => entry / factor);
}

function factorOut(activation: Activation, row: Float64Array): number {
  const norm = activation.positivelyHomogeneous ? Math.hypot(...row) || 1 : 1;
  // An entry well away from zero decides the sign, so that rounding cannot.
  const largest = Math.max(...row.map(Math.abs));
  const leading = row.find((entry) => Math.abs(entry) >= 0.5 * largest) ?? 0;
  return activation.odd && leading < 0 ? -norm : norm;
}

function apart(a: Float64Array, b: Float64Array): number {
  return Math.hypot(...a.map((entry, i) => entry - b[i]!));
}
