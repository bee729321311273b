// Columns are rows again on the other side of a border, whatever the names and numbers, and after JSON as well.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packNames, packNumbers, unpackNames, unpackNumbers } from '../../../src/protocol/columns.ts';
import { differenceRows, packDifferences, type DifferenceRow } from '../../../src/protocol/differenceTable.ts';
import { quantileLevels, type TensorRow } from '../../../src/protocol/report.ts';
import { packTensors, tensorRows, type ListedTensor } from '../../../src/protocol/tensorTable.ts';
import { tensorsSection, hostileNames } from '../webview/sampleReports.ts';

const throughJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
const anyName = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...hostileNames, '\ud83d', '\ud83d\ude00a', '\ud83d\ude01b'));

describe('a column', () => {
  it('of names', () => {
    fc.assert(fc.property(fc.array(anyName), (names) => {
      expect(unpackNames(throughJson(packNames(names)))).toEqual(names);
    }));
  });

  it('of numbers, NaN, infinities and minus zero included', () => {
    fc.assert(fc.property(fc.array(fc.double()), (values) => {
      expect(Array.from(unpackNumbers(throughJson(packNumbers(values))))).toEqual(values);
    }));
    expect(unpackNumbers(packNumbers(Array.from({ length: 100_000 }, (_, i) => i / 7)))[99_999]).toBe(99_999 / 7);
  });
});

const kind = fc.record({ dtype: fc.constantFrom('F32', 'BF16', 'Q4_0'), shape: fc.array(fc.nat(9), { maxLength: 3 }), elements: fc.nat(99), bytes: fc.nat(99) });
const statistics = fc.record({ count: fc.nat(), min: fc.double(), max: fc.double(), mean: fc.double(), standardDeviation: fc.double(), norm: fc.double(), zeros: fc.nat(), nan: fc.nat(), infinite: fc.nat(), resolution: fc.nat(), quantiles: fc.oneof(fc.constant([]), fc.tuple(...quantileLevels.map(() => fc.double({ noNaN: true })))) });

it('a table of tensors is its rows, with and without statistics', () => {
  const stored = fc.option(fc.record({ dtype: fc.constant('U8'), count: fc.nat(9), elementsEach: fc.nat(9) }), { nil: undefined });
  const row = fc.tuple(anyName, kind, stored, fc.option(statistics, { nil: undefined })).map(([name, rest, form, found]): ListedTensor => ({ name, ...rest, ...(form === undefined ? {} : { stored: form }), ...(found === undefined ? {} : { statistics: found }) }));
  fc.assert(fc.property(fc.array(row), (rows) => {
    expect(tensorRows(throughJson(packTensors(rows.map((one) => ({ ...one, ...(one.statistics === undefined ? {} : { statistics: { ...one.statistics, histogram: [1, 2] } }) }) as TensorRow))))).toEqual(rows);
  }));
});

it('a table of differences is its rows', () => {
  const distance = fc.record({ norm: fc.double(), l2: fc.double(), relative: fc.double(), largest: fc.double(), cosine: fc.double(), different: fc.nat(), incomparable: fc.nat() });
  const row: fc.Arbitrary<DifferenceRow> = fc.oneof(
    fc.record({ name: anyName, change: fc.constantFrom('changed' as const, 'equal' as const), before: kind, after: kind, distance }),
    fc.record({ name: anyName, change: fc.constantFrom('reshaped' as const, 'unread' as const), before: kind, after: kind }),
    fc.record({ name: anyName, change: fc.constant('added' as const), after: kind }),
    fc.record({ name: anyName, change: fc.constant('removed' as const), before: kind }),
  );
  fc.assert(fc.property(fc.array(row), (rows) => {
    expect(differenceRows(throughJson(packDifferences(rows)))).toEqual(rows);
  }));
});

it('a table of a deep model takes a quarter of the bytes of its rows at most', () => {
  const table = tensorsSection(1000, false).tensors;
  expect(JSON.stringify(table).length).toBeLessThan(JSON.stringify(tensorRows(table)).length / 4);
});
