/**
 * Which tensors of a file are a Keras layer's weights. HDF5 and `.keras` files list them layer by layer in the order of `layer.weights`; TensorFlow.js
 * names them LAYER/ROLE.
 */
import { UserError } from '../protocol/userError.ts';
import { showName } from '../weights/weightFileError.ts';
import type { NamedShape } from './tensorUses.ts';

/** What Keras calls a layer's variables. */
export type KerasRole = 'kernel' | 'bias' | 'depthwise_kernel' | 'pointwise_kernel' | 'gamma' | 'beta' | 'moving_mean' | 'moving_variance' | 'alpha' | 'scale';

export interface KerasWeights {
  /**
   * @param roles in the order of the layer's `weights`
   * @throws UserError when the file does not have them all
   */
  of(layer: string, roles: readonly KerasRole[]): ReadonlyMap<KerasRole, NamedShape>;
}

/** @param layers names of each layer's tensors, in the order of its `weights` */
export function listedWeights(layers: ReadonlyMap<string, readonly string[]>, tensors: readonly NamedShape[]): KerasWeights {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  return {
    of(layer, roles) {
      const names = layers.get(layer) ?? [];
      if (names.length < roles.length) throw new UserError(`layer "${showName(layer)}" should have ${roles.length} tensors (${roles.join(', ')}), the file has ${names.length}`);
      return new Map(roles.map((role, k) => [role, byName.get(names[k] ?? '') ?? missing(layer, names[k] ?? role)]));
    },
  };
}

/** TensorFlow.js: `dense/kernel`; a model within a model and TensorFlow's variables may add a prefix and `:0`. */
export function namedWeights(tensors: readonly NamedShape[]): KerasWeights {
  const byName = new Map(tensors.map((tensor) => [tensor.name.replace(/:0$/, ''), tensor]));
  return {
    of: (layer, roles) => new Map(roles.map((role) => [role, byName.get(`${layer}/${role}`) ?? missing(layer, `${layer}/${role}`)])),
  };
}

function missing(layer: string, tensor: string): never {
  throw new UserError(`layer "${showName(layer)}" should have a tensor "${showName(tensor)}", which the file does not have`);
}
