/**
 * Which tensor or shard the cursor is on in a `*.safetensors.index.json`, read from the text around it: such a file can have a
 * million entries, on as many lines or on one, and is not parsed for a hover.
 */
import { parseJsonString } from './jsonString.ts';

export interface IndexEntry {
  readonly tensor: string;
  readonly shard: string;
  /** Which of the two is under the cursor. */
  readonly part: 'tensor' | 'shard';
  /** Of that part with its quotes. */
  readonly start: number;
  readonly end: number;
}

/** How far around the cursor an entry is looked for; names are shorter than that. */
const WINDOW = 8192;

const ENTRY = /("(?:[^"\\]|\\.)*")(\s*:\s*)("(?:[^"\\]|\\.)*\.safetensors")/gi;

export function indexEntryAt(line: string, character: number): IndexEntry | undefined {
  const from = Math.max(0, character - WINDOW);
  const window = line.slice(from, character + WINDOW);
  for (const match of window.matchAll(ENTRY)) {
    const [, key = '', colon = '', value = ''] = match;
    const start = from + match.index;
    const valueStart = start + key.length + colon.length;
    const keyHit = character >= start && character < start + key.length;
    const valueHit = character >= valueStart && character < valueStart + value.length;
    if (!keyHit && !valueHit) continue;
    const tensor = parseJsonString(key);
    const shard = parseJsonString(value);
    if (tensor === undefined || shard === undefined) return undefined;
    return keyHit
      ? { tensor, shard, part: 'tensor', start, end: start + key.length }
      : { tensor, shard, part: 'shard', start: valueStart, end: valueStart + value.length };
  }
  return undefined;
}
