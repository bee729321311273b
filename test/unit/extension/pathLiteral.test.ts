/** A path under the cursor: found in any quotes, and never looked up outside the folders it belongs to. */
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isInside, pathCandidates, pathLiteralAt, pathLiteralsIn } from '../../../src/extension/pathLiteral.ts';

/** The text of the literal at the first `^`-marked character. */
const at = (line: string): string | undefined => pathLiteralAt(line.replace('^', ''), line.indexOf('^'))?.text;

describe('the literal under the cursor', () => {
  it.each([
    ['net = load("run/n^et.pt")', 'run/net.pt'],
    ["net = load('^net.pth', x='b')", 'net.pth'],
    ['const f = `a/b.safetensors^`', 'a/b.safetensors'],
    ["don't = load('ne^t.npz')", 'net.npz'],
    ['"weights": "a dir/w^.npy",', 'a dir/w.npy'],
    ['weights: models/n^et.ckpt', 'models/net.ckpt'],
    ['run --weights=n^et.pt --seed 1', 'net.pt'],
    ['"NET.SAFE^TENSORS"', 'NET.SAFETENSORS'],
    ['["model.safetensors.index.j^son"]', 'model.safetensors.index.json'],
  ])('%s', (line, literal) => {
    expect(at(line)).toBe(literal);
  });

  it.each(['x = "net.^txt"', 'load("net.pt")  # ^here', 'the point.pt^s of it', ''])('is none in %s', (line) => {
    expect(at(line)).toBeUndefined();
  });

  it('is the quoted string itself, wherever the cursor stands in it', () => {
    const name = fc.stringMatching(/^[\w ./-]{0,30}\w$/).map((stem) => `${stem}.safetensors`);
    fc.assert(fc.property(name, fc.nat(), fc.constantFrom('"', "'", '`'), (file, step, quote) => {
      const line = `x = f(${quote}${file}${quote}, 1)`;
      const start = 'x = f('.length + 1;
      expect(pathLiteralAt(line, start + (step % (file.length + 1)))).toEqual({ text: file, start, end: start + file.length });
    }));
  });

  it('is found in a line of ten megabytes without reading all of it', () => {
    const line = `${'x'.repeat(5e6)}"net.pt"${'y'.repeat(5e6)}`;
    expect(pathLiteralAt(line, 5e6 + 3)?.text).toBe('net.pt');
  });
});

describe('all literals of a line', () => {
  const all = (line: string): string[] => pathLiteralsIn(line).map(({ text }) => text);
  it.each([
    ['a, b = load("a.pt"), load(\'b dir/b.npz\')', ['a.pt', 'b dir/b.npz']],
    ['weights: models/net.ckpt  # not net.txt', ['models/net.ckpt']],
    ['run --weights=net.pt --data=data.npz', ['net.pt', 'data.npz']],
    ['see `net.safetensors` and "it\'s.pt"', ['net.safetensors', "it's.pt"]],
    ['["a.npy","a.npy"]', ['a.npy', 'a.npy']],
    ['nothing = "here.txt"', []],
    [`x = "${'y'.repeat(3000)}.pt"`, []],
  ])('%s', (line, literals) => {
    expect(all(line)).toEqual(literals);
  });

  it('are each what the cursor in it finds', () => {
    const token = fc.constantFrom('"a.pt"', "'b/c.npz'", 'd.npy', '=', ',', '(', ')', ' ', 'x', '"', "'", '--w=e.pt');
    fc.assert(fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
      const line = tokens.join('');
      for (const literal of pathLiteralsIn(line)) {
        expect(line.slice(literal.start, literal.end)).toBe(literal.text);
        expect(pathLiteralAt(line, literal.end - 1)?.text.endsWith(literal.text.slice(-3))).toBe(true);
      }
    }));
  });
});

describe('the files it may mean', () => {
  const root = path.resolve('/project');
  const folder = path.join(root, 'src');

  it('are looked for beside the document, then in the workspace', () => {
    expect(pathCandidates('net.pt', [folder, root], [root])).toEqual([path.join(folder, 'net.pt'), path.join(root, 'net.pt')]);
  });

  it('may climb inside the workspace and not out of it', () => {
    expect(pathCandidates('../net.pt', [folder, root], [root])).toEqual([path.join(root, 'net.pt')]);
    expect(pathCandidates('../../net.pt', [folder, root], [root])).toEqual([]);
    expect(pathCandidates('..', [folder], [root])).toEqual([]);
  });

  it('never lie outside the roots, whatever the relative path', () => {
    const step = fc.constantFrom('..', '.', 'a', '...', '..b', '');
    fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
      const text = steps.join('/');
      fc.pre(!path.isAbsolute(text));
      for (const file of pathCandidates(text, [folder, root], [root])) expect(file.startsWith(root + path.sep)).toBe(true);
    }));
  });

  it('are the path itself when it is absolute, a file URL or in the home folder', () => {
    const absolute = path.resolve('/data/net.pt');
    expect(pathCandidates(absolute, [folder], [root])).toEqual([absolute]);
    expect(pathCandidates(pathToFileURL(absolute).href, [folder], [root])).toEqual([absolute]);
    expect(pathCandidates('~/net.pt', [folder], [root])).toEqual([path.join(os.homedir(), 'net.pt')]);
  });

  it.each(['//server/share/net.pt', '\\\\server\\share\\net.pt', '\\\\\\\\server\\\\share\\\\net.pt', 'file://server/share/net.pt', 'https://a.example/net.pt', 's3://bucket/net.pt', 'a\0.pt'])('are none for %j', (text) => {
    expect(pathCandidates(text, [folder], [root])).toEqual([]);
  });

  it('inside means below', () => {
    expect(isInside(root, root)).toBe(false);
    expect(isInside(path.join(root, '..data'), root)).toBe(true);
    expect(isInside(path.resolve('/projects/x'), root)).toBe(false);
  });
});
