/**
 * What the user had to be asked about a file because nothing in it tells: the activation between its dense layers, or which file says what its
 * network is. Asked once a file; the answer stays in the workspace's own storage, which also works where nothing may be written beside the weights.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { NetworkOptions } from '../protocol/service.ts';
import { t } from '../protocol/words.ts';
import { askNetworkFile } from './askNetworkFile.ts';
import type { HostClient } from './hostClient.ts';
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

type Open =
  | { readonly asks: 'nothing' }
  | { readonly asks: 'activation' }
  /** `can`: without an answer there is something to do all the same; TensorFlow.js runs the model. */
  | { readonly asks: 'network'; readonly can: boolean };

export class NetworkChoices {
  readonly #state: vscode.Memento;
  readonly #summaries: SummaryCache;
  readonly #host: HostClient;
  readonly #answered = new vscode.EventEmitter<readonly string[]>();
  /** Files for which there is another answer than before. */
  readonly onDidAnswer = this.#answered.event;

  constructor(state: vscode.Memento, summaries: SummaryCache, host: HostClient) {
    this.#state = state;
    this.#summaries = summaries;
    this.#host = host;
  }

  /** What is known of these files' network without asking; the first file speaks for all. */
  async known(files: readonly string[]): Promise<NetworkOptions> {
    const [first] = files;
    if (first === undefined) return {};
    // A description that was written since then knows better than an old answer: it counts only where there still is a question.
    return this.#remembered(first, await this.#open(first)) ?? {};
  }

  /** As `known`, but asks when it has to. Undefined when the user did not want to answer. */
  async settled(files: readonly string[]): Promise<NetworkOptions | undefined> {
    const [first] = files;
    if (first === undefined) return {};
    const open = await this.#open(first);
    const remembered = this.#remembered(first, open);
    if (remembered !== undefined) return remembered;
    return open.asks === 'nothing' || (open.asks === 'network' && open.can) ? {} : this.#answer(files, open);
  }

  /** Asks, whatever was answered before, and remembers the answer for each of the files. */
  async ask(files: readonly string[]): Promise<NetworkOptions | undefined> {
    const [first] = files;
    return first === undefined ? undefined : this.#answer(files, await this.#open(first));
  }

  async #answer(files: readonly string[], open: Open): Promise<NetworkOptions | undefined> {
    const chosen = open.asks === 'network' ? await askNetworkFile(files[0] ?? '', this.#host) : await this.#askActivation(files);
    if (chosen === undefined) return undefined;
    const asked = open.asks === 'network' ? 'network' : 'activation';
    for (const file of files) await this.#state.update(keyOf(asked, file), chosen);
    this.#answered.fire(files);
    return { [asked]: chosen };
  }

  async #askActivation(files: readonly string[]): Promise<string | undefined> {
    const named = files.length === 1 ? path.basename(files[0] ?? '') : t('these {0} files', files.length);
    const current = files[0] === undefined ? undefined : this.#state.get<string>(keyOf('activation', files[0]));
    const picked = await vscode.window.showQuickPick(
      activations().map(({ name, detail }) => ({ label: name, detail, ...(name === current ? { description: t('current answer') } : {}) })),
      { title: t('Activation of {0}', named), placeHolder: files.length === 1 ? t('What is between its dense layers? Remembered for this file.') : t('What is between their dense layers? Remembered for each of these files.'), ignoreFocusOut: true },
    );
    return picked?.label;
  }

  #remembered(file: string, { asks }: Open): NetworkOptions | undefined {
    if (asks === 'nothing') return undefined;
    const answer = this.#state.get<string>(keyOf(asks, file));
    return answer === undefined || (asks === 'network' && !existsSync(answer)) ? undefined : { [asks]: answer };
  }

  /** What only the user can say. A file that cannot be summarised is left to the analysis, which says why. */
  async #open(file: string): Promise<Open> {
    try {
      const { network, holds, shard } = await this.#summaries.of(file);
      if (network.kind === 'activation-needed') return { asks: 'activation' };
      return network.kind === 'unrecognised' && shard === undefined ? { asks: 'network', can: holds === 'tensorflow' } : { asks: 'nothing' };
    } catch {
      return { asks: 'nothing' };
    }
  }
}

const keyOf = (asked: 'activation' | 'network', file: string): string => `${asked}:${vscode.Uri.file(file).toString()}`;
