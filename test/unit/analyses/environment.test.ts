/** What the analysis host says of itself, with native TensorFlow and without. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { environment } from '../../../src/analyses/environment.ts';
import { context, temporaryFolder } from './workspace.ts';

const program = process.argv[1]!;
afterEach(() => {
  process.argv[1] = program;
});

/** A program in a folder of its own, with this module, if any, in the place of native TensorFlow. */
async function tensorflowOf(moduleText: string | undefined) {
  const folder = await temporaryFolder();
  if (moduleText !== undefined) {
    const installed = path.join(folder, 'node_modules/@tensorflow/tfjs-node');
    await mkdir(installed, { recursive: true });
    await writeFile(path.join(installed, 'index.js'), moduleText);
  }
  process.argv[1] = path.join(folder, 'program.js');
  return (await environment({}, context)).tensorflow;
}

describe('native TensorFlow', () => {
  it('may be absent', async () => {
    expect(await tensorflowOf(undefined)).toEqual({ available: false, reason: 'not installed' });
  });

  it('may be there, although it calls what newer Node versions have removed', async () => {
    const text = "if (require('util').isNullOrUndefined(1)) throw new Error(); exports.version = { 'tfjs-node': '4.22.0' }; exports.node = {}; exports.backend = () => ({ binding: { TF_Version: '2.9.1' } });";
    expect(await tensorflowOf(text)).toEqual({ available: true, version: '4.22.0', library: '2.9.1' });
  });

  it('may be there and not load', async () => {
    expect(await tensorflowOf("throw new Error('libtensorflow.so.2: cannot open shared object file\\nmore');")).toEqual({
      available: false,
      reason: 'does not load: libtensorflow.so.2: cannot open shared object file',
    });
  });
});
