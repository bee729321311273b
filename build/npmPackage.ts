/**
 * Lays the npm package out in `out/npm/`, ready for `npm pack` and `npm publish`: the command line and the programmatic interface, which the
 * bundles hold whole. It has a manifest of its own, since that of the checkout is an extension's, and its optional dependencies (a Node 24 for
 * the scripts, native TensorFlow for the tests) are installed with a package whether its user needs them or not.
 */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { root } from './run.ts';

interface Manifest {
  readonly engines: { readonly node: string };
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

const FOLDER = path.join(root, 'out/npm');
/** Of the manifest: what npm and Node read. */
const FIELDS = ['name', 'version', 'description', 'keywords', 'license', 'repository', 'homepage', 'bugs', 'exports', 'bin'] as const;
const BESIDE = ['README.md', 'LICENSE', 'media/digits.npz', 'media/digits.LICENSE.txt', 'media/network.schema.json'];
const NATIVE = '@tensorflow/tfjs-node';

/** Needs `dist/`. */
export async function layOutNpmPackage(): Promise<void> {
  const manifest = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as Manifest;
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER, { recursive: true });
  await writeFile(path.join(FOLDER, 'package.json'), `${JSON.stringify(published(manifest), null, 2)}\n`);
  for (const file of [...BESIDE, ...await programs()]) await cp(path.join(root, file), path.join(FOLDER, file), { recursive: true });
}

/** Native TensorFlow is taken where its user has installed it, and asked of nobody. */
function published(manifest: Manifest): Readonly<Record<string, unknown>> {
  return {
    ...Object.fromEntries(FIELDS.flatMap((field) => (manifest[field] === undefined ? [] : [[field, manifest[field]]]))),
    engines: { node: manifest.engines.node },
    peerDependencies: { [NATIVE]: `^${manifest.optionalDependencies[NATIVE] ?? ''}` },
    peerDependenciesMeta: { [NATIVE]: { optional: true } },
  };
}

/** What was built, but for the extension's entry and what debuggers read. */
async function programs(): Promise<readonly string[]> {
  const built = await readdir(path.join(root, 'dist'));
  return built.filter((name) => (/\.(mjs|js|wasm|txt)$/.test(name) && name !== 'extension.js') || name === 'types').map((name) => `dist/${name}`);
}
