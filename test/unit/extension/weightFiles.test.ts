/** What is said of files by their names alone agrees with what the manifest says. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { drawsAmong, isWeightFile } from '../../../src/protocol/weightFileNames.ts';
import { alignedName, canonicalName, dataCandidates, kindByName, viewTypeOf, weightsEditors } from '../../../src/extension/weightFiles.ts';

it('knows weight files by name, in any case', () => {
  expect(['a.safetensors', 'A.PT', 'b.pth', 'c.ckpt', 'd.npz', 'e.npy', 'f.keras', 'g.weights.h5', 'h.hdf5', 'i.nc', 'j.msgpack', 'k.onnx', 'l.gguf', 'model.safetensors.index.json'].every(isWeightFile)).toBe(true);
  expect(['index.json', 'a.pt.txt', 'pt', '.gitignore', 'a.csv'].some(isWeightFile)).toBe(false);
  expect(kindByName('x/model.safetensors.index.json')).toBe('Index of a sharded safetensors file');
  expect(kindByName('a.ckpt')).toBe('PyTorch weight file');
});

it('names the canonical form after the file without its whole extension', () => {
  expect(canonicalName('run/net.v2.pt')).toBe('net.v2.canonical.safetensors');
  expect(canonicalName('model.safetensors.index.json')).toBe('model.canonical.safetensors');
  expect(alignedName('run/net.v2.pt')).toBe('net.v2.aligned.safetensors');
});

it('finds the draws of a folder: the commonest format, by number, without the data', () => {
  expect(drawsAmong(['draw10.pt', 'draw2.pt', 'README.md', 'data.npz', 'final.safetensors'])).toEqual(['draw2.pt', 'draw10.pt']);
  expect(drawsAmong(['README.md', 'data.npz', 'draws.npz', 'draws.network.json', 'network.safetensors'])).toEqual(['draws.npz']);
  expect(drawsAmong(['data.npz', 'mcmc.npz', 'notes.md'])).toEqual(['mcmc.npz']);
  expect(drawsAmong(['data.npz'])).toEqual(['data.npz']);
  expect(drawsAmong(['notes.txt'])).toEqual([]);
  // What was written of draws beside them is not another draw; alone, it is one.
  expect(drawsAmong(['a.pt', 'b.pt', 'a.aligned.safetensors', 'b.aligned.safetensors', 'b.canonical.safetensors'])).toEqual(['a.pt', 'b.pt']);
  expect(drawsAmong(['a.aligned.safetensors', 'b.aligned.safetensors'])).toEqual(['a.aligned.safetensors', 'b.aligned.safetensors']);
});

it('offers the likeliest data first and never the weights themselves', () => {
  expect(dataCandidates(['other.npz', 'net.safetensors', 'training.csv', 'data.npz', 'notes.txt', 'net2.pt'], '/run/net.safetensors'))
    .toEqual(['data.npz', 'training.csv', 'other.npz', 'net2.pt']);
});

it('opens each name in the view type whose selector in package.json has it', async () => {
  const { contributes } = JSON.parse(await readFile('package.json', 'utf8')) as { contributes: { customEditors: { viewType: string; priority: string; selector: { filenamePattern: string }[] }[] } };
  const editors = contributes.customEditors.filter(({ viewType }) => (weightsEditors as readonly string[]).includes(viewType));
  expect(editors.map(({ viewType, priority }) => [viewType, priority])).toEqual([['quotient.weights', 'default'], ['quotient.weights.optional', 'option']]);
  const patterns = editors.flatMap(({ viewType, selector }) => selector.map(({ filenamePattern }) => [filenamePattern.replace('*', 'Net'), viewType] as const));
  expect(patterns.length).toBeGreaterThan(10);
  for (const [name, viewType] of patterns) expect(viewTypeOf(name), name).toBe(viewType);
});
