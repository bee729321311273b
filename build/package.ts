/** Builds the extension and packs it into `out/quotient.vsix`, which any VS Code can install; what goes in stands in .vscodeignore. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { mustRun, root } from './run.ts';

await mkdir(path.join(root, 'out'), { recursive: true });
await mustRun('bundle', []);
// The bundles hold their dependencies; the links of the README stay relative, because no address of a repository is known.
await mustRun('vsce', ['package', '--no-dependencies', '--allow-missing-repository', '--no-rewrite-relative-links', '--out', 'out/quotient.vsix']);
