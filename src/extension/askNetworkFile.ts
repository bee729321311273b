/**
 * Which file says what lies between the tensors of a state dict: an ONNX or Keras export of the same network, or a description. Asked where names
 * and shapes do not tell.
 */
import path from 'node:path';
import * as vscode from 'vscode';
import { fromOpenFolder } from '../protocol/shownPaths.ts';
import { t } from '../protocol/words.ts';
import { diskPath } from './analysisJob.ts';
import type { HostClient } from './hostClient.ts';
import { openFolders } from './openFolders.ts';

/** Undefined when the user did not want to answer, or the file did not fit, which is said. */
export async function askNetworkFile(weights: string, host: HostClient): Promise<string | undefined> {
  const [named, answer] = [path.basename(weights), { label: t('Choose its export or description…'), detail: t('ONNX, Keras or .network.json with the same tensors; remembered for this file') }];
  const picked = await vscode.window.showQuickPick([answer], { title: t('{0} is not recognised as a network', named), placeHolder: t('Names and shapes alone do not tell what lies between its tensors'), ignoreFocusOut: true });
  if (picked === undefined) return undefined;
  const uris = await vscode.window.showOpenDialog({
    title: t('File that says what the network of {0} is', named),
    defaultUri: vscode.Uri.file(path.dirname(weights)),
    filters: { [t('Networks')]: ['onnx', 'keras', 'h5', 'safetensors', 'json'] },
  });
  const [uri] = uris ?? [];
  if (uri === undefined) return undefined;
  const network = diskPath(uri);
  const failure = await doesNotFit(weights, network, host);
  if (failure === undefined) return network;
  void vscode.window.showErrorMessage(fromOpenFolder(openFolders())(failure));
  return undefined;
}

async function doesNotFit(weights: string, network: string, host: HostClient): Promise<string | undefined> {
  try {
    const { network: found } = await host.call('summarize', { file: weights, network });
    return found.kind === 'unrecognised' ? found.reason : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
