/** Compare Tensors: what changed between two weight files, which are both selected, or one and the one that the user then picks. */
import path from 'node:path';
import { AnalysisError } from '../analysisError.ts';
import { chosenFiles, otherFile } from '../chosenFiles.ts';
import type { Command } from './command.ts';

export const diff: Command = async ({ panels }, selection) => {
  const files = await chosenFiles({ title: 'Weights to compare', folders: false, inFront: panels.inFront }, selection);
  if (files === undefined) return undefined;
  if (files.length > 2) throw new AnalysisError({ kind: 'input', message: `Tensors are compared between two files; ${files.length} are selected.` });
  const [before, chosen] = files;
  if (before === undefined) return undefined;
  const after = chosen ?? await otherFile(`Compare ${path.basename(before)} with`, before);
  if (after === undefined) return undefined;
  const [first, second] = [path.basename(before), path.basename(after)];
  return panels.ask({ method: 'diff', title: `${second} compared with ${first}`, request: { files: [before, after], brief: true } }, [before, after]);
};
