/** A command as this extension writes them. */
import path from 'node:path';
import { commonFolder } from '../../protocol/shownPaths.ts';
import { t } from '../../protocol/words.ts';
import type { Selection } from '../chosenFiles.ts';
import type { Surroundings } from '../surroundings.ts';

/**
 * Failures that no view has shown are thrown, and shown once by whoever registered the command.
 * @returns what other extensions and tests may want to know; undefined when the user changed his mind.
 */
export type Command = (surroundings: Surroundings, selection: Selection) => Promise<unknown>;

/** "net.pt", "12 files in ensemble", "12 files". */
export function namesOf(files: readonly string[]): string {
  if (files.length === 1 && files[0] !== undefined) return path.basename(files[0]);
  const folder = commonFolder(files);
  return folder === undefined ? t('{0} files', files.length) : t('{0} files in {1}', files.length, folder);
}
