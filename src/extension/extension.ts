/** Entry of the extension: registers what the user meets and starts nothing. The analysis host comes with the first question, or with a document in which one is likely. */
import path from 'node:path';
import * as vscode from 'vscode';
import { speak } from '../protocol/words.ts';
import { ANALYSES_VIEW, AnalysesView, chosenEntries, RESULT_SCHEME } from './analysesView.ts';
import { AnalysisHistory } from './analysisHistory.ts';
import { align } from './commands/align.ts';
import { canonicalize } from './commands/canonicalize.ts';
import { chooseActivation } from './commands/chooseActivation.ts';
import { chooseParameters } from './commands/chooseParameters.ts';
import type { Command } from './commands/command.ts';
import { compare } from './commands/compare.ts';
import { diff } from './commands/diff.ts';
import { direction } from './commands/direction.ts';
import { environment } from './commands/environment.ts';
import { inspect } from './commands/inspect.ts';
import { installTensorFlow } from './commands/installTensorFlow.ts';
import { openExample } from './commands/openExample.ts';
import { posterior } from './commands/posterior.ts';
import { predict } from './commands/predict.ts';
import { rank } from './commands/rank.ts';
import { restartHost } from './commands/restartHost.ts';
import { saveResult } from './commands/saveResult.ts';
import { view } from './commands/view.ts';
import { WeightDecorations } from './decorations.ts';
import { textDocuments } from './documentFolders.ts';
import { DocumentPaths } from './documentPaths.ts';
import { reportFailure } from './failureMessage.ts';
import { HostClient } from './hostClient.ts';
import { NetworkChoices } from './networkChoices.ts';
import { PathHover } from './pathHover.ts';
import { lensDocuments, PathLenses } from './pathLenses.ts';
import { PathLinks } from './pathLinks.ts';
import { PredictionChoices } from './predictionChoices.ts';
import { registerModelTools } from './registerModelTools.ts';
import { REPORT_VIEW, ReportPanels } from './reportPanels.ts';
import { RESULT_EDITOR, ResultEditor } from './resultEditor.ts';
import { idleMilliseconds, memoryLimitBytes } from './settings.ts';
import { ShardIndexHover, shardIndexSelector } from './shardIndexHover.ts';
import { SummaryCache } from './summaryCache.ts';
import type { Surroundings } from './surroundings.ts';
import { TensorNameHover, tensorNameSelector } from './tensorNameHover.ts';
import { weightsEditors } from './weightFiles.ts';
import { WeightsEditor } from './weightsEditor.ts';

const commands: Readonly<Record<string, Command>> = { inspect, diff, compare, canonicalize, align, rank, direction, posterior, predict, openExample, environment, installTensorFlow, chooseActivation, chooseParameters, restartHost, saveResult };

export function activate(context: vscode.ExtensionContext): void {
  speak({ language: vscode.env.language, bundle: vscode.l10n.bundle ?? {} });
  const log = vscode.window.createOutputChannel('Quotient', { log: true });
  log.info('Quotient is ready; the analysis host starts when there is something to ask.');
  const tensorflow = { folder: path.join(context.globalStorageUri.fsPath, 'tensorflow'), script: path.join(context.extensionPath, 'dist', 'tensorflow.js') };
  const host = new HostClient({
    hostPath: path.join(context.extensionPath, 'dist', 'host.mjs'),
    tensorflowFolder: tensorflow.folder,
    memoryLimitBytes,
    idleMilliseconds,
    log(level, text) {
      if (level === 'error') log.error(text);
      else if (level === 'warning') log.warn(text);
      else log.info(text);
    },
  });
  const summaries = new SummaryCache(host);
  const history = new AnalysisHistory(context.workspaceState);
  const panels = new ReportPanels(context.extensionUri, context.storageUri ?? context.globalStorageUri, host, summaries, history, log);
  const surroundings: Surroundings = { host, log, summaries, panels, choices: new NetworkChoices(context.workspaceState, summaries, host), predictions: new PredictionChoices(context.workspaceState), tensorflow };
  // A hover in such a document, and the lenses in it, should not wait for the host's start and for the reading of headers.
  const paths = new DocumentPaths((files) => { void summaries.fetch(files); });
  const lenses = new PathLenses(paths, summaries);
  const decorations = new WeightDecorations(summaries);
  const editor = new WeightsEditor(context.extensionUri, surroundings);
  const analyses = new AnalysesView(history, panels);
  const orReport = async (work: () => Promise<unknown>): Promise<unknown> => {
    try {
      return await work();
    } catch (error) {
      reportFailure(error, log);
      return undefined;
    }
  };

  context.subscriptions.push(
    log,
    host,
    summaries,
    decorations,
    lenses,
    ...Object.entries(commands).map(([name, command]) => vscode.commands.registerCommand(`quotient.${name}`, (clicked: unknown, selected: unknown) => orReport(() => command(surroundings, { clicked, selected })))),
    ...Object.entries(analyses.commands).map(([name, command]) => vscode.commands.registerCommand(`quotient.analyses.${name}`, (clicked: unknown, selected: unknown) => orReport(async () => {
      const entries = chosenEntries(clicked, selected);
      const [entry] = entries;
      return entry === undefined ? undefined : command(entry, entries);
    }))),
    vscode.window.createTreeView(ANALYSES_VIEW, { treeDataProvider: analyses, canSelectMany: true }),
    vscode.workspace.registerTextDocumentContentProvider(RESULT_SCHEME, analyses),
    vscode.window.registerCustomEditorProvider(RESULT_EDITOR, new ResultEditor(context.extensionUri, surroundings), { supportsMultipleEditorsPerDocument: true, webviewOptions: { retainContextWhenHidden: true, enableFindWidget: true } }),
    ...weightsEditors.map((viewType) => vscode.window.registerCustomEditorProvider(viewType, editor, {
      supportsMultipleEditorsPerDocument: true,
      webviewOptions: { retainContextWhenHidden: true, enableFindWidget: true },
    })),
    vscode.window.registerWebviewPanelSerializer(REPORT_VIEW, panels),
    vscode.window.registerFileDecorationProvider(decorations),
    vscode.languages.registerHoverProvider(textDocuments, new PathHover(summaries)),
    vscode.languages.registerHoverProvider(shardIndexSelector, new ShardIndexHover(summaries)),
    vscode.languages.registerHoverProvider(tensorNameSelector, new TensorNameHover(summaries)),
    vscode.languages.registerDocumentLinkProvider(textDocuments, new PathLinks(paths)),
    vscode.languages.registerCodeLensProvider(lensDocuments, lenses),
    ...registerModelTools(surroundings),
    vscode.commands.registerCommand('quotient.view', view),
    vscode.commands.registerCommand('quotient.openWalkthrough', () => vscode.commands.executeCommand('workbench.action.openWalkthrough', `${context.extension.id}#start`, false)),
  );
}
