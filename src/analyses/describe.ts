/** Words for networks and their symmetries, the same in hovers, reports and messages. */
import type { Network } from '../network/network.ts';
import type { NetworkReading } from '../network/readNetwork.ts';
import { formatCount, formatCountOf, formatPowerOfTen } from '../protocol/format.ts';
import type { NetworkSummary } from '../protocol/service.ts';
import { symmetryGroup } from '../symmetry/group.ts';
import type { GaussianWeights } from '../weights/gaussianWeights.ts';
import { describeNetwork } from './describeNetwork.ts';

/** "2 permutation copies, 2 scaling dimensions". */
function describeSymmetry(network: Network): string {
  const { log10Copies, dimensions } = symmetryGroup(network);
  if (log10Copies === 0 && dimensions === 0) return 'no symmetry';
  return [
    ...(log10Copies > 0 ? [`${formatPowerOfTen(log10Copies)} copies`] : []),
    ...(dimensions > 0 ? [formatCountOf(dimensions, 'continuous dimension')] : []),
  ].join(', ');
}

/** @param over of the network when the file holds a Gaussian over its weights */
export function summarizeNetwork(reading: NetworkReading, over?: GaussianWeights['kind']): NetworkSummary {
  switch (reading.kind) {
    case 'network': {
      const { network, leading } = reading;
      const draws = over !== undefined ? `${over === 'swag' ? 'SWAG moments' : 'a mean-field Gaussian'} over ` : leading.length === 0 ? '' : `${leading.map(formatCount).join(' × ')} draws of `;
      return { kind: 'recognised', description: `${draws}${describeNetwork(network)}`, parameters: network.parameters, symmetry: describeSymmetry(network) };
    }
    case 'activation-needed':
      return { kind: 'activation-needed', description: reading.outline };
    case 'unrecognised':
      return { kind: 'unrecognised', reason: reading.reason };
  }
}
