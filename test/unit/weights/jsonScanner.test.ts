/** The JSON scanner against the engine's own parser: both accept the same texts, and read the same in them. */
import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { JsonScanner } from '../../../src/weights/jsonScanner.ts';

class Refused extends Error {}

function scannerOf(text: string | Uint8Array): JsonScanner {
  return new JsonScanner(Buffer.from(text), (position, problem) => { throw new Refused(`${position}: ${problem}`); });
}

/** The whole value, built through the scanner's own methods; keys that come twice are an error, as the readers have it. */
function parse(scanner: JsonScanner): unknown {
  switch (scanner.next()) {
    case 'an object': {
      const all = new Map<string, unknown>();
      scanner.object('object', (key) => { all.set(key, parse(scanner)); });
      return Object.fromEntries(all);
    }
    case 'an array': {
      const all: unknown[] = [];
      scanner.array('array', (index) => {
        expect(index).toBe(all.length);
        all.push(parse(scanner));
      });
      return all;
    }
    case 'a string': return scanner.string('string');
    case 'a number': return Number(scanner.numberText());
    case 'true': scanner.skip(); return true;
    case 'false': scanner.skip(); return false;
    case 'null': scanner.skip(); return null;
    case 'no value':
    case 'the end': scanner.skip(); throw new Error('skipped what is no value');
  }
}

function outcome(read: () => unknown): { readonly value: unknown } | 'refused' {
  try {
    return { value: read() };
  } catch (error) {
    if (error instanceof Refused || error instanceof SyntaxError) return 'refused';
    throw error;
  }
}

const scanned = (text: string | Uint8Array): unknown => {
  const scanner = scannerOf(text);
  const value = parse(scanner);
  scanner.end();
  return value;
};
const skipped = (text: string | Uint8Array): true => {
  const scanner = scannerOf(text);
  scanner.skip();
  scanner.end();
  return true;
};

describe('agreement with JSON.parse', () => {
  it('on any JSON, whatever white space lies in it', () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 5, stringUnit: 'binary' }), fc.constantFrom(0, 1, '\t', ' \n'), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      // Half of a surrogate pair is no UTF-8; it is refused, and not compared here.
      fc.pre(JSON.stringify(value).isWellFormed() && !/\\ud[89a-f]/i.test(text));
      expect(scanned(text)).toEqual(JSON.parse(text));
      expect(skipped(text)).toBe(true);
    }), { seed: 31, numRuns: 1000 });
  });

  it('on what becomes of JSON when bytes are changed, left out or put in', () => {
    const random = seededRandom(32);
    const seeds = ['{"a":{"dtype":"F32","shape":[1,20],"data_offsets":[0,80]}}', '[-0.5e-3,0,10,1E+2,true,false,null,"\\u00e9\\n\\"",{}]', '{"é":"\\ud83d\\ude00","":[[],[[]],{"x":{}}]}'];
    const letters = Buffer.from('{}[]:,"\\ \n0123456789.-+eEtfnu\u0000\u001fx');
    let accepted = 0;
    for (let run = 0; run < 30_000; run++) {
      let bytes = Buffer.from(seeds[random.below(seeds.length)] ?? '');
      for (let change = random.below(3); change >= 0; change--) {
        const at = random.below(bytes.length + 1);
        const letter = letters.subarray(random.below(letters.length)).subarray(0, 1);
        const kind = random.below(3);
        bytes = Buffer.concat([bytes.subarray(0, at), ...(kind === 0 ? [] : [letter]), bytes.subarray(kind === 1 ? at : at + 1)]);
      }
      if (!isUtf8(bytes)) continue;
      const text = bytes.toString('utf8');
      const expected = outcome(() => JSON.parse(text) as unknown);
      const wellFormed = expected === 'refused' || !/\\\\ud[89a-f]/i.test(JSON.stringify(JSON.stringify(expected.value)));
      if (!wellFormed) continue;
      expect(outcome(() => scanned(bytes)), text).toEqual(expected);
      expect(outcome(() => skipped(bytes)), text).toEqual(expected === 'refused' ? 'refused' : { value: true });
      if (expected !== 'refused') accepted++;
    }
    // Both sides were tried.
    expect(accepted).toBeGreaterThan(3_000);
  });
});

describe('whole numbers', () => {
  it.each(['0', '7', '9007199254740991', '123456789012345'])('%s', (text) => {
    expect(scannerOf(text).wholeNumber('n')).toBe(Number(text));
  });

  it.each([
    ['-0', '0: n: expected a whole number, found -0'],
    ['1.5', '0: n: expected a whole number, found 1.5'],
    ['1e2', '0: n: expected a whole number, found 1e2'],
    ['00', '0: not valid JSON: a number is malformed'],
    ['-', '0: not valid JSON: a number is malformed'],
    ['1.', '0: not valid JSON: a number is malformed'],
    ['9007199254740992', '0: n: 9007199254740992 is beyond 2^53'],
    [' "7"', '1: n: expected a whole number, found a string'],
    ['', '0: not valid JSON: expected a whole number, found the end of the text'],
    ['NaN', '0: not valid JSON: expected a whole number, found "N"'],
  ])('%s is none', (text, message) => {
    expect(() => scannerOf(text).wholeNumber('n')).toThrow(new Refused(message));
  });
});

describe('depth', () => {
  it('100 levels are skipped, 101 refused at the bracket that opens the last', () => {
    const nested = (levels: number): string => `${'[{"x":'.repeat(levels / 2)}${levels % 2 === 1 ? '[]' : '1'}${'}]'.repeat(levels / 2)}`;
    expect(skipped(nested(100))).toBe(true);
    expect(() => skipped(nested(101))).toThrow(new Refused('300: nested more than 100 levels deep'));
  });
});
