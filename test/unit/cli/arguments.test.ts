/** The command line's arguments: what is taken, and the sentence for what is not. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commands, parseCommandLine, usage, UsageError, type CommandName } from '../../../src/cli/arguments.ts';

const parsed = (...argv: string[]) => {
  const result = parseCommandLine(argv);
  if (result.command === 'help' || result.command === 'version') throw new Error('not a command');
  return result;
};

describe('the command line', () => {
  it('takes options before, between and after paths', () => {
    const { command, paths, values } = parsed('posterior', '--seed', '7', 'a.pt', '--axes=chain,draw', 'b.pt', '--json');
    expect({ command, paths }).toEqual({ command: 'posterior', paths: ['a.pt', 'b.pt'] });
    expect([values.number('seed', 0, 'seed'), values.text('axes'), values.flag('json')]).toEqual([7, 'chain,draw', true]);
  });

  it('takes the two parameters of a density apart or in one, and the files around them', () => {
    for (const pair of [['--parameters', '2.weight[0,0]', '2.weight[0, 1]'], ['--parameters', '2.weight[0,0];2.weight[0, 1]'], ['--parameters=2.weight[0,0];2.weight[0, 1]']]) {
      const { paths, values } = parsed('posterior', 'a.pt', ...pair, 'b.pt', '--json');
      expect([paths, values.text('parameters'), values.flag('json')]).toEqual([['a.pt', 'b.pt'], '2.weight[0,0];2.weight[0, 1]', true]);
    }
    expect(parsed('posterior', '--parameters', '2.weight[0,0]', 'a.pt').paths).toEqual(['a.pt']);
  });

  it.each([
    [['rnak', 'a.pt'], 'there is no command "rnak"; the commands are inspect, canonicalize, align, compare, rank, posterior, predict, example'],
    [['rank', '--scaling', 'unit', 'a.pt'], "Unknown option '--scaling'"],
    [['predict', '--methods', 'sampled', 'a.pt'], "Unknown option '--methods'; there is --method"],
    [['rank', '--prior', '2', 'a.pt'], "Unknown option '--prior'; there is --prior-precision"],
    [['rank', 'a.pt', '--noise'], "Option '--noise <value>' argument missing"],
    [['constructor'], 'there is no command "constructor"; the commands are inspect, canonicalize, align, compare, rank, posterior, predict, example'],
  ])('says what is wrong with %j', (argv, message) => {
    expect(() => parseCommandLine(argv)).toThrow(UsageError);
    expect(() => parseCommandLine(argv)).toThrow(message);
  });

  it.each([
    ['positive', ['0', '-1', 'x', '', 'NaN', 'Infinity'], ['0.5', '1e3']],
    ['count', ['0', '1.5', '-2', 'x', ' '], ['1', '2000']],
    ['seed', ['-1', '1.5', '9007199254740993', 'x'], ['0', '4294967296']],
  ] as const)('takes a %s number only', (kind, wrong, right) => {
    for (const text of wrong) expect(() => parsed('rank', 'a.pt', `--noise=${text}`).values.number('noise', 1, kind)).toThrow(`--noise is "${text}"; expected`);
    for (const text of right) expect(parsed('rank', 'a.pt', '--noise', text).values.number('noise', 1, kind)).toBe(Number(text));
  });

  it('ends in a command, in help or in a usage error, whatever it is given', () => {
    const word = fc.oneof(fc.string(), fc.constantFrom('rank', 'inspect', '--json', '--seed', '3', '--', '-h', '--help', '--html=', 'a.pt', '__proto__'));
    fc.assert(fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
      try {
        parseCommandLine(argv);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
      }
    }), { numRuns: 2000 });
  });

  it('explains every option that a command takes', () => {
    for (const name of Object.keys(commands) as CommandName[]) {
      const text = usage(name);
      for (const option of commands[name].options) expect(text).toContain(`--${option}`);
    }
  });
});
