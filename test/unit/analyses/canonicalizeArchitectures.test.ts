/**
 * Networks that real frameworks exported, canonicalised: the written file holds every tensor under its name and shape, and `compare` finds
 * that it is the same network up to symmetry.
 */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { analyses } from '../../../src/analyses/service.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { context, temporaryFolder } from './workspace.ts';

const folder = path.join(import.meta.dirname, '../../fixtures/architectures');
const files = ['mlp.onnx', 'norms.onnx', 'keras3-chain.keras'];

interface Canonicalized {
  readonly files: readonly { readonly out: string; readonly functionError: number; readonly massBefore: number; readonly massAfter: number }[];
}

async function shapes(file: string): Promise<Map<string, string>> {
  const opened = await openWeightFile(file);
  try {
    return new Map(opened.tensors.map(({ name, shape }) => [name, shape.join()]));
  } finally {
    await opened.close();
  }
}

describe('networks of real frameworks', () => {
  it.each(files)('%s in canonical form is the same network up to symmetry', async (name) => {
    const source = path.join(folder, name);
    const out = await temporaryFolder();
    const request = { files: [source], out: { folder: out }, overwrite: true, permutation: 'sorted', sign: 'fixed', countBiases: false, seed: 0 } as const;
    const { files: [unit] } = (await analyses.canonicalize({ ...request, scaling: 'unit' }, context)).result as unknown as Canonicalized;
    expect(unit!.functionError).toBeLessThan(1e-3);
    expect(await shapes(unit!.out)).toEqual(await shapes(source));
    const verdict = (await analyses.compare({ files: [source, unit!.out], likelihood: 'gaussian', seed: 0 }, context)).result as { readonly sameFunction: string };
    expect(verdict.sameFunction).toBe('up-to-symmetry');
    const { files: [balanced] } = (await analyses.canonicalize({ ...request, scaling: 'balanced' }, context)).result as unknown as Canonicalized;
    expect(balanced!.massAfter).toBeLessThanOrEqual(balanced!.massBefore * (1 + 1e-6));
  });
});
