/** The stages of a posterior are those that its network has. */
import { expect, it } from 'vitest';
import { symmetrySteps } from '../../../src/analyses/symmetrySteps.ts';
import type { Network } from '../../../src/network/network.ts';
import { symmetryGroup } from '../../../src/symmetry/group.ts';
import { Layers } from '../network/networks.ts';

const stages = (network: Network): string[] => symmetrySteps(symmetryGroup(network), 'unit', false).map(({ title }) => title);

it('removes scales where an activation, or a normalisation before any activation, divides them out', () => {
  expect(stages(new Layers([2]).dense(3).activation('relu').dense(1).build())).toEqual(['Original posterior', 'Scaling removed', 'Scaling and permutation removed']);
  expect(stages(new Layers([2]).dense(3).activation('gelu').dense(1).build())).toEqual(['Original posterior', 'Permutation removed']);
  expect(stages(new Layers([2, 3, 3]).conv(3, [3, 3]).batchnorm().activation('gelu').flatten().dense(1).build())).toEqual(['Original posterior', 'Scaling removed', 'Scaling, signs and permutation removed']);
});
