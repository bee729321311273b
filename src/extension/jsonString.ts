/** The JSON string under the cursor, read from the text around it: files that name tensors can be megabytes long, and on one line. */
import type { Literal } from './pathLiteral.ts';

/** How far around the cursor a string is looked for; names are shorter than that. */
const WINDOW = 4096;

/**
 * Seen from the middle of a line, a quote may open or close. One that opens follows a bracket, a comma, a colon or nothing; one that
 * closes is followed by those.
 * @returns what the string says, and where it stands with its quotes; undefined when the cursor is in none
 */
export function jsonStringAt(line: string, character: number): Literal | undefined {
  const from = Math.max(0, character - WINDOW);
  const to = Math.min(line.length, character + WINDOW);
  for (let start = character; start >= from; start--) {
    if (!isQuote(line, start)) continue;
    let end = start + 1;
    while (end < to && !isQuote(line, end)) end++;
    if (end < to && end >= character && follows(line, start) && precedes(line, end)) {
      const text = parseJsonString(line.slice(start, end + 1));
      return text === undefined ? undefined : { text, start, end: end + 1 };
    }
    // A quote under the cursor may be the one that closes; any other that does not open means that the cursor is outside.
    if (start < character) return undefined;
  }
  return undefined;
}

/** Not one that a backslash makes a part of the text. */
function isQuote(line: string, at: number): boolean {
  if (line.charAt(at) !== '"') return false;
  let slashes = 0;
  while (line.charAt(at - 1 - slashes) === '\\') slashes++;
  return slashes % 2 === 0;
}

/** How much white space is looked past. */
const SPACES = 64;

const follows = (line: string, start: number): boolean => /(^|[[{,:])$/.test(line.slice(Math.max(0, start - SPACES), start).trimEnd());
const precedes = (line: string, end: number): boolean => /^($|[\]},:])/.test(line.slice(end + 1, end + 1 + SPACES).trimStart());

/** Undefined for what is no JSON string. */
export function parseJsonString(json: string): string | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
