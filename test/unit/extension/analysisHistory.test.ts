/** The list of analyses, over a store that outlives it as VS Code's does. */
import { expect, it } from 'vitest';
import { AnalysisHistory, type Store } from '../../../src/extension/analysisHistory.ts';
import type { ReportQuestion } from '../../../src/extension/reportQuestion.ts';

function store(): Store {
  const values = new Map<string, string>();
  return {
    get: (key) => JSON.parse(values.get(key) ?? 'null') as unknown,
    update: (key, value) => {
      values.set(key, JSON.stringify(value));
      return Promise.resolve();
    },
  };
}

const question = (file: string): ReportQuestion => ({ method: 'inspect', title: `Weights of ${file}`, request: { files: [file], statistics: false } });
const states = (history: AnalysisHistory): string[] => history.entries.map(({ key, state }) => `${key} ${state.kind}`);

it('follows a run from its start to its end, and says each change', () => {
  const history = new AnalysisHistory(store(), () => 7);
  let changes = 0;
  history.onChange(() => { changes++; });
  const run = history.start('a', question('/a'), ['/a']);
  expect(history.of('a')).toEqual({ key: 'a', question: question('/a'), files: ['/a'], when: 7, state: { kind: 'running', message: 'Starting' } });
  run.progress('Reading', 0.5);
  expect(history.of('a')?.state).toEqual({ kind: 'running', message: 'Reading', fraction: 0.5 });
  run.end({ kind: 'done', summary: 'All is well.' }, 'report of a');
  expect(history.of('a')).toMatchObject({ state: { kind: 'done', summary: 'All is well.' }, report: 'report of a' });
  expect(changes).toBe(3);
});

it('keeps what ended for the next window, and nothing of what still ran', () => {
  const kept = store();
  const history = new AnalysisHistory(kept);
  history.start('a', question('/a'), ['/a']).end({ kind: 'done', summary: 'x' }, 'r');
  history.start('b', question('/b'), ['/b']);
  history.start('c', question('/c'), ['/c']).end({ kind: 'failed', message: '/c is no weight file.' });
  history.start('d', question('/d'), ['/d']).end({ kind: 'cancelled' });
  expect(states(history)).toEqual(['d cancelled', 'c failed', 'b running', 'a done']);
  const next = new AnalysisHistory(kept);
  expect(states(next)).toEqual(['d cancelled', 'c failed', 'a done']);
  expect(next.of('a')?.report).toBe('r');
  next.remove('c');
  expect(states(new AnalysisHistory(kept))).toEqual(['d cancelled', 'a done']);
});

it('a question asked again takes its entry\'s place and keeps the last report until there is a newer one', () => {
  const history = new AnalysisHistory(store());
  history.start('a', question('/a'), ['/a']).end({ kind: 'done', summary: 'x' }, 'r');
  history.start('b', question('/b'), ['/b']);
  const first = history.start('a', question('/a'), ['/a']);
  const second = history.start('a', question('/a'), ['/a']);
  expect(states(history)).toEqual(['a running', 'b running']);
  // The one that was overtaken has nothing more to say.
  first.end({ kind: 'cancelled' });
  expect(states(history)).toEqual(['a running', 'b running']);
  second.end({ kind: 'failed', message: 'gone' });
  expect(history.of('a')).toMatchObject({ state: { kind: 'failed' }, report: 'r' });
});

it('does not grow without end, and forgets nothing that runs', () => {
  const history = new AnalysisHistory(store());
  history.start('long', question('/long'), ['/long']);
  for (let i = 0; i < 40; i++) history.start(String(i), question(`/${i}`), [`/${i}`]).end({ kind: 'cancelled' });
  expect(history.entries).toHaveLength(33);
  expect(history.of('long')?.state.kind).toBe('running');
  expect(history.of('39')).toBeDefined();
  expect(history.of('0')).toBeUndefined();
});

it('takes from the store only what it understands', async () => {
  const kept = store();
  const whole = { key: 'a', question: question('/a'), files: ['/a'], when: 1, state: { kind: 'done', summary: 'x' } };
  await kept.update('analyses', [null, 3, {}, { ...whole, state: { kind: 'running', message: 'x' } }, { ...whole, question: { method: 'constructor' } }, { ...whole, when: 'now' }, whole]);
  expect(new AnalysisHistory(kept).entries).toEqual([whole]);
  await kept.update('analyses', { a: whole });
  expect(new AnalysisHistory(kept).entries).toEqual([]);
});
