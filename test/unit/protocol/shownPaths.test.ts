/** Paths as people read them. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { filesTogether, fromOpenFolder, namesApart } from '../../../src/protocol/shownPaths.ts';

it('names are as short as tells the files apart', () => {
  expect(namesApart(['/a/net.pt', '/b/other.pt'])).toEqual(['net.pt', 'other.pt']);
  expect(namesApart(['/runs/1/net.pt', '/runs/2/net.pt'])).toEqual(['1/net.pt', '2/net.pt']);
  expect(namesApart(['c:\\runs\\1\\net.pt', 'c:\\runs\\2\\net.pt'])).toEqual(['1/net.pt', '2/net.pt']);
  expect(namesApart(['net.pt', 'old/net.pt'])).toEqual(['net.pt', 'old/net.pt']);
  // One file with itself has one name.
  expect(namesApart(['/a/net.pt', '/a/net.pt'])).toEqual(['net.pt', 'net.pt']);
});

it('different files have different names, each the end of its path', () => {
  const part = fc.constantFrom('a', 'b', 'net.pt');
  fc.assert(fc.property(fc.uniqueArray(fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`), { minLength: 1, maxLength: 6 }), (files) => {
    const names = namesApart(files);
    files.forEach((file, i) => { expect(file.endsWith(names[i] ?? '')).toBe(true); });
    // A file whose whole path is the end of another's has no more parts to add.
    if (!files.some((file) => files.some((other) => other !== file && other.endsWith(file)))) expect(new Set(names).size).toBe(files.length);
  }));
});

it('a path is said from the open folder, in a sentence as well, and with slashes', () => {
  const said = fromOpenFolder([{ path: '/home/me/work', name: '' }]);
  expect(said('/home/me/work/models/net.pt')).toBe('models/net.pt');
  expect(said('Written to /home/me/work/out/net.pt and /home/me/work/out/b.pt (scaling).')).toBe('Written to out/net.pt and out/b.pt (scaling).');
  for (const other of ['/home/me/works/net.pt', '/mnt/home/me/work/net.pt', '/home/me/work', 'Rank 3 of 5.']) expect(said(other)).toBe(other);
  expect(fromOpenFolder([{ path: 'c:\\Users\\me\\my runs', name: '' }])('c:\\Users\\me\\my runs\\1\\net.pt')).toBe('1/net.pt');
  expect(fromOpenFolder([])('/home/me/net.pt')).toBe('/home/me/net.pt');
  expect(fromOpenFolder([{ path: '/', name: '' }])('/home/me/net.pt')).toBe('/home/me/net.pt');
});

it('with several folders, their names stand before; the innermost counts', () => {
  const said = fromOpenFolder([{ path: '/w', name: 'w' }, { path: '/w/inner', name: 'inner' }, { path: '/data', name: 'data' }]);
  expect(said('/w/net.pt')).toBe('w/net.pt');
  expect(said('/w/inner/net.pt')).toBe('inner/net.pt');
  expect(said('/data/x.npz')).toBe('data/x.npz');
});

it.each([
  [['/a/net.pt'], 'net.pt'],
  [['/runs/ensemble/0.pt', '/runs/ensemble/1.pt'], '2 files in ensemble'],
  [['C:\\runs\\ensemble\\0.pt', 'C:\\runs\\ensemble\\1.pt'], '2 files in ensemble'],
  [['/runs/1/net.pt', '/runs/2/net.pt'], '2 files'],
  // Folders that the paths do not name.
  [['0.pt', '1.pt'], '2 files'],
  [['../0.pt', '../1.pt'], '2 files'],
])('calls %j together %s', (files, said) => {
  expect(filesTogether(files)).toBe(said);
});
