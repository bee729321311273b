/**
 * An extension for the end-to-end tests, which asks language-model tools as an agent's extension does and writes down what comes back:
 * the window of the tests has no language model, but asking a tool needs none. Not shipped.
 */
import { rename, writeFile } from 'node:fs/promises';
import * as vscode from 'vscode';

export interface Question {
  /** Without one, the tools are listed. */
  readonly tool?: string;
  readonly input?: object;
  /** Milliseconds after which the question is cancelled. */
  readonly cancelAfter?: number;
  /** File for the answer. */
  readonly out: string;
}

export interface ListedTool {
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly inputSchema: object | undefined;
}

export type Answer =
  | { readonly kind: 'tools'; readonly tools: readonly ListedTool[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'error'; readonly cancelled: boolean; readonly message: string };

export function activate(context: vscode.ExtensionContext): void {
  context.subscriptions.push(vscode.commands.registerCommand('asker.ask', async () => {
    const text = await vscode.window.showInputBox({ title: 'Ask a Tool', ignoreFocusOut: true });
    if (text === undefined) return;
    const question = JSON.parse(text) as Question;
    const answer = await ask(question).catch(failure);
    await writeFile(`${question.out}.part`, JSON.stringify(answer));
    await rename(`${question.out}.part`, question.out);
  }));
}

async function ask({ tool, input, cancelAfter }: Question): Promise<Answer> {
  if (tool === undefined) return { kind: 'tools', tools: vscode.lm.tools.map(({ name, description, tags, inputSchema }) => ({ name, description, tags, inputSchema })) };
  const cancelling = new vscode.CancellationTokenSource();
  const timer = cancelAfter === undefined ? undefined : setTimeout(() => { cancelling.cancel(); }, cancelAfter);
  try {
    const { content } = await vscode.lm.invokeTool(tool, { input: input ?? {}, toolInvocationToken: undefined }, cancelling.token);
    return { kind: 'text', text: content.map((part) => (part instanceof vscode.LanguageModelTextPart ? part.value : `a part that is no text: ${typeof part}`)).join('') };
  } finally {
    clearTimeout(timer);
    cancelling.dispose();
  }
}

/** As it comes across the border of the extension host, where errors keep little more than their name and message. */
const failure = (error: unknown): Answer => ({
  kind: 'error',
  cancelled: error instanceof vscode.CancellationError || (error instanceof Error && /cancell?ed/i.test(`${error.name} ${error.message}`)),
  message: error instanceof Error ? error.message : String(error),
});
