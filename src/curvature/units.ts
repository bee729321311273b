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
import type { Interruptible } from '../linalg/interruptible.ts';
import type { Random } from '../linalg/random.ts';
import { type Activation, LINEAR } from '../network/activation.ts';
import { productsPerInput, valuesPerInput } from '../network/cost.ts';
import { trace } from '../network/forward.ts';
import { blockValues, type Network, type NetworkNode, type NodeOf, positions } from '../network/network.ts';
import { batchnormFactors } from '../network/normalisation.ts';

export type UnitStatus = 'constant' | 'dead' | 'always-on' | 'rare' | 'saturated' | 'duplicate' | 'mixed';

export interface UnitReport {
  /** The layer's name in the network. */
  readonly layer: string;
  readonly unit: number;
  readonly status: UnitStatus;
  /** For `duplicate`: the first unit of the layer that computes the same feature. */
  readonly duplicateOf?: number;
}

const SATURATED = 1e-6;
const RARE = 1 / 20;
const PARALLEL = 1e-10;
/** Numbers that the values of a chunk of inputs take, and its multiplications. */
const CHUNK = { numbers: 2 ** 22, products: 5e8 } as const;

/** A hidden dense or convolutional layer with what lies between it and the next: its units are channels. */
interface UnitLayer {
  readonly node: NodeOf<'dense' | 'conv'>;
  /** Batch normalisation between it and the activation. */
  readonly norm: NodeOf<'batchnorm'> | undefined;
  /** Whose value the activation takes. */
  readonly preactivation: NetworkNode;
  readonly activation: Activation;
  /** Rows u = [w; b], with the normalisation folded in. */
  readonly rows: readonly Float64Array[];
}

/**
 * One report for every unit of every layer but the last, in order: dense units and convolution channels, a channel over all of its
 * positions.
 * @param x inputs, N × d
 * @param random draws the direction that duplicate candidates are sorted by
 */
export function* unitReports(network: Network, state: Float64Array, x: Float64Array, random: Random): Interruptible<UnitReport[]> {
  const layers = unitLayers(network, state);
  const seen = yield* slopesOf(network, state, x, layers);
  return layers.flatMap((layer, l) => {
    const duplicates = duplicateUnits(layer, random);
    return layer.rows.map((row, unit): UnitReport => {
      const alone = statusAlone(layer, row, seen[l]![unit]!);
      const duplicateOf = duplicates[unit]!;
      if (alone !== 'mixed' || duplicateOf < 0) return { layer: layer.node.name, unit, status: alone };
      return { layer: layer.node.name, unit, status: 'duplicate', duplicateOf };
    });
  });
}

function unitLayers(network: Network, state: Float64Array): UnitLayer[] {
  const layers: UnitLayer[] = [];
  for (const node of network.nodes) {
    if (node.op !== 'dense' && node.op !== 'conv') continue;
    let at: NetworkNode = node;
    let norm: NodeOf<'batchnorm'> | undefined;
    for (let next = onlyConsumer(network, at); next?.op === 'dropout' || (next?.op === 'batchnorm' && norm === undefined); next = onlyConsumer(network, at)) {
      at = next;
      if (next.op === 'batchnorm') norm = next;
    }
    const next = onlyConsumer(network, at);
    if (isLast(network, node)) continue;
    layers.push({ node, norm, preactivation: at, activation: activationOf(next, state), rows: rowsOf(node, norm, state) });
  }
  return layers;
}

function onlyConsumer(network: Network, node: NetworkNode): NetworkNode | undefined {
  const consumers = network.nodes.filter(({ inputs }) => inputs.includes(node.index));
  return consumers.length === 1 ? consumers[0] : undefined;
}

/** Whether no other dense or convolutional layer lies between a layer's value and the output. */
function isLast(network: Network, layer: NetworkNode): boolean {
  for (let node = layer; node.index !== network.output;) {
    const next = onlyConsumer(network, node);
    if (next === undefined || next.op === 'dense' || next.op === 'conv') return false;
    node = next;
  }
  return true;
}

/** PReLU as the leaky ReLU it is; a slope per channel decides homogeneity for all of them alike. */
function activationOf(next: NetworkNode | undefined, state: Float64Array): Activation {
  if (next?.op === 'activation') return next.activation;
  if (next?.op !== 'prelu') return LINEAR;
  const slope = state[next.slope.offset]!;
  return { name: 'prelu', value: (z) => (z > 0 ? z : slope * z), derivative: (z) => (z > 0 ? 1 : slope), secondDerivative: undefined, positivelyHomogeneous: true, odd: false };
}

function rowsOf(node: NodeOf<'dense' | 'conv'>, norm: NodeOf<'batchnorm'> | undefined, state: Float64Array): Float64Array[] {
  const fanIn = node.weight.length / node.shape[0]!;
  const weight = blockValues(state, node.weight);
  const factor = norm === undefined ? undefined : batchnormFactors(norm, state).factor;
  return Array.from({ length: node.shape[0]! }, (_, unit) => {
    const row = new Float64Array(fanIn + 1);
    row.set(weight.subarray(unit * fanIn, (unit + 1) * fanIn));
    if (node.bias !== undefined) row[fanIn] = state[node.bias.offset + unit]!;
    if (norm === undefined || factor === undefined) return row;
    row[fanIn]! -= state[norm.mean.offset + unit]!;
    for (let i = 0; i <= fanIn; i++) row[i]! *= factor[unit]!;
    if (norm.shift !== undefined) row[fanIn]! += state[norm.shift.offset + unit]!;
    return row;
  });
}

/** Slopes of a unit's activation over all inputs and positions. */
interface SeenSlopes {
  first: number;
  likeFirst: number;
  count: number;
  largest: number;
}

function* slopesOf(network: Network, state: Float64Array, x: Float64Array, layers: readonly UnitLayer[]): Interruptible<SeenSlopes[][]> {
  const seen = layers.map(({ rows }) => rows.map((): SeenSlopes => ({ first: Number.NaN, likeFirst: 0, count: 0, largest: 0 })));
  const step = Math.max(1, Math.floor(Math.min(CHUNK.numbers / valuesPerInput(network), CHUNK.products / productsPerInput(network))));
  for (let from = 0; from < x.length; from += step * network.inputs) {
    const { values } = trace(network, state, x.subarray(from, from + step * network.inputs));
    layers.forEach(({ preactivation, activation }, l) => {
      const area = positions(preactivation.shape);
      const channels = preactivation.shape[0]!;
      values[preactivation.index]!.forEach((z, k) => {
        const unit = seen[l]![Math.floor(k / area) % channels]!;
        const slope = activation.derivative(z);
        if (unit.count === 0) unit.first = slope;
        unit.count++;
        if (slope === unit.first) unit.likeFirst++;
        if (Math.abs(slope) > unit.largest) unit.largest = Math.abs(slope);
      });
    });
    yield;
  }
  return seen;
}

function statusAlone({ node, norm, activation }: UnitLayer, row: Float64Array, { count, likeFirst, largest }: SeenSlopes): UnitStatus {
  const fanIn = row.length - 1;
  if (row.subarray(0, fanIn).every((weight) => weight === 0)) return 'constant';
  if (count === 0 || activation.name === 'linear') return 'mixed';
  if (activation.positivelyHomogeneous) {
    const minority = Math.min(likeFirst, count - likeFirst);
    if (minority === 0) return largest === 0 ? 'dead' : 'always-on';
    const incoming = fanIn + (node.bias === undefined && norm?.shift === undefined ? 0 : 1);
    return minority < incoming && minority < RARE * count ? 'rare' : 'mixed';
  }
  return largest < SATURATED ? 'saturated' : 'mixed';
}

/**
 * For each unit the first one before it with the same feature, or −1. The feature is the row u = [w; b] up to what the activation
 * lets through: a positive factor (homogeneous), a sign (odd), both (linear), or nothing. Rows are reduced to a representative
 * and sorted along a random direction, so that only neighbours are compared.
 */
function duplicateUnits(layer: UnitLayer, random: Random): Int32Array {
  const width = layer.rows[0]!.length;
  const rows = layer.rows.map((row) => representative(layer, row));
  const direction = Float64Array.from({ length: width }, () => random.normal());
  const length = Math.hypot(...direction);
  const along = rows.map((row) => row.reduce((sum, entry, i) => sum + entry * direction[i]!, 0) / length);
  const order = Array.from(rows.keys()).sort((i, j) => along[i]! - along[j]!);
  const duplicateOf = new Int32Array(rows.length).fill(-1);
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

function representative({ activation }: UnitLayer, row: Float64Array): Float64Array {
  const factor = factorOut(activation, row);
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
