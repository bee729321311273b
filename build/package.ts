/** Builds the extension and packs it into `out/quotient.vsix`, which any VS Code can install; what goes in stands in .vscodeignore. Beside it, in `out/npm/`, the npm package. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { layOutNpmPackage } from './npmPackage.ts';
import { mustRun, packaging, root } from './run.ts';

await mkdir(path.join(root, 'out'), { recursive: true });
await mustRun('bundle', []);
await mustRun('vsce', packaging);
await layOutNpmPackage();
