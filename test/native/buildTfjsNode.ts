/**
 * `@tensorflow/tfjs-node` built here, from npm's package, and headers and library of TensorFlow's Python wheel. The library of older
 * wheels holds TensorFlow's Python modules as well, and refers to names of Python that only these use: an empty library stands in for them.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';

const TFJS_NODE = '4.22.0';
/** The version whose library tfjs-node installs, and one that reads SavedModels of today; each with a Python that it has a wheel for. */
export const tensorflowVersions = { '2.9.1': '3.9', '2.15.1': '3.11' } as const;

export type TensorflowVersion = keyof typeof tensorflowVersions;

/** Within the wheel, what has the C interface: the first that is there. */
const libraries = ['tensorflow/libtensorflow_cc.so.2', 'tensorflow/python/_pywrap_tensorflow_internal.so'];
const FRAMEWORK = 'tensorflow/libtensorflow_framework.so.2';
/** Node-API version that it is built for, and whose folder it looks into. */
const NODE_API = 8;

function run(program: string, parameters: readonly string[], cwd: string, environment: Readonly<Record<string, string>> = {}): string {
  const { status, stdout, stderr, error } = spawnSync(program, parameters, { cwd, env: { ...process.env, ...environment }, encoding: 'utf8', maxBuffer: 2 ** 28, timeout: 600_000 });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ${parameters.join(' ')} ended with ${status ?? 'a signal'}:\n${stdout.slice(-2000)}${stderr.slice(-2000)}`);
  return stdout;
}

/** @param folder gets node_modules/@tensorflow/tfjs-node */
export async function buildTfjsNode(folder: string, version: TensorflowVersion): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'package.json'), '{ "private": true }\n');
  console.log(`@tensorflow/tfjs-node ${TFJS_NODE} from npm …`);
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--save-exact', `@tensorflow/tfjs-node@${TFJS_NODE}`], folder);
  const home = path.join(folder, 'node_modules/@tensorflow/tfjs-node');
  console.log(`Headers and library of TensorFlow ${version} from its wheel …`);
  const library = await unpackWheel(folder, path.join(home, 'deps'), version);
  const standIn = standInForPython(library);
  console.log(`Its binding, for Node ${process.versions.node} …`);
  const headers = path.join(path.dirname(path.dirname(process.execPath)));
  run(process.execPath, [
    nodeGyp(), 'rebuild', ...(existsSync(path.join(headers, 'include/node/node_api.h')) ? [`--nodedir=${headers}`] : []),
    '--module_name=tfjs_binding', `--module_path=${path.join(home, `lib/napi-v${NODE_API}`)}`, `--napi_version=${process.versions['napi'] ?? NODE_API}`, `--napi_build_version=${NODE_API}`,
  ], home, { LDFLAGS: `-L${library} -Wl,--allow-shlib-undefined ${standIn}` });
}

/** Gives the folder of the library. */
async function unpackWheel(folder: string, deps: string, version: TensorflowVersion): Promise<string> {
  const wheels = path.join(folder, 'wheel');
  run('python3', ['-m', 'pip', 'download', '--no-deps', '--python-version', tensorflowVersions[version], '--only-binary=:all:', '--platform', 'manylinux2014_x86_64', '--dest', wheels, `tensorflow-cpu==${version}`], folder);
  const wheel = (await readdir(wheels)).find((name) => name.endsWith('.whl'));
  if (wheel === undefined) throw new Error('pip downloaded no wheel');
  const names = new Set(run('unzip', ['-Z1', wheel], wheels).split('\n'));
  const main = libraries.find((name) => names.has(name));
  if (main === undefined) throw new Error(`${wheel} has none of ${libraries.join(', ')}`);
  run('unzip', ['-q', '-o', wheel, 'tensorflow/include/*', FRAMEWORK, main], wheels);
  const library = path.join(deps, 'lib');
  await mkdir(library, { recursive: true });
  await rename(path.join(wheels, 'tensorflow/include'), path.join(deps, 'include'));
  // Under the names that they ask for one another by, and under those that the binding is linked with.
  for (const [name, linked] of [[FRAMEWORK, 'libtensorflow_framework.so'], [main, 'libtensorflow.so']] as const) {
    await rename(path.join(wheels, name), path.join(library, path.basename(name)));
    await symlink(path.basename(name), path.join(library, linked));
  }
  await rm(wheels, { recursive: true });
  return library;
}

/** Gives what the linker is told. */
function standInForPython(library: string): string {
  const names = run('nm', ['-D', '--undefined-only', 'libtensorflow.so'], library).split('\n').map((line) => line.trim().split(/\s+/).at(-1) ?? '').filter((name) => /^_?Py\w+$/.test(name));
  if (names.length === 0) return '';
  const source = names.map((name) => `char ${name}[4096];`).join('\n');
  const { status, stderr } = spawnSync(process.env['CXX'] ?? 'g++', ['-x', 'c', '-', '-shared', '-fPIC', '-w', '-fno-builtin', '-Wl,-soname,libpythonnames.so', '-o', 'libpythonnames.so'], { cwd: library, input: source, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return '-Wl,--no-as-needed -lpythonnames';
}

/** npm brings it along, and says where to the scripts that it runs. */
function nodeGyp(): string {
  const found = [process.env['npm_config_node_gyp'], path.join(run('npm', ['root', '--global'], '.').trim(), 'npm/node_modules/node-gyp/bin/node-gyp.js')].find((file) => file !== undefined && existsSync(file));
  if (found === undefined) throw new Error('node-gyp was not found beside npm');
  return found;
}
