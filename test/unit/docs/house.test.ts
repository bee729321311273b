/** The source as a stranger finds it: every file says in its first line what it is, none is too long to be read at once, and the map of the rooms is whole. */
import { globSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const root = path.join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const files = globSync(['src/**/*.ts', 'webview/**/*.ts', 'build/*.{ts,mjs}', 'test/**/*.{ts,mjs}'], { cwd: root }).map((file) => file.replaceAll('\\', '/'));
const MOST_LINES = 400;

it('every file begins with what it is', () => {
  expect(files.length).toBeGreaterThan(500);
  expect(files.filter((file) => !/^(?:#!.*\n)?\/[*/]/.test(read(file)))).toEqual([]);
});

it(`none has more than ${MOST_LINES} lines`, () => {
  expect(files.filter((file) => read(file).split('\n').length > MOST_LINES)).toEqual([]);
});

it('CONTRIBUTING has a line for every room, in the order in which one may import from another', () => {
  const rooms = [...read('CONTRIBUTING.md').matchAll(/^\| `src\/(\w+)\/` \|/gm)].map(([, room]) => room);
  expect([...rooms].sort()).toEqual(readdirSync(path.join(root, 'src')).sort());
  const lint = /const rooms = \[([^\]]*)\]/.exec(read('eslint.config.mjs'))?.[1] ?? '';
  expect(rooms).toEqual([...lint.matchAll(/'(\w+)'/g)].map(([, room]) => room));
});
