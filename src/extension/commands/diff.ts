/** Compare Tensors: what changed between two weight files, which are both selected, or one and the one that the user then picks. */
import path from 'node:path';
import { chosenPair } from '../chosenFiles.ts';
import type { Command } from './command.ts';

export const diff: Command = async ({ panels }, selection) => {
  const files = await chosenPair({ title: 'Weights to compare', inFront: panels.inFront, verb: 'Compare' }, selection);
  if (files === undefined) return undefined;
  const [first, second] = [path.basename(files[0]), path.basename(files[1])];
  return panels.ask({ method: 'diff', title: `${second} compared with ${first}`, request: { files, brief: true } }, files);
};
