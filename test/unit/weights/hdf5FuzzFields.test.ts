/**
 * HDF5 files with damaged fields: half of the inputs, the other half is in another file so that both run at once. Every input that passes
 * the check of its superblock is a whole life of the library: memory set back, file listed, elements read.
 */
import { it } from 'vitest';
import { openHdf5 } from '../../../src/weights/hdf5.ts';
import { damagedFields } from './hdf5Mutations.ts';
import { INPUTS, survive } from './survival.ts';

/** A loop is ended after one second, and the worker that is started for the next input counts as well. */
const LONGEST = 5000;
const inputs = Math.ceil(INPUTS / 2);

it(`survives ${inputs} inputs with damaged fields`, async () => {
  await survive(inputs, damagedFields, openHdf5, 'f', inputs / 20, LONGEST);
}, 0);
