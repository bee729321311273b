/** The table of names against a Map, with and without its being given up; the quick way to read an entry against the scanner. */
import { expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { memoryByteSource } from '../../../src/weights/byteSource.ts';
import { NameIndex } from '../../../src/weights/nameIndex.ts';
import { openSafetensors } from '../../../src/weights/safetensors.ts';
import { safetensorsBytes } from '../../fixtures/makeBadSafetensors.ts';
import { pick } from './mutations.ts';

it.each([undefined, 3, 1, 0])('finds what a Map finds, when it is given up after %s slots', (longest) => {
  const random = seededRandom(41);
  const index = longest === undefined ? new NameIndex(random.below(4000)) : new NameIndex(0, longest);
  const map = new Map<string, number>();
  for (let round = 0; round < 5000; round++) {
    const name = `${pick(random, ['', 'a.', '__proto__', 'ü', '\u{1f600}'])}${random.below(3000)}`;
    expect(index.add(name)).toBe(!map.has(name));
    if (!map.has(name)) map.set(name, map.size);
  }
  for (const [name, position] of map) expect(index.get(name)).toBe(position);
  expect([index.get(''), index.get('a.'), index.get('3000')]).toEqual([undefined, undefined, undefined]);
});

it('reads a header as it does with white space, with which no entry is in the usual form', async () => {
  const random = seededRandom(42);
  const dtypes = ['F32', 'BF16', 'I64', 'BOOL', 'F8_E4M3FNUZ'] as const;
  const widths = { F32: 4, BF16: 2, I64: 8, BOOL: 1, F8_E4M3FNUZ: 1 };
  for (let round = 0; round < 300; round++) {
    let at = 0;
    const entries = Array.from({ length: random.below(8) }, (_, i) => {
      const dtype = pick(random, dtypes);
      const shape = Array.from({ length: random.below(11) }, () => random.below(12) === 0 ? 0 : 1 + random.below(2));
      const begin = at;
      at += widths[dtype] * shape.reduce((product, axis) => product * axis, 1);
      return [`t${i}`, { dtype, shape, data_offsets: [begin, at] }] as const;
    });
    const text = JSON.stringify(Object.fromEntries(entries));
    const [usual, spaced] = await Promise.all([text, text.replaceAll(':', ' : ')].map((header) => openSafetensors(memoryByteSource('f', safetensorsBytes(header, at)))));
    expect(usual?.tensors).toEqual(spaced?.tensors);
    expect(usual?.tensors.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual(entries.map(([name, { dtype, shape }]) => [name, dtype, shape]));
    for (const { name } of usual?.tensors ?? []) expect(usual?.plain?.(name)?.position).toBe((usual?.fileBytes ?? 0) - (spaced?.fileBytes ?? 0) + (spaced?.plain?.(name)?.position ?? 0));
  }
});
