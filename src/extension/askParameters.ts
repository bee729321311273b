/** Asks which two parameters the density of a posterior report is to show. */
import * as vscode from 'vscode';
import type { Report } from '../protocol/report.ts';
import { t } from '../protocol/words.ts';
import { parameterNames, parameterProblem, parameterTensors, type ParameterTensor } from './parameterList.ts';

/** More than this many are typed, not picked. */
const LISTED = 5000;

/** Undefined when the user did not want to answer, or the report does not say which parameters there are. */
export async function askParameters(report: Report): Promise<readonly [string, string] | undefined> {
  const tensors = parameterTensors(report);
  if (tensors.length === 0) return undefined;
  const x = await askOne(t('Parameter across (1 of 2)'), tensors);
  if (x === undefined) return undefined;
  const y = await askOne(t('Parameter upwards, against {0} (2 of 2)', x), tensors);
  return y === undefined ? undefined : [x, y];
}

async function askOne(title: string, tensors: readonly ParameterTensor[]): Promise<string | undefined> {
  const names = parameterNames(tensors, LISTED);
  if (names !== undefined) return vscode.window.showQuickPick(names, { title, ignoreFocusOut: true });
  const [first] = tensors;
  const typed = await vscode.window.showInputBox({
    title, ignoreFocusOut: true, prompt: t('Tensor and index, counted from 0'), placeHolder: first === undefined ? '' : `${first.name}[${first.shape.map(() => 0).join(',')}]`,
    validateInput: (text) => parameterProblem(text, tensors),
  });
  return typed?.replaceAll(' ', '');
}
