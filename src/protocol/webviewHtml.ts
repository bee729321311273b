/**
 * The document around the page script inside a VS Code webview: nothing but a policy, the window's language and folders, and the script.
 * Scripts and styles need the nonce; no `unsafe-eval`, no `unsafe-inline`, no network.
 */
import type { OpenFolder } from './shownPaths.ts';
import type { Words } from './words.ts';

/** What the page is told before there is a report. */
export interface PageOptions {
  readonly words: Words;
  readonly folders: readonly OpenFolder[];
}

export interface WebviewDocument {
  /** Fresh random for every document, at least 128 bits, base64. */
  readonly nonce: string;
  /** `webview.cspSource`. */
  readonly cspSource: string;
  /** `webview.asWebviewUri(dist/page.js)`. */
  readonly scriptUri: string;
  readonly page: PageOptions;
}

export function webviewHtml({ nonce, cspSource, scriptUri, page }: WebviewDocument): string {
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src ${cspSource} 'nonce-${nonce}'; img-src ${cspSource} data: blob:; font-src ${cspSource}`;
  return `<!DOCTYPE html>
<html lang="${escapeHtml(page.words.language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Quotient</title>
</head>
<body data-state="waiting">
<script type="application/json" id="options">${scriptSafeJson(page)}</script>
<script nonce="${escapeHtml(nonce)}" src="${escapeHtml(scriptUri)}"></script>
</body>
</html>
`;
}

/** JSON that cannot end its script element, open a comment, break a line of JavaScript (U+2028, U+2029) or turn its direction. */
export function scriptSafeJson(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&\u2028-\u202e\u2066-\u2069]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Text for an attribute value or for element content. */
export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}
