/**
 * NetCDF-4 (Unidata, "NetCDF-4 format"): HDF5 with named dimensions. ArviZ keeps a posterior so: the group `posterior` holds a variable a
 * parameter, its first dimensions `chain` and `draw`.
 */
import type { Hdf5Facts } from './hdf5.ts';
import type { Hdf5Contents } from './hdf5Protocol.ts';

const POSTERIOR = 'posterior/';

/** Undefined when it is no NetCDF file. */
export function netcdfFacts({ attributes, datasets, scales }: Hdf5Contents): Hdf5Facts | undefined {
  if (attributes['_NCProperties'] === undefined) return undefined;
  const coordinates = new Set(scales);
  const variables = datasets.filter(({ name }) => !coordinates.has(name));
  const left = datasets.length - variables.length;
  const notes = left === 0 ? [] : [`${left} coordinates (positions along the dimensions) are left out.`];
  const posterior = variables.filter(({ name }) => name.startsWith(POSTERIOR));
  const drawAxes = commonDrawAxes(posterior.map(({ dimensions }) => dimensions));
  if (posterior.length === 0) return { format: 'NetCDF-4', datasets: variables, notes };
  return { format: 'NetCDF-4 posterior (ArviZ)', datasets: variables, notes, weightPrefix: POSTERIOR, ...(drawAxes === undefined ? {} : { drawAxes }) };
}

function commonDrawAxes(dimensions: readonly (readonly string[])[]): 1 | 2 | undefined {
  if (dimensions.every(([first, second]) => first === 'chain' && second === 'draw')) return 2;
  return dimensions.every(([first]) => first === 'draw') ? 1 : undefined;
}
