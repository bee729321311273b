/** Builds the extension and packs it into `out/quotient.vsix`, which any VS Code can install; what goes in stands in .vscodeignore. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { mustRun, packaging, root } from './run.ts';

await mkdir(path.join(root, 'out'), { recursive: true });
await mustRun('bundle', []);
await mustRun('vsce', packaging);
