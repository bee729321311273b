// Runs at the end of `npm ci`. The Node 24 that came as a package of this platform belongs into node_modules/.bin, where the scripts of
// package.json find it before any other; npm 10 puts it there and takes it away again with the packages of the other platforms,
// which have a program of the same name.
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../node_modules/', import.meta.url));
const program = `node-${process.platform}-${process.arch}/bin/node`;
if (existsSync(`${folder}${program}`) && !existsSync(`${folder}.bin/node`)) {
  mkdirSync(`${folder}.bin`, { recursive: true });
  symlinkSync(`../${program}`, `${folder}.bin/node`);
}
