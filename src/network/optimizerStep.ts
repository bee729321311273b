/**
 * The step that an optimiser would take next, from what it remembers in the checkpoint:
 *   Adam (Kingma & Ba 2015)  −m̂ / (√v̂ + ε), with m and v corrected for their start when the number of steps is there;
 *   momentum                 −m.
 * At learning rate 1 and without weight decay, of which a file's tensors say nothing; what lies in which subspace does not depend on the rate.
 * PyTorch numbers the state of parameters in the order in which the model has them; Optax keeps it under their names.
 */
import { weightTensors } from '../weights/weightTensors.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import type { TensorInfo, WeightFile } from '../weights/weightFile.ts';
import type { Block, Network } from './network.ts';
import { readLikeParameters } from './parameters.ts';

export interface OptimizerStep {
  readonly rule: 'Adam' | 'momentum';
  /** Length D. */
  readonly step: Float64Array;
}

/** As both PyTorch and Optax have them by default. */
const ADAM = { decayOfMean: 0.9, decayOfSquares: 0.999, epsilon: 1e-8 } as const;
const SLOTS = { mean: ['exp_avg', 'mu'], squares: ['exp_avg_sq', 'nu'], momentum: ['momentum_buffer', 'trace'], count: ['step', 'count'] } as const;

/** @throws WeightFileError when the file holds no optimiser's state, none of these, or not one for each parameter */
export async function readOptimizerStep(file: WeightFile, network: Network): Promise<OptimizerStep> {
  const prefixes = file.optimizerPrefixes ?? [];
  const state = file.tensors.filter(({ name }) => prefixes.some((prefix) => name.startsWith(prefix)));
  if (state.length === 0) throw new WeightFileError(file.path, '', 'holds no optimiser’s state, so that its next step is not known; save the optimiser’s state dict beside the model’s, or take --step gradient');
  const slot = (names: readonly string[]): ((block: Block) => string) | undefined => slotsByBlock(file, network, state, prefixes, names);
  const [mean, squares, momentum] = [slot(SLOTS.mean), slot(SLOTS.squares), slot(SLOTS.momentum)];
  if (mean !== undefined && squares !== undefined) {
    const [m, v] = [await readLikeParameters(file, network, mean), await readLikeParameters(file, network, squares)];
    const steps = await stepsTaken(file, state);
    const [ofMean, ofSquares] = steps === undefined ? [1, 1] : [1 - ADAM.decayOfMean ** steps, 1 - ADAM.decayOfSquares ** steps];
    return { rule: 'Adam', step: m.map((entry, k) => -entry / ofMean / (Math.sqrt(Math.max(0, v[k]!) / ofSquares) + ADAM.epsilon)) };
  }
  if (momentum !== undefined) return { rule: 'momentum', step: (await readLikeParameters(file, network, momentum)).map((entry) => -entry) };
  throw new WeightFileError(file.path, '', `its optimiser’s state holds neither Adam’s moments (${SLOTS.mean.join(', ')} with ${SLOTS.squares.join(', ')}) nor a momentum (${SLOTS.momentum.join(', ')}), for tensors such as "${showName(state[0]!.name)}"; take --step gradient`);
}

/** Undefined when the state has no tensors of these names. */
function slotsByBlock(file: WeightFile, network: Network, state: readonly TensorInfo[], prefixes: readonly string[], names: readonly string[]): ((block: Block) => string) | undefined {
  const rest = (name: string): string => name.slice(prefixes.find((prefix) => name.startsWith(prefix))?.length ?? 0);
  const slots = state.filter(({ name }) => rest(name).split('.').some((part) => names.includes(part)));
  if (slots.length === 0) return undefined;
  const trainable = network.blocks.filter((block) => block.trainable);
  const numbered = slots.flatMap((tensor) => {
    const index = /^state\.(\d+)\.[^.]+$/.exec(rest(tensor.name))?.[1];
    return index === undefined ? [] : [{ tensor, index: Number(index) }];
  });
  const weights = weightTensors(file);
  const found = new Map<string, TensorInfo>();
  if (numbered.length === slots.length) {
    const inOrder = weights.filter(({ tensor: { name } }) => trainable.some(({ tensor }) => tensor === name));
    if (numbered.length !== inOrder.length) throw new WeightFileError(file.path, '', `its optimiser’s state is of ${numbered.length} parameters, the network has ${inOrder.length}; which belongs to which cannot be told`);
    const ascending = numbered.toSorted((a, b) => a.index - b.index);
    inOrder.forEach(({ tensor: { name } }, k) => found.set(name, ascending[k]!.tensor));
  } else {
    for (const { tensor: { name }, shortName } of weights) {
      const slotOf = slots.find((candidate) => candidate.name.endsWith(`.${shortName}`));
      if (slotOf !== undefined) found.set(name, slotOf);
    }
  }
  return ({ tensor, fileShape }) => {
    const slotOf = found.get(tensor);
    if (slotOf === undefined) throw new WeightFileError(file.path, `tensor "${showName(tensor)}"`, 'the optimiser’s state has nothing for it');
    if (slotOf.shape.join() !== fileShape.join()) throw new WeightFileError(file.path, `tensor "${showName(slotOf.name)}"`, `has shape [${slotOf.shape.join(', ')}], the parameter "${showName(tensor)}" [${fileShape.join(', ')}]: the optimiser’s state is of another network, or in another order`);
    return slotOf.name;
  };
}

async function stepsTaken(file: WeightFile, state: readonly TensorInfo[]): Promise<number | undefined> {
  const counter = state.find(({ name, elements }) => elements === 1 && SLOTS.count.some((slot) => name.endsWith(`.${slot}`)));
  const steps = counter === undefined ? undefined : (await file.read(counter.name))[0];
  return steps !== undefined && steps >= 1 ? steps : undefined;
}
