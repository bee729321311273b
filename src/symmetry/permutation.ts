/**
 * The `sorted` form of the permutation symmetry: v_1 ≥ v_2 ≥ … in every hidden layer, outgoing columns compared lexicographically,
 * descending. From the output back to the input, so that the rows of a column are already in their final order when it is compared.
 *
 * Ties (see `tieOrder.ts` for what counts as one) are broken by the incoming row [w_j; b_j]: entry by entry in the first hidden
 * layer, where inputs have fixed places; in later layers, where the previous units are not in order yet, by colour
 * (`colourRefinement.ts`), which does not depend on that order. Units that agree in row and column are interchangeable.
 */
import type { DenseChain } from '../network/denseChain.ts';
import { ColourRefinement } from './colourRefinement.ts';
import { type HiddenLayer, hiddenLayers, permutationScratch, permuteUnits } from './hiddenLayer.ts';
import { CellOrder, tied } from './tieOrder.ts';

export interface PermutationStep {
  /** Sorts the hidden units of θ in place. Returns the number of layers whose order changed. */
  apply(theta: Float64Array): number;
  /** Of the last call, per hidden layer: new unit j was unit order[j]. */
  readonly orders: readonly Int32Array[];
}

export function sortedUnits(chain: DenseChain, tolerance: number): PermutationStep {
  const hidden = hiddenLayers(chain);
  const cells = hidden.map((layer) => new CellOrder(layer.units));
  const scratch = permutationScratch(hidden);

  function apply(theta: Float64Array): number {
    let colours: ColourRefinement | undefined;
    for (let h = hidden.length - 1; h >= 0; h--) {
      const layer = hidden[h]!;
      const own = cells[h]!;
      const rows = cells[h + 1]?.order;
      own.reset();
      for (let k = 0; k < layer.fanOut && !own.discrete; k++) {
        own.split(theta, layer.outgoing + (rows === undefined ? k : rows[k]!) * layer.units, 1, tolerance);
      }
      if (own.discrete) continue;
      if (h === 0) splitByRow(theta, layer, own);
      else if (!onlyTwins(theta, layer, own)) {
        colours ??= new ColourRefinement(chain, theta, tolerance, false);
        splitByColour(theta, layer, own, colours);
      }
    }
    let moved = 0;
    for (let h = 0; h < hidden.length; h++) {
      const own = cells[h]!;
      if (own.identity) continue;
      permuteUnits(theta, hidden[h]!, own.order, scratch);
      moved++;
    }
    return moved;
  }

  function splitByRow(theta: Float64Array, { fanIn, weight, bias }: HiddenLayer, own: CellOrder): void {
    for (let i = 0; i < fanIn && !own.discrete; i++) own.split(theta, weight + i, fanIn, tolerance);
    if (bias !== undefined) own.split(theta, bias, 1, tolerance);
  }

  /** Whether units that share a cell agree in their rows as well. */
  function onlyTwins(theta: Float64Array, layer: HiddenLayer, own: CellOrder): boolean {
    for (let p = 1; p < own.size; p++) {
      if (own.first[p] === 0 && !sameRow(theta, layer, own.order[p - 1]!, own.order[p]!)) return false;
    }
    return true;
  }

  function sameRow(theta: Float64Array, { fanIn, weight, bias }: HiddenLayer, a: number, b: number): boolean {
    if (bias !== undefined && !tied(theta[bias + a]!, theta[bias + b]!, tolerance)) return false;
    for (let i = 0; i < fanIn; i++) {
      if (!tied(theta[weight + a * fanIn + i]!, theta[weight + b * fanIn + i]!, tolerance)) return false;
    }
    return true;
  }

  /** Until units that share a cell are twins: split by colour, then put one unit of a shared colour first and refine. */
  function splitByColour(theta: Float64Array, layer: HiddenLayer, own: CellOrder, colours: ColourRefinement): void {
    for (;;) {
      for (let start = 0; start < own.size; start = own.cellEnd(start)) own.splitCellBy(start, (unit) => colours.colour(layer.index, unit));
      let undecided = -1;
      for (let p = 1; p < own.size && undecided < 0; p++) {
        if (own.first[p] === 0 && !sameRow(theta, layer, own.order[p - 1]!, own.order[p]!)) undecided = own.order[p]!;
      }
      if (undecided < 0) return;
      colours.individualise(layer.index, undecided);
    }
  }

  return { apply, orders: cells.map((cell) => cell.order) };
}
