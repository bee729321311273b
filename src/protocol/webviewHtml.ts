/**
 * The document around the page script inside a VS Code webview: nothing but a policy and the script. Scripts and styles need the
 * nonce; no `unsafe-eval`, no `unsafe-inline`, no network.
 */

export interface WebviewDocument {
  /** Fresh random for every document, at least 128 bits, base64. */
  readonly nonce: string;
  /** `webview.cspSource`. */
  readonly cspSource: string;
  /** `webview.asWebviewUri(dist/page.js)`. */
  readonly scriptUri: string;
}

export function webviewHtml({ nonce, cspSource, scriptUri }: WebviewDocument): string {
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src ${cspSource} 'nonce-${nonce}'; img-src ${cspSource} data: blob:; font-src ${cspSource}`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Quotient</title>
</head>
<body data-state="waiting">
<script nonce="${escapeHtml(nonce)}" src="${escapeHtml(scriptUri)}"></script>
</body>
</html>
`;
}

/** Text for an attribute value or for element content. */
export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}
