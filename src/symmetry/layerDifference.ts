/**
 * Where two networks with different functions begin to differ: the first layer whose units behave differently on a batch, up to what the
 * symmetries may change. A hint for people, so its tolerance is generous.
 */
import { valuesPerInput } from '../network/cost.ts';
import { trace } from '../network/forward.ts';
import { type Network, type NetworkNode, positions } from '../network/network.ts';
import { biasShifts } from './shifts.ts';
import { uniformShifts } from './uniformShifts.ts';

/** Rows of a batch, and what the values of one network may take, in numbers. */
const ROWS = 24;
const LEAST_ROWS = 3;
const NUMBERS = 2 ** 24;
const TOLERANCE = 1e-6;

/** @returns the layer's name; null when no layer differs by more than the tolerance */
export function firstDifferentLayer(network: Network, a: Float64Array, b: Float64Array, x: Float64Array): string | null {
  const rows = Math.min(ROWS, Math.max(LEAST_ROWS, Math.floor(NUMBERS / valuesPerInput(network))));
  // A unit that is off on one batch tells nothing there; what differs somewhere is looked for in all of them.
  for (let first = 0; first < x.length; first += rows * network.inputs) {
    const found = firstOnBatch(network, a, b, x.subarray(first, first + rows * network.inputs));
    if (found !== null) return found;
  }
  return null;
}

function firstOnBatch(network: Network, a: Float64Array, b: Float64Array, batch: Float64Array): string | null {
  const left = trace(network, a, batch);
  const right = trace(network, b, batch);
  // Layers whose channels may be moved by constants are compared without their means; by anything common, not at all.
  const shifted = new Set(biasShifts(network).flatMap(({ node, absorbers }) => [node.index, ...absorbers.filter(({ side }) => side === 'output').map((absorber) => absorber.node.index)]));
  const skipped = new Set(uniformShifts(network, false).map(({ node }) => node.index));
  for (const node of network.nodes) {
    if (!isLayer(node) || skipped.has(node.index)) continue;
    const [p, q] = [left.values[node.index]!, right.values[node.index]!];
    const differs = node.index === network.output ? farApart(p, q)
      : farApart(responses(node, p, left.rows, shifted.has(node.index)), responses(node, q, right.rows, shifted.has(node.index)));
    if (differs) return node.name;
  }
  return farApart(left.values[network.output]!, right.values[network.output]!) ? network.nodes[network.output]!.name : null;
}

function isLayer({ op }: NetworkNode): boolean {
  return op === 'dense' || op === 'conv' || op === 'batchnorm' || op === 'layernorm' || op === 'prelu' || op === 'activation';
}

function farApart(p: Float64Array, q: Float64Array): boolean {
  let size = 0;
  let difference = 0;
  p.forEach((value, i) => {
    const other = q[i]!;
    if (!Number.isFinite(value) || !Number.isFinite(other)) return;
    size = Math.max(size, Math.abs(value), Math.abs(other));
    difference = Math.max(difference, Math.abs(value - other));
  });
  return difference > TOLERANCE * size;
}

/** The Gram matrix Σ_c ⟨a_nc, a_mc⟩/‖a_c‖² over the batch, which does not depend on the order, positive scale or sign of the channels c. */
function responses({ shape }: NetworkNode, a: Float64Array, rows: number, centred: boolean): Float64Array {
  const area = positions(shape);
  const channels = shape[0]!;
  const gram = new Float64Array(rows * rows);
  const own = new Float64Array(rows * area);
  for (let c = 0; c < channels; c++) {
    let largest = 0;
    for (let n = 0; n < rows; n++) own.set(a.subarray((n * channels + c) * area, (n * channels + c + 1) * area), n * area);
    const mean = centred ? own.reduce((sum, value) => sum + value, 0) / own.length : 0;
    for (let k = 0; k < own.length; k++) {
      own[k]! -= mean;
      largest = Math.max(largest, Math.abs(own[k]!));
    }
    if (largest === 0) continue;
    let square = 0;
    for (const value of own) square += (value / largest) ** 2;
    for (let n = 0; n < rows; n++) {
      for (let m = 0; m < rows; m++) {
        let product = 0;
        for (let p = 0; p < area; p++) product += (own[n * area + p]! / largest) * (own[m * area + p]! / largest);
        gram[n * rows + m]! += product / square;
      }
    }
  }
  return gram;
}
