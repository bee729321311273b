/**
 * Hover over tensor names in files that describe a model beside its weights: TensorFlow.js's `model.json`, which also names its shards, and
 * network descriptions, which name tensors or the prefix that a layer's tensors share.
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import { formatBytes } from '../protocol/format.ts';
import { t } from '../protocol/words.ts';
import { AnalysisError } from './analysisError.ts';
import { filesIn } from './chosenFiles.ts';
import { jsonStringAt } from './jsonString.ts';
import { isInside, type Literal } from './pathLiteral.ts';
import type { SummaryCache } from './summaryCache.ts';
import { escapeMarkdown, tensorMarkdown } from './summaryText.ts';
import { isNetworkDescription, weightsDescribedBy } from './weightFiles.ts';

export const tensorNameSelector: vscode.DocumentSelector = [{ scheme: 'file', pattern: '**/*model.json' }, { scheme: 'file', pattern: '**/*.network.json' }];

/** What the tensors of a layer are called after its prefix, as frameworks write them. */
const ofLayer = ['weight', 'bias', 'kernel', 'gamma', 'beta'] as const;

export class TensorNameHover implements vscode.HoverProvider {
  readonly #summaries: SummaryCache;

  constructor(summaries: SummaryCache) {
    this.#summaries = summaries;
  }

  async provideHover(document: vscode.TextDocument, position: vscode.Position): Promise<vscode.Hover | undefined> {
    const literal = jsonStringAt(document.lineAt(position.line).text, position.character);
    if (literal === undefined || literal.text === '') return undefined;
    const file = document.uri.fsPath;
    const markdown = isNetworkDescription(file) ? await this.#inDescription(file, literal) : await this.#inModel(file, literal);
    return markdown === undefined ? undefined : new vscode.Hover(new vscode.MarkdownString(markdown), new vscode.Range(position.line, literal.start, position.line, literal.end));
  }

  async #inModel(model: string, { text }: Literal): Promise<string | undefined> {
    const shard = /shard(\d+)of(\d+)/i.exec(text);
    if (shard !== null || text.endsWith('.bin')) {
      const file = path.resolve(path.dirname(model), text);
      if (!isInside(file, path.dirname(model))) return t('Shard {0} lies outside the folder of its model and is not opened.', escapeMarkdown(text));
      const size = await stat(file).then((found) => formatBytes(found.size), () => t('which is not there'));
      const whole = escapeMarkdown(path.basename(model));
      const part = shard === null ? t('A file of the weights of {0}', whole) : t('Shard {0} of {1} of the weights of {2}', Number(shard[1]), Number(shard[2]), whole);
      return `**${escapeMarkdown(text)}** — ${size}\n\n${part}`;
    }
    return this.#tensors(model, [text], false);
  }

  async #inDescription(description: string, { text }: Literal): Promise<string | undefined> {
    const weights = weightsDescribedBy(description, await filesIn(path.dirname(description)));
    if (weights === undefined) return undefined;
    return this.#tensors(path.join(path.dirname(description), weights), [text, ...ofLayer.map((name) => `${text}.${name}`)], true);
  }

  /** @param saysNone whether every string that looks like a name is one, so that it is worth saying that there is none of them */
  async #tensors(file: string, names: readonly string[], saysNone: boolean): Promise<string | undefined> {
    try {
      const found = await this.#summaries.tensors(file, names);
      if (found.length === 0) return saysNone && /^[\w./]*\d[\w./]*$/.test(names[0] ?? '') ? t('{0}: there is no such tensor, and none below it in {1}.', escapeMarkdown(names[0] ?? ''), escapeMarkdown(path.basename(file))) : undefined;
      const texts = await Promise.all(found.map(async (tensor) => tensorMarkdown(tensor, path.basename(file), await this.#summaries.statistics(file, tensor.name))));
      return texts.join('\n\n---\n\n');
    } catch (error) {
      if (!(error instanceof AnalysisError)) throw error;
      return undefined;
    }
  }
}
