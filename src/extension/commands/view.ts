/** Opens a weight file in the viewer, whatever editor it has by default: where links and lenses lead. */
import * as vscode from 'vscode';
import { viewTypeOf } from '../weightFiles.ts';

/** @param target path of the file */
export async function view(target: unknown): Promise<void> {
  if (typeof target !== 'string') return;
  const uri = vscode.Uri.file(target);
  await vscode.commands.executeCommand('vscode.openWith', uri, viewTypeOf(target));
}
