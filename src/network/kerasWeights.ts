/**
 * Which tensors of a file are a Keras layer's weights. HDF5 and `.keras` files list them layer by layer in the order of `layer.weights`; TensorFlow.js
 * names them LAYER/ROLE.
 */
import { UserError } from '../protocol/userError.ts';
import type { KerasLayer } from '../weights/weightFile.ts';
import { showName } from '../weights/weightFileError.ts';
import type { KerasLayerConfig } from './kerasConfig.ts';
import type { NamedShape } from './tensorUses.ts';

/** What Keras calls a layer's variables. */
export type KerasRole = 'kernel' | 'bias' | 'depthwise_kernel' | 'pointwise_kernel' | 'gamma' | 'beta' | 'moving_mean' | 'moving_variance' | 'alpha' | 'scale';

export interface KerasWeights {
  /**
   * @param roles in the order of the layer's `weights`
   * @throws UserError when the file does not have them all
   */
  of(layer: KerasLayerConfig, roles: readonly KerasRole[]): ReadonlyMap<KerasRole, NamedShape>;
}

/** @param listed as the file lists its layers; where it has no names for them, their folders are named after their classes, in order */
export function listedWeights(listed: readonly KerasLayer[], tensors: readonly NamedShape[]): KerasWeights {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const named = new Map(listed.flatMap(({ name, weights }) => (name === undefined ? [] : [[name, weights] as const])));
  const folders = new Map(listed.flatMap(({ name, group, weights }) => (name === undefined ? [[group.replace(/^.*[\\/]/s, ''), weights] as const] : [])));
  return {
    of(layer, roles) {
      const names = named.get(layer.name) ?? folders.get(folderOf(layer)) ?? [];
      if (names.length < roles.length) throw new UserError(`layer "${showName(layer.name)}" should have ${roles.length} tensors (${roles.join(', ')}), the file has ${names.length}`);
      return new Map(roles.map((role, k) => [role, byName.get(names[k] ?? '') ?? missing(layer.name, names[k] ?? role)]));
    },
  };
}

/** "conv2d_1" for the second layer of class Conv2D, as Keras' `to_snake_case` and its saving count them. */
function folderOf({ className, ordinal }: KerasLayerConfig): string {
  const snake = className.replace(/\W+/g, '').replace(/(.)([A-Z][a-z]+)/g, '$1_$2').replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();
  return ordinal === 0 ? snake : `${snake}_${ordinal}`;
}

/** TensorFlow.js: `dense/kernel`; a model within a model and TensorFlow's variables may add a prefix and `:0`. */
export function namedWeights(tensors: readonly NamedShape[]): KerasWeights {
  const byName = new Map(tensors.map((tensor) => [tensor.name.replace(/:0$/, ''), tensor]));
  return {
    of: (layer, roles) => new Map(roles.map((role) => [role, byName.get(`${layer.name}/${role}`) ?? missing(layer.name, `${layer.name}/${role}`)])),
  };
}

function missing(layer: string, tensor: string): never {
  throw new UserError(`layer "${showName(layer)}" should have a tensor "${showName(tensor)}", which the file does not have`);
}
