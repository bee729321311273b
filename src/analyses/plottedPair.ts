/** Which two parameters a picture of draws shows: those that were named, or the first two output weights. */
import { blocksOf, type Network } from '../network/network.ts';
import { parameterName, parameterPosition } from '../network/parameters.ts';
import { UserError } from '../protocol/userError.ts';

export interface PlottedPair {
  readonly title: string;
  readonly labels: readonly [string, string];
  readonly names: readonly [string, string];
  /** In θ. */
  readonly positions: readonly [number, number];
}

/** @throws UserError for a name that is no parameter's */
export function plottedPair(network: Network, chosen: readonly [string, string] | undefined): PlottedPair {
  const positions = chosenPositions(chosen, network, outputWeight(network));
  const [a, b] = [parameterName(network, positions[0]), parameterName(network, positions[1])];
  // v is the usual name of output weights, so that a figure with them can be recognised.
  return chosen === undefined
    ? { title: 'Output weights v1 against v2', labels: [`v1 = ${a}`, `v2 = ${b}`], names: [a, b], positions }
    : { title: `${a} against ${b}`, labels: [a, b], names: [a, b], positions };
}

/** Where the last weight before the output begins in θ. */
function outputWeight({ nodes }: Network): number {
  const last = nodes.findLast((node) => node.op === 'dense' || node.op === 'conv') ?? nodes.findLast((node) => blocksOf(node).some(({ trainable }) => trainable));
  return last === undefined ? 0 : blocksOf(last)[0]?.offset ?? 0;
}

function chosenPositions(chosen: readonly [string, string] | undefined, network: Network, first: number): readonly [number, number] {
  const last = network.parameters - 1;
  if (chosen === undefined) return [first, Math.min(first + 1, last)];
  const find = (name: string): number => {
    const at = parameterPosition(network, name.replaceAll(' ', ''));
    if (at === undefined) throw new UserError(`there is no parameter "${name}"; parameters are named like ${parameterName(network, 0)} … ${parameterName(network, last)}`);
    return at;
  };
  return [find(chosen[0]), find(chosen[1])];
}
