/**
 * What the user had to be asked about a file because nothing in it tells: the activation between its dense layers. Asked once a
 * file; the answer stays in the workspace's own storage, which also works where nothing may be written beside the weights.
 */
import path from 'node:path';
import * as vscode from 'vscode';
import type { NetworkOptions } from '../protocol/service.ts';
import { t } from '../protocol/words.ts';
import type { SummaryCache } from './summaryCache.ts';

const activations = (): readonly { readonly name: string; readonly detail: string }[] => [
  { name: 'relu', detail: t('Scaling and permutation symmetry') },
  { name: 'leaky_relu:0.01', detail: t('Scaling and permutation symmetry') },
  { name: 'tanh', detail: t('Sign and permutation symmetry') },
  { name: 'sigmoid', detail: t('Permutation symmetry') },
  { name: 'gelu', detail: t('Permutation symmetry') },
  { name: 'silu', detail: t('Permutation symmetry') },
  { name: 'softplus', detail: t('Permutation symmetry') },
  { name: 'elu', detail: t('Permutation symmetry') },
  { name: 'sin', detail: t('Sign and permutation symmetry') },
  { name: 'linear', detail: t('No activation at all') },
];

const KEY = 'activation:';

export class NetworkChoices {
  readonly #state: vscode.Memento;
  readonly #summaries: SummaryCache;

  constructor(state: vscode.Memento, summaries: SummaryCache) {
    this.#state = state;
    this.#summaries = summaries;
  }

  /** What is known of these files' network without asking; the first file speaks for all. */
  async known(files: readonly string[]): Promise<NetworkOptions> {
    const [first] = files;
    if (first === undefined) return {};
    const activation = this.#remembered(first);
    // A description that was written since then knows better than an old answer.
    return activation !== undefined && await this.#needed(first) ? { activation } : {};
  }

  /** As `known`, but asks when it has to. Undefined when the user did not want to answer. */
  async settled(files: readonly string[]): Promise<NetworkOptions | undefined> {
    const [first] = files;
    if (first === undefined || !(await this.#needed(first))) return {};
    const remembered = this.#remembered(first);
    if (remembered !== undefined) return { activation: remembered };
    const chosen = await this.ask(files);
    return chosen === undefined ? undefined : { activation: chosen };
  }

  /** Asks, and remembers the answer for each of the files. */
  async ask(files: readonly string[]): Promise<string | undefined> {
    const named = files.length === 1 ? path.basename(files[0] ?? '') : t('these {0} files', files.length);
    const current = files[0] === undefined ? undefined : this.#remembered(files[0]);
    const picked = await vscode.window.showQuickPick(
      activations().map(({ name, detail }) => ({ label: name, detail, ...(name === current ? { description: t('current answer') } : {}) })),
      { title: t('Activation of {0}', named), placeHolder: t('The file holds dense layers only: which activation is between them? Remembered for this file.'), ignoreFocusOut: true },
    );
    if (picked === undefined) return undefined;
    for (const file of files) await this.#state.update(KEY + vscode.Uri.file(file).toString(), picked.label);
    return picked.label;
  }

  #remembered(file: string): string | undefined {
    return this.#state.get<string>(KEY + vscode.Uri.file(file).toString());
  }

  /** Whether only the user can say. A file that cannot be summarised is left to the analysis, which says why. */
  async #needed(file: string): Promise<boolean> {
    try {
      return (await this.#summaries.of(file)).network.kind === 'activation-needed';
    } catch {
      return false;
    }
  }
}
