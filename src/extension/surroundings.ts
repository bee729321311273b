/** What commands, editors and hovers share, made once when the extension starts. */
import type * as vscode from 'vscode';
import type { HostClient } from './hostClient.ts';
import type { NetworkChoices } from './networkChoices.ts';
import type { PredictionChoices } from './predictionChoices.ts';
import type { ReportPanels } from './reportPanels.ts';
import type { SummaryCache } from './summaryCache.ts';

export interface Surroundings {
  readonly host: HostClient;
  readonly log: vscode.LogOutputChannel;
  readonly summaries: SummaryCache;
  readonly choices: NetworkChoices;
  readonly predictions: PredictionChoices;
  readonly panels: ReportPanels;
  /** Where native TensorFlow is installed on request, and the script of the process that loads it. */
  readonly tensorflow: { readonly folder: string; readonly script: string };
}
