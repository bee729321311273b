/** Collects what the browser's console says against the extension: errors of its pages and its host, and refusals of its content security policy. */
import type { ConsoleMessage, Page } from 'playwright-core';

export interface Complaints {
  /** One line each. */
  readonly ours: readonly string[];
  /** Everything the console said, for reading after a failure. */
  readonly all: readonly string[];
  /** What a test provokes, from now on: VS Code writes the text of every failure that it shows. */
  readonly expect: (text: RegExp) => void;
}

export function watchConsole(page: Page): Complaints {
  const ours: string[] = [];
  const all: string[] = [];
  const expected: RegExp[] = [];
  page.on('console', (message) => {
    const line = `[${message.type()}] ${message.text()} (${message.location().url})`;
    all.push(line);
    if (isOurs(message) && !expected.some((text) => text.test(line))) ours.push(line);
  });
  page.on('pageerror', (error) => {
    const line = `[exception] ${error.stack ?? error.message}`;
    all.push(line);
    if (/quotient/i.test(line)) ours.push(line);
  });
  return { ours, all, expect: (text) => { expected.push(text); } };
}

/**
 * VS Code's own console is not silent. Ours are the errors that come from a file of the extension, from inside a webview document, or
 * that name the extension: so the extension host reports what an extension throws.
 */
function isOurs(message: ConsoleMessage): boolean {
  if (message.type() !== 'error') return false;
  const { url } = message.location();
  return /quotient/i.test(`${url} ${message.text()}`) || /fake\.html|vscode-resource/.test(url);
}
