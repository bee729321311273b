/**
 * Where native TensorFlow is looked for: the folder that the extension (or the user) names in the environment, into which it was installed on
 * request, then the packages around the program that runs.
 */
import path from 'node:path';

/** Set by the extension for its analysis host, and by whoever runs the command line. */
const TENSORFLOW_FOLDER = 'QUOTIENT_TENSORFLOW';

export function nativeFolders(): readonly string[] {
  const named = process.env[TENSORFLOW_FOLDER];
  return [...(named === undefined || named === '' ? [] : [path.resolve(named)]), path.dirname(path.resolve(process.argv[1] ?? '.'))];
}
