/** Networks as the frameworks save them: outputs are those that the frameworks give. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readDescription } from '../../../src/network/description.ts';
import { forward } from '../../../src/network/forward.ts';
import type { Network } from '../../../src/network/network.ts';
import { readState } from '../../../src/network/parameters.ts';
import { readNetwork } from '../../../src/network/readNetwork.ts';
import { writeDescription } from '../../../src/network/writeDescription.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { plain, tensorsOf } from './randomNetworks.ts';

const folder = path.join(import.meta.dirname, '../../fixtures/architectures');

/** What a framework computed, at inputs cos(1.3 k). */
interface Recorded {
  /** Of one input, in the order of its rows. */
  readonly input: readonly number[];
  readonly outputs: readonly number[];
  /** What stands behind the outputs of the network itself. */
  readonly head?: 'softmax' | 'log-softmax' | 'sigmoid';
  /** Relative to the largest output; 1e-12 where the framework computed in float64 from the weights of the file. */
  readonly tolerance?: number;
  readonly activation?: string;
}

const recorded = (name: string): Recorded => JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8')) as Recorded;
const names = readdirSync(folder).filter((file) => !file.endsWith('.json')).map((file) => (file.startsWith('tfjs') ? `${file}/model.json` : file));

function withHead(outputs: Float64Array, classes: number, head: Recorded['head']): Float64Array {
  if (head === undefined) return outputs;
  if (head === 'sigmoid') return outputs.map((value) => 1 / (1 + Math.exp(-value)));
  return outputs.map((value, k) => {
    const row = outputs.subarray(k - (k % classes), k - (k % classes) + classes);
    const logarithm = value - Math.log(row.reduce((sum, each) => sum + Math.exp(each), 0));
    return head === 'softmax' ? Math.exp(logarithm) : logarithm;
  });
}

describe('networks of the frameworks', () => {
  it.each(names)('%s computes what the framework computes', async (file) => {
    const { input, outputs, head, tolerance = 1e-12, activation } = recorded(file.replace(/(\/model)?\.\w+$/, ''));
    const opened = await openWeightFile(path.join(folder, file));
    try {
      const reading = await readNetwork(opened, activation === undefined ? {} : { activation });
      expect(reading).toMatchObject({ kind: 'network' });
      const { network } = reading as { network: Network };
      const size = input.reduce((product, length) => product * length, 1);
      expect([network.inputs, network.outputs, network.head]).toEqual([size, outputs.length / 2, head === 'log-softmax' ? 'softmax' : head ?? 'none']);
      const x = Float64Array.from({ length: 2 * size }, (_, k) => Math.cos(1.3 * (k + 1)));
      const computed = withHead(forward(network, await readState(opened, network), x), network.outputs, head);
      const scale = Math.max(...outputs.map(Math.abs));
      const error = Math.max(...outputs.map((value, k) => Math.abs(value - computed[k]!))) / scale;
      expect(error).toBeLessThan(tolerance);
      expect(scale).toBeGreaterThan(1e-3);
      // The description of what was recognised is the same network.
      expect(plain(readDescription(writeDescription(network), 'd', tensorsOf(network)))).toEqual(plain(network));
    } finally {
      await opened.close();
    }
  });
});
