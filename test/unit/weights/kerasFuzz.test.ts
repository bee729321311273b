/** Keras archives: damage to the archive, to the configuration in it, and to the weights in it, whose checksums are right all the same. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'vitest';
import type { Random } from '../../../src/linalg/random.ts';
import { openZipWeights } from '../../../src/weights/zipWeights.ts';
import { zipBytes } from '../../fixtures/zipBytes.ts';
import { damagedFields } from './hdf5Mutations.ts';
import { mutate, pick } from './mutations.ts';
import { INPUTS, survive } from './survival.ts';

const fixtures = join(import.meta.dirname, '../../fixtures');
const weights = new Uint8Array(readFileSync(join(fixtures, 'hdf5Seeds/keras3.h5')));
const texts = ['{"module": "keras", "class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {"name": "dense"}}]}}', '{"keras_version": "3.15.0"}', '{', '[]', ''].map((text) => new Uint8Array(Buffer.from(text)));
const bad = readdirSync(join(fixtures, 'bad/hdf5')).filter((name) => name.endsWith('.keras')).map((name) => new Uint8Array(readFileSync(join(fixtures, 'bad/hdf5', name))));

function archive(random: Random): Uint8Array {
  const text = (): Uint8Array => (random.below(3) === 0 ? mutate(random, pick(random, texts), texts) : pick(random, texts));
  // Every input that gets to the weights takes a millisecond of the HDF5 library.
  const damaged = random.below(4) === 0;
  const bytes = zipBytes([
    ...(random.below(20) === 0 ? [] : [{ name: 'config.json', content: text() }]),
    ...(random.below(4) === 0 ? [] : [{ name: 'metadata.json', content: text() }]),
    ...(random.below(20) === 0 ? [] : [{ name: 'model.weights.h5', content: damaged ? damagedFields(random) : weights, deflate: random.below(4) === 0 }]),
  ]);
  return damaged ? bytes : mutate(random, random.below(8) === 0 ? pick(random, bad) : bytes, [bytes]);
}

it(`survives ${INPUTS} inputs`, async () => {
  await survive(INPUTS, archive, openZipWeights, 'f', INPUTS / 50, 5000);
}, 0);
