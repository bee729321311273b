// The standalone page carries untrusted names inside a script element: nothing in them may end it, and the policy stays strict.
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scriptSafeSource, standaloneHtml } from '../../../src/protocol/standaloneHtml.ts';
import { visible } from '../../../src/protocol/untrustedText.ts';
import { escapeHtml, scriptSafeJson, webviewHtml } from '../../../src/protocol/webviewHtml.ts';
import { hostileNames, hostileReport } from './sampleReports.ts';

const nasty = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...hostileNames, '</script>', '<!--', '<script', ']]>', '\u2028', '\u2029', '&lt;'));

describe('JSON inside a script element', () => {
  it('is the same value, with nothing that HTML or JavaScript would read otherwise', () => {
    fc.assert(fc.property(fc.dictionary(nasty, fc.array(nasty)), (value) => {
      const json = scriptSafeJson(value);
      expect(JSON.stringify(JSON.parse(json))).toBe(JSON.stringify(value));
      expect(json).not.toMatch(/[<>&\u2028\u2029]/);
    }));
  });
});

describe('the page script', () => {
  it('means the same after escaping, and cannot end its element', () => {
    for (const text of ['</script>', '</SCRIPT >', '<!-- <script>', 'a<b', '<script>']) {
      const safe = scriptSafeSource(JSON.stringify(text));
      expect(safe).not.toMatch(/<\/script|<!--/i);
      expect(runInNewContext(safe)).toBe(text);
    }
  });
});

describe('standaloneHtml', () => {
  const html = standaloneHtml(hostileReport, 'document.title = "</script><!--";');

  it('has two script elements, whatever the report says, and gives the report back', () => {
    const scripts = [...html.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script>/gi)];
    expect(scripts).toHaveLength(2);
    expect(JSON.parse(scripts[0]?.[2] ?? '')).toEqual(JSON.parse(JSON.stringify(hostileReport)));
    expect(html.match(/<\/title>/g)).toHaveLength(1);
    expect(html).not.toMatch(/<img|<b>|\u202e/);
  });

  it('allows its own nonce only, nothing unsafe, nothing from the network', () => {
    const policy = /Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1] ?? '';
    const nonce = /<script nonce="([^"]+)"/.exec(html)?.[1] ?? '';
    expect(nonce).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    expect(policy).toContain('default-src &#39;none&#39;');
    expect(policy).toContain(`script-src &#39;nonce-${nonce}&#39;`);
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
  });

  it('is the same file for the same report, and has another nonce for another', () => {
    const other = standaloneHtml({ ...hostileReport, title: 'other' }, 'x');
    expect(standaloneHtml(hostileReport, 'x')).toBe(standaloneHtml(hostileReport, 'x'));
    expect(/nonce="([^"]+)"/.exec(other)?.[1]).not.toBe(/nonce="([^"]+)"/.exec(html)?.[1]);
  });
});

it('the panel document has the policy that the page is built for', () => {
  const html = webviewHtml({ nonce: 'abc123', cspSource: 'https://*.vscode-cdn.net', scriptUri: 'https://x/page.js?a=1&b="2"', page: { words: { language: 'de', bundle: { Close: '</script><b>' } }, folders: [] } });
  expect(html).toContain('<html lang="de">');
  expect(html.match(/<\/script>/g)).toHaveLength(2);
  expect(html).toContain(escapeHtml("default-src 'none'; script-src 'nonce-abc123'; style-src https://*.vscode-cdn.net 'nonce-abc123'; img-src https://*.vscode-cdn.net data: blob:; font-src https://*.vscode-cdn.net"));
  expect(html).toContain('src="https://x/page.js?a=1&amp;b=&quot;2&quot;"');
});

describe('visible', () => {
  it('leaves nothing invisible or direction-changing, and ordinary text alone', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
      const shown = visible(text);
      expect(shown).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u);
      expect(shown.isWellFormed()).toBe(true);
      expect(visible(shown)).toBe(shown);
    }));
    expect(visible('model.layers.0.weight — größe 重み 😀')).toBe('model.layers.0.weight — größe 重み 😀');
    expect(visible('a\u202eb\0')).toBe('a\\u{202e}b\\u{0}');
  });
});
