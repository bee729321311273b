/**
 * Bare state dicts of the usual families of PyTorch networks, recognised by the names and shapes of their tensors. A state dict has no strides,
 * no pooling and no size of input; what a family takes for granted is told to the user, and a description file overrides it.
 */
import { UserError } from '../protocol/userError.ts';
import { showName } from '../weights/weightFileError.ts';
import type { Network } from './network.ts';
import { unrecognised, type Recognition } from './recognition.ts';
import { NotThisFamily, StateDict } from './stateDict.ts';
import type { NamedShape } from './tensorUses.ts';
import { denseNet } from './torchDenseNet.ts';
import { recognizeLeNet } from './torchLeNet.ts';
import { mobileNet } from './torchMobileNet.ts';
import { resNet } from './torchResNet.ts';
import { vgg } from './torchVgg.ts';

export interface Family {
  /** "a ResNet", for messages. */
  readonly name: string;
  /** Whether the names are this family's; the rest is then a matter of shapes. */
  readonly matches: (dict: StateDict) => boolean;
  /**
   * @returns what was taken for granted beside the tensors, as a list in words
   * @throws NotThisFamily or NetworkError when names or shapes do not fit
   */
  readonly read: (dict: StateDict) => { readonly network: Network; readonly assumptions: string };
}

/** The deepest of them have about a thousand; a file with many more is not looked through for each. */
const MOST_TENSORS = 10_000;

const families: readonly Family[] = [resNet, vgg, mobileNet, denseNet];

/** Undefined when the names are of no family here. */
export function recognizeFamily(tensors: readonly NamedShape[]): Recognition | undefined {
  if (tensors.length > MOST_TENSORS) return undefined;
  for (const prefix of prefixes(tensors)) {
    const lenet = recognizeLeNet(tensors, prefix);
    if (lenet !== undefined) return lenet;
    const dict = new StateDict(tensors, prefix);
    const family = families.find(({ matches }) => matches(dict));
    if (family !== undefined) return readFamily(family, dict);
  }
  return undefined;
}

function readFamily({ name, read }: Family, dict: StateDict): Recognition {
  try {
    const { network, assumptions } = read(dict);
    const left = dict.left();
    if (left.length > 0) return unrecognised(`it looks like ${name}, but tensor "${showName(left[0] ?? '')}"${left.length > 1 ? ` and ${left.length - 1} more` : ''} would have no place in it`);
    return {
      kind: 'network', network,
      assumptions: [`The state dict was read as ${name} by its names and shapes, with ${assumptions}, which it does not say; a description in NAME.network.json overrides this.`],
    };
  } catch (error) {
    if (error instanceof NotThisFamily || error instanceof UserError) return unrecognised(`it looks like ${name}, but ${error.message}`);
    throw error;
  }
}

/** Nothing, and up to two names that stand before every other: `module.` of DataParallel, `model.`, `net.`. */
function prefixes(tensors: readonly NamedShape[]): string[] {
  const found = [''];
  for (let level = 0; level < 2; level++) {
    const prefix = found.at(-1) ?? '';
    const first = /^[A-Za-z_]\w*\./.exec((tensors[0]?.name ?? '').slice(prefix.length))?.[0];
    if (first === undefined || !tensors.every(({ name }) => name.startsWith(prefix + first))) break;
    found.push(prefix + first);
  }
  return found;
}
