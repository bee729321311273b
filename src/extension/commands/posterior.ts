/** Posterior over Weights: a set of draws, one a file or all in one, before and after its symmetries are removed. */
import { chosenFiles } from '../chosenFiles.ts';
import { canonicalForm, posteriorPermutation, seed } from '../settings.ts';
import type { Surroundings } from '../surroundings.ts';
import { namesOf, type Command } from './command.ts';

export const posterior: Command = async (surroundings, selection) => {
  const files = await chosenFiles({ title: 'Draws of the posterior: one file each, or one file with all', folders: true, inFront: surroundings.panels.inFront }, selection);
  return files === undefined ? undefined : showPosterior(surroundings, files);
};

export async function showPosterior({ panels, choices }: Surroundings, files: readonly string[]): Promise<unknown> {
  const options = await choices.settled(files);
  if (options === undefined) return undefined;
  return panels.ask(
    { method: 'posterior', title: `Posterior over the weights of ${namesOf(files)}`, request: { files, scaling: canonicalForm().scaling, permutation: posteriorPermutation(), seed: seed(), ...options } },
    files,
  );
}
