/** Offers the tools of `modelTools.ts` to VS Code's language models. They run in the analysis host as commands do, with the same progress and cancel button, and are listed in the view "Analyses". */
import * as vscode from 'vscode';
import { fromOpenFolder } from '../protocol/shownPaths.ts';
import { isCancellation } from './analysisError.ts';
import { failureSentence } from './failureMessage.ts';
import { modelTools } from './modelTools.ts';
import { openFolders } from './openFolders.ts';
import { rankSettings, seed } from './settings.ts';
import type { Surroundings } from './surroundings.ts';

export function registerModelTools({ panels, choices, log }: Surroundings): readonly vscode.Disposable[] {
  return Object.entries(modelTools).map(([name, tool]) => vscode.lm.registerTool<object>(name, {
    async invoke({ input }, token) {
      const abort = new AbortController();
      const folders = openFolders();
      // As they are asked: from the open folder, and the same on every machine.
      const said = fromOpenFolder(folders);
      const cancelled = token.onCancellationRequested(() => { abort.abort(); });
      try {
        const answer = await tool(input, {
          roots: folders.map(({ path }) => path),
          seed: seed(),
          rank: rankSettings(),
          known: (files) => choices.known(files),
          ask: (question) => panels.answer(question, abort.signal),
        });
        return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(said(answer))]);
      } catch (error) {
        if (isCancellation(error)) throw new vscode.CancellationError();
        log.warn(`${name}: ${failureSentence(error)}`);
        // For the model to read.
        throw new Error(said(failureSentence(error)), { cause: error });
      } finally {
        cancelled.dispose();
      }
    },
  }));
}
