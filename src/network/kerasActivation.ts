/** Activations as Keras configurations name them, with Keras' own defaults. */
import { UserError } from '../protocol/userError.ts';
import { showName } from '../weights/weightFileError.ts';
import { activationNamed, type Activation } from './activation.ts';
import type { KerasLayerConfig } from './kerasConfig.ts';

/** What a layer applies to its output: an activation, or what only the last layer may have. */
export type KerasActivation = Activation | 'softmax';

const names: ReadonlyMap<string, string> = new Map([
  ['linear', 'linear'], ['relu', 'relu'], ['relu6', 'relu6'], ['tanh', 'tanh'], ['sigmoid', 'sigmoid'], ['gelu', 'gelu'], ['silu', 'silu'], ['swish', 'silu'], ['softplus', 'softplus'],
  ['elu', 'elu'], ['softsign', 'softsign'], ['leaky_relu', 'leaky_relu:0.2'], ['sin', 'sin'], ['erf', 'erf'],
]);

/** @throws UserError that names it, when it is another one */
export function activationOf({ name, config }: KerasLayerConfig, key = 'activation'): KerasActivation {
  const value = config.value(key);
  if (value === undefined || value === null) return activationNamed('linear');
  const said = nameWithin(value);
  if (said === 'softmax' || said === 'log_softmax') return 'softmax';
  const known = names.get(said);
  if (known === undefined) throw new UserError(`activation "${showName(said)}" of layer "${showName(name)}" is not supported`);
  return activationNamed(known);
}

/** A name, or an object of Keras that has one: {"class_name": "function", "config": "relu"}, {"class_name": "ReLU", "config": {…}}. */
function nameWithin(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '?';
  const { class_name: className, config } = value as { readonly class_name?: unknown; readonly config?: unknown };
  return typeof config === 'string' ? config : typeof className === 'string' ? className : '?';
}
