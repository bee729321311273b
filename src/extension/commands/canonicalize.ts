/** Canonicalise and Save: the same function with its symmetries removed, in a new file that the user names. */
import { t } from '../../protocol/words.ts';
import { chosenFiles } from '../chosenFiles.ts';
import { askSaveTarget } from '../saveTarget.ts';
import { canonicalForm, seed } from '../settings.ts';
import { canonicalName } from '../weightFiles.ts';
import { namesOf, type Command } from './command.ts';

export const canonicalize: Command = async ({ panels, choices }, selection) => {
  const files = await chosenFiles({ title: t('Weights to canonicalise'), folders: false, inFront: panels.inFront }, selection);
  if (files === undefined) return undefined;
  const options = await choices.settled(files);
  if (options === undefined) return undefined;
  const target = await askSaveTarget({ files, title: files.length === 1 ? t('Save the canonical form of {0}', namesOf(files)) : t('Folder for the canonical forms of {0}', namesOf(files)), nameOf: canonicalName });
  if (target === undefined) return undefined;
  return panels.ask(
    { method: 'canonicalize', title: t('Canonical form of {0}', namesOf(files)), request: { files, ...target, ...canonicalForm(), seed: seed(), ...options } },
    files,
  );
};
