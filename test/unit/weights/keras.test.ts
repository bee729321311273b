/** Keras files, against the arrays that h5py reads from them and the weights of each layer that Keras itself loads, bit for bit. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { describeFixture } from './expectedTensors.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/keras');
const names = readdirSync(fixtures).filter((name) => !name.endsWith('.json'));
const stem = (name: string): string => name.replace(/\.(h5|keras)$/, '');
for (const name of names) describeFixture(join(fixtures, name), join(fixtures, `${stem(name)}.json`), /no element type is left unread/);

interface LoadedLayer {
  readonly name: string;
  readonly weights: readonly string[];
}

describe.each(names)('the layers of %s', (name) => {
  const loaded = JSON.parse(readFileSync(join(fixtures, `${stem(name)}.layers.json`), 'utf8')) as readonly LoadedLayer[];

  it('hold what Keras loads into them', async () => {
    const file = await openWeightFile(join(fixtures, name));
    for (const [i, { name: layerName, weights }] of loaded.entries()) {
      // Keras 2 writes no names into the layout of Keras 3; there the folders are numbered in the order of the layers.
      const layer = file.kerasLayers?.find((candidate) => candidate.name === layerName) ?? (name === 'keras2-archive.keras' ? file.kerasLayers?.[i] : undefined);
      const values = await Promise.all((layer?.weights ?? []).map((weight) => file.read(weight)));
      expect(values.map(({ buffer }) => Buffer.from(buffer).toString('hex')), layerName).toEqual(weights);
    }
    await file.close();
  });
});

describe('what a Keras file says of itself', () => {
  it.each([
    ['keras3.keras', 'Keras archive', ['optimizer/'], undefined, ['first', 'dropout', 'batch_normalization', 'last']],
    ['keras3-legacy.h5', 'Keras HDF5', ['optimizer_weights/'], 'model_weights/', ['first', 'dropout', 'batch_normalization', 'last']],
    ['keras2.h5', 'Keras HDF5', ['optimizer_weights/'], 'model_weights/', ['first', 'last']],
    ['keras2-archive.keras', 'Keras archive', ['optimizer/', 'metrics/'], undefined, ['first', 'last']],
    ['lambda.keras', 'Keras archive', [], undefined, ['lambda', 'dense']],
  ])('%s: format, optimiser, configuration', async (name, format, optimizerPrefixes, weightPrefix, layers) => {
    const file = await openWeightFile(join(fixtures, name));
    expect({ format: file.format, optimizerPrefixes: file.optimizerPrefixes, weightPrefix: file.weightPrefix }).toEqual({ format, optimizerPrefixes, weightPrefix });
    const config = JSON.parse(file.kerasConfig ?? '') as { readonly class_name: string; readonly config: { readonly layers: readonly { readonly class_name: string; readonly config: { readonly name: string } }[] } };
    expect(config.class_name).toBe('Sequential');
    expect(config.config.layers.filter(({ class_name: kind }) => kind !== 'InputLayer').map((layer) => layer.config.name.replace(/_\d+$/, ''))).toEqual(layers);
    expect(file.metadata['keras_version']).toMatch(/^(3\.15\.1|2\.21\.0)$/);
    await file.close();
  });

  it('is no configuration when there are weights only', async () => {
    for (const name of ['keras3.weights.h5', 'keras2-weights.h5', 'bfloat16.weights.h5']) {
      const file = await openWeightFile(join(fixtures, name));
      expect(file.kerasConfig, name).toBeUndefined();
      expect(file.kerasLayers?.length, name).toBeGreaterThan(1);
      await file.close();
    }
  });

  it('keeps the code of a Lambda layer as the text that it is', async () => {
    const file = await openWeightFile(join(fixtures, 'lambda.keras'));
    expect(file.kerasConfig).toContain('__lambda__');
    await file.close();
  });
});
