/** Reports in a terminal: every kind of section as text, and no name that reaches the terminal as a command. */
import { describe, expect, it } from 'vitest';
import { reportAsText } from '../../../src/cli/text.ts';
import type { Report, Section } from '../../../src/protocol/report.ts';
import { packTensors } from '../../../src/protocol/tensorTable.ts';

const report = (...sections: Section[]): Report => ({
  analysis: 'inspect', title: 'net', summary: 'A summary.', sources: [], sections, warnings: [], result: null, provenance: { version: '1', seed: null, seconds: 0.1 },
});
const base = { id: 'a', title: 'Section', meaning: 'What it means.' };

describe('a report in a terminal', () => {
  it('lets no name reach the terminal as a command', () => {
    const name = '\u001b[2Jevil\u202ename\n';
    const text = reportAsText(report(
      { ...base, kind: 'tensors', file: 'net', tensors: packTensors([{ name, dtype: 'F32', shape: [2], elements: 2, bytes: 8 }]) },
      { ...base, kind: 'table', columns: [{ label: 'Key', align: 'left' }], rows: [[name]] },
    ));
    for (const character of ['\u001b', '\u202e']) expect(text).not.toContain(character);
    expect(text.split('\\u{1b}[2Jevil\\u{202e}name\\u{a}')).toHaveLength(3);
  });

  it('says what a section means, and nothing of how to read a drawing that is not there', () => {
    const text = reportAsText(report({ ...base, kind: 'table', drawing: 'Select a region.', columns: [{ label: 'Key', align: 'left' }], rows: [['a']] }));
    expect(text).toContain('What it means.');
    expect(text).not.toContain('Select a region.');
  });

  it('says of a quantity over a plane what the picture says in words', () => {
    const axis = { min: 0, max: 1, bins: 1 };
    const panel = (title: string, meaning: string) => ({ title, meaning, x: { ...axis, bins: 2 }, y: { ...axis, direction: 'up' as const }, values: [0.5, 0.75], curves: [], points: [] });
    const text = reportAsText(report({ ...base, kind: 'fields', xLabel: 'x', yLabel: 'y', valueLabel: 'probability', colours: 'sequential', panels: [panel('one', 'Sure over 12 % of this plane.'), panel('two', '')] }));
    expect(text.split('\n')).toEqual(expect.arrayContaining(['one: probability 0.5 … 0.75. Sure over 12 % of this plane.', 'two: probability 0.5 … 0.75']));
  });

  it('draws a density the right way up, darker where there are more', () => {
    const axis = { min: 0, max: 1, bins: 36 };
    const counts = new Array<number>(36 * 36).fill(0);
    counts[35 * 36] = 1000;
    counts[35] = 1;
    const text = reportAsText(report({ ...base, kind: 'density', xLabel: 'x', yLabel: 'y', panels: [{ title: 'Panel', meaning: '', x: axis, y: axis, counts, total: 1001, outside: 0, sample: { x: [], y: [] } }] }));
    const rows = text.split('\n').filter((line) => line.startsWith('│'));
    expect(rows).toHaveLength(18);
    // High y, low x: the top left corner; low y, high x: the bottom right one.
    expect(rows[0]).toBe(`│█${' '.repeat(35)}│`);
    expect(rows[17]).toBe(`│${' '.repeat(35)}░│`);
  });

  it('lists curves with their bands at some places, every panel beside the others', () => {
    const x = Array.from({ length: 17 }, (_, k) => k);
    const panel = (title: string, slope: number, width: number | undefined) => {
      const y = x.map((t) => slope * t);
      return { title, meaning: '', series: [{ label: title, x, y, ...(width === undefined ? {} : { band: { label: 'two deviations', lower: y.map((v) => v - width), upper: y.map((v) => v + width) } }) }] };
    };
    const text = reportAsText(report({ ...base, kind: 'lines', xLabel: 'x', yLabel: 'f', xScale: 'linear', yScale: 'linear', panels: [panel('one', 1, 0.5), panel('mode', 2, undefined)] }));
    const lines = text.split('\n').map((line) => line.trim().replace(/ +/g, ' '));
    expect(lines).toContain('f at x = 0 2 4');
    expect(lines).toContain('one 6 [5.5, 6.5] 8 [7.5, 8.5] 10 [9.5, 10.5]');
    expect(lines).toContain('mode 24 28 32');
    expect(lines).toContain('in brackets two deviations to either side');
  });

  it('says nothing of a line that others are to be held against in a picture', () => {
    const series = [{ label: 'found', x: [0, 1], y: [1, 2] }, { label: 'alike', reference: true as const, x: [0, 1], y: [1, 1] }];
    const text = reportAsText(report({ ...base, kind: 'lines', xLabel: 'x', yLabel: 'y', xScale: 'linear', yScale: 'linear', panels: [{ title: '', meaning: '', series }] }));
    expect(text).toContain('found');
    expect(text).not.toContain('alike');
  });

  it('shows a waterfall as a sum', () => {
    const step = (label: string, value: number) => ({ label, value, meaning: '' });
    const text = reportAsText(report({ ...base, kind: 'waterfall', valueLabel: 'dimensions', total: step('parameters', 1000), steps: [step('symmetry', 30)], remainder: step('rank', 970) }));
    expect(text).toContain('parameters  1,000');
    expect(text).toContain('− symmetry     30');
    expect(text).toContain('= rank        970');
  });
});
