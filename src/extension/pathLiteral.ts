/**
 * Finds the path of a weight file under the cursor in a line of any language, and the places on disk that it may mean. Text in
 * an editor is untrusted: a relative path may not lead out of the folders it is looked up in, and a network path is never opened,
 * because looking at it already sends credentials.
 */
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isWeightFile } from '../protocol/weightFileNames.ts';
import { mayNameWeights } from './weightFiles.ts';

export interface Literal {
  readonly text: string;
  /** Of the text without its quotes, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

/** Lines of generated files can be megabytes long; no path is. */
const LONGEST_PATH = 4096;

/** The shortest quoted string around the cursor that names a weight file, or else the run of unquoted characters (YAML, shell). */
export function pathLiteralAt(line: string, character: number): Literal | undefined {
  const quoted = ['"', "'", '`']
    .map((quote) => between(line, character, (c) => c === quote, true))
    .filter((literal): literal is Literal => literal !== undefined && isWeightFile(literal.text))
    .sort((a, b) => a.text.length - b.text.length)[0];
  if (quoted !== undefined) return quoted;
  const bare = between(line, character, (c) => /[\s"'`,;()[\]{}<>|]/.test(c), false);
  if (bare === undefined) return undefined;
  // `--weights=net.pt`, `file:net.pt`
  const skip = /^[\w-]+[=:](?![\\/])/.exec(bare.text)?.[0].length ?? 0;
  const literal = character < bare.start + skip ? bare : { text: bare.text.slice(skip), start: bare.start + skip, end: bare.end };
  return isWeightFile(literal.text) ? literal : undefined;
}

const QUOTED_OR_BARE = /(["'`])((?:(?!\1)[^\\]|\\.)*)\1|[^\s"'`,;()[\]{}<>|]+/g;

/** Lines of generated files are not searched. */
const LONGEST_LINE = 2000;

/** Every path of a weight file in a line: in quotes, or bare as in YAML and in notes. */
export function pathLiteralsIn(line: string): Literal[] {
  if (line.length > LONGEST_LINE || !mayNameWeights(line)) return [];
  return Array.from(line.matchAll(QUOTED_OR_BARE), (match) => pathLiteralAt(line, match.index + (match[1] === undefined ? match[0].length - 1 : 1)))
    .filter((literal): literal is Literal => literal !== undefined)
    .filter((literal, i, all) => i === 0 || all[i - 1]?.start !== literal.start);
}

function between(line: string, character: number, ends: (c: string) => boolean, required: boolean): Literal | undefined {
  let start = character;
  while (start > 0 && character - start < LONGEST_PATH && !ends(line.charAt(start - 1))) start--;
  let end = character;
  while (end < line.length && end - character < LONGEST_PATH && !ends(line.charAt(end))) end++;
  if (required && (start === 0 || end === line.length)) return undefined;
  return start === end ? undefined : { text: line.slice(start, end), start, end };
}

/**
 * Absolute paths that the text may mean, in the order in which they are tried.
 * @param folders absolute: the document's own first, then the workspace's
 * @param roots a relative path must stay inside one of them
 */
export function pathCandidates(text: string, folders: readonly string[], roots: readonly string[]): string[] {
  const written = plainPath(text);
  if (written === undefined || isNetworkPath(written)) return [];
  if (path.isAbsolute(written)) return [path.normalize(written)];
  const found = folders.map((folder) => path.resolve(folder, written)).filter((file) => roots.some((root) => isInside(file, root)));
  return [...new Set(found)];
}

/** Undoes what languages do to paths: doubled backslashes, `file:` URLs, the home folder's `~`. */
function plainPath(text: string): string | undefined {
  if (text.includes('\0')) return undefined;
  if (/^file:\/\//i.test(text)) {
    try {
      return fileURLToPath(text);
    } catch {
      return undefined;
    }
  }
  if (/^[a-z][a-z\d+.-]+:\/\//i.test(text)) return undefined;
  if (/^~[\\/]/.test(text)) return path.join(os.homedir(), text.slice(2));
  return text.startsWith('\\\\') ? text : text.replaceAll('\\\\', '\\');
}

function isNetworkPath(file: string): boolean {
  return /^[\\/]{2}/.test(file);
}

export function isInside(file: string, folder: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== '' && !path.isAbsolute(relative) && relative.split(path.sep)[0] !== '..';
}
