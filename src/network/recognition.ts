/** What a file's graph, configuration, or names and shapes say about the network in it. */
import type { Activation } from './activation.ts';
import type { Network } from './network.ts';

export type Recognition =
  | {
    readonly kind: 'network';
    readonly network: Network;
    /** What the file itself does not tell and was taken for granted, as sentences for the user. */
    readonly assumptions: readonly string[];
  }
  /** Everything but the activation between its layers. */
  | { readonly kind: 'activation-needed'; readonly outline: string; readonly withActivation: (activation: Activation) => Network; readonly assumptions: readonly string[] }
  /** One clause without a full stop. */
  | { readonly kind: 'unrecognised'; readonly reason: string };

export const unrecognised = (reason: string): Recognition => ({ kind: 'unrecognised', reason });
