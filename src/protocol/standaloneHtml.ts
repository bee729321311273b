/**
 * A report as one HTML file that needs nothing else: the page script, the report as JSON, and a policy that lets exactly that
 * script run and nothing be fetched. The same report gives the same bytes.
 */
import { createHash } from 'node:crypto';
import type { Report } from './report.ts';
import { visible } from './untrustedText.ts';
import { escapeHtml, scriptSafeJson } from './webviewHtml.ts';

/** Of `dist/`, what a standalone file is made with, one after the other. */
export const PAGE_SCRIPTS = ['page.js', 'plotly.js'] as const;

/** @param pageScript the texts of `PAGE_SCRIPTS`, joined */
export function standaloneHtml(report: Report, pageScript: string): string {
  const json = scriptSafeJson(report);
  const script = scriptSafeSource(pageScript);
  // Derived from the content it guards, so no name or number inside can foretell it.
  const nonce = createHash('sha256').update(script).update('\0').update(json).digest('base64');
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; img-src data: blob:; base-uri 'none'; form-action 'none'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Quotient ${escapeHtml(visible(report.provenance.version))}">
<title>${escapeHtml(visible(report.title))}</title>
</head>
<body data-state="waiting">
<noscript>${escapeHtml(visible(report.summary))} (Allow scripts to see the plots.)</noscript>
<script type="application/json" id="report">${json}</script>
<script nonce="${nonce}">${script}</script>
</body>
</html>
`;
}

/**
 * JavaScript for an inline script element. What would end the element, or open the comment in which `<script` counts, stands only
 * in strings, templates and regular expressions (a bundler writes `a< /re/` and `a< !--b`), where `\x3c` is the same character.
 */
export function scriptSafeSource(source: string): string {
  return source.replace(/<(?=\/script|!--)/gi, '\\x3c');
}
