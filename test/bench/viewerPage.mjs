/**
 * The viewer's page with 100,000 tensors in Chromium: bytes of its message, time until it is drawn, and time of a frame while it
 * scrolls, beside a plain table of the same rows, which is what a page without a virtual list would draw.
 *
 *   node test/bench/viewerPage.mjs [TENSORS]
 */
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { chromium as findChromium } from '../../build/chromium.ts';
import { packTensors } from '../../src/protocol/tensorTable.ts';
import { webviewHtml } from '../../src/protocol/webviewHtml.ts';

const count = Number(process.argv[2] ?? 100_000);
const rows = Array.from({ length: count }, (_, i) => {
  const columns = 64 + (i % 7);
  return { name: `model.layers.${Math.floor(i / 100)}.block.${i % 100}.weight`, dtype: i % 9 === 0 ? 'F32' : 'BF16', shape: [128, columns], elements: 128 * columns, bytes: 256 * columns };
});
const report = {
  analysis: 'inspect', title: 'many.safetensors', summary: '', sources: ['many.safetensors'], warnings: [], result: null, provenance: { version: '', seed: null, seconds: 0 },
  sections: [{ kind: 'tensors', id: 'tensors', title: 'Tensors', meaning: '', file: 'many.safetensors', tensors: packTensors(rows) }],
};

const browser = await findChromium(console.log);
if ('missing' in browser) throw new Error(browser.missing);
const bundle = await build({ entryPoints: ['webview/page.ts'], bundle: true, write: false, minify: true, platform: 'browser', format: 'iife', target: 'es2022', loader: { '.css': 'text' } });
const script = bundle.outputFiles[0]?.text ?? '';
const running = await chromium.launch({ executablePath: browser.path, args: ['--headless', '--no-sandbox', '--disable-gpu'] });
try {
  const page = await running.newPage({ viewport: { width: 1200, height: 900 } });
  await page.route('https://webview.test/**', (route) => (route.request().url().endsWith('.js')
    ? route.fulfill({ contentType: 'text/javascript', body: script })
    : route.fulfill({ contentType: 'text/html', body: webviewHtml({ nonce: 'bm9uY2Vub25jZW5vbmNlIQ', cspSource: 'https://webview.test', scriptUri: 'https://webview.test/page.js', page: { words: { language: 'en', bundle: {} }, folders: [] } }) })));
  await page.addInitScript('window.acquireVsCodeApi = () => ({ postMessage() {}, getState() { return null; }, setState() {} });');
  await page.goto('https://webview.test/index.html');

  const drawn = await page.evaluate((message) => new Promise((resolve) => {
    const started = performance.now();
    const poll = () => {
      if (document.body.dataset['state'] === 'shown') resolve(performance.now() - started);
      else window.requestAnimationFrame(poll);
    };
    window.postMessage({ type: 'report', report: message }, '*');
    window.requestAnimationFrame(poll);
  }), report);

  const timed = async (label, act) => {
    const ms = await page.evaluate((source) => new Promise((resolve) => {
      const started = performance.now();
      window.eval(source);
      window.requestAnimationFrame(() => { setTimeout(() => { resolve(performance.now() - started); }); });
    }), act);
    console.log(`${label.padEnd(44)} ${ms.toFixed(0).padStart(8)} ms`);
  };
  const frames = (on, selector) => on.evaluate((scrolled) => new Promise((resolve) => {
    const viewport = document.querySelector(scrolled);
    const times = [];
    let last = performance.now();
    const step = () => {
      const now = performance.now();
      times.push(now - last);
      last = now;
      if (viewport === null || times.length > 120) resolve(times.slice(1));
      else {
        viewport.scrollTop += 700;
        window.requestAnimationFrame(step);
      }
    };
    window.requestAnimationFrame(step);
  }), selector);
  const spread = (times) => {
    const sorted = [...times].sort((a, b) => a - b);
    return `median ${(sorted[Math.floor(sorted.length / 2)] ?? NaN).toFixed(1)} ms, 95 % ${(sorted[Math.floor(0.95 * sorted.length)] ?? NaN).toFixed(1)} ms, worst ${(sorted.at(-1) ?? NaN).toFixed(1)} ms`;
  };

  const packed = JSON.stringify(report).length;
  console.log(`${count} tensors`);
  console.log(`message in columns / as rows: ${(packed / 1e6).toFixed(2)} MB / ${(JSON.stringify(rows).length / 1e6).toFixed(2)} MB, ratio ${(packed / JSON.stringify(rows).length).toFixed(2)}`);
  console.log(`${'from message to first picture'.padEnd(44)} ${drawn.toFixed(0).padStart(8)} ms`);
  await timed('all groups opened', "[...document.querySelectorAll('button')].find((b) => b.textContent === 'Open all').click()");
  console.log(`frames while scrolling, 700 px each: ${spread(await frames(page, '.grid-scroll'))}`);
  await timed('sorted by size', "[...document.querySelectorAll('.sort')].find((b) => b.textContent === 'Size').click()");
  await timed('grouping switched off, all sorted by size', "document.querySelector('.check input').click()");
  await page.evaluate("document.querySelector('.filter').value = '777.block'");
  const filtered = await page.evaluate(() => new Promise((resolve) => {
    const started = performance.now();
    document.querySelector('.filter')?.dispatchEvent(new window.Event('input'));
    const poll = () => {
      if (/ of /.test(document.querySelector('.grid-tools .note')?.textContent ?? '')) resolve(performance.now() - started);
      else window.requestAnimationFrame(poll);
    };
    poll();
  }));
  console.log(`${'filtered, 120 ms of waiting included'.padEnd(44)} ${filtered.toFixed(0).padStart(8)} ms`);
  const elements = await page.evaluate(() => document.querySelectorAll('*').length);

  const plain = await running.newPage({ viewport: { width: 1200, height: 900 } });
  const plainTime = await plain.evaluate((list) => new Promise((resolve) => {
    const started = performance.now();
    const box = document.createElement('div');
    box.id = 'plain';
    box.style.cssText = 'height: 800px; overflow: auto';
    const table = document.createElement('table');
    for (const { name, dtype, shape, elements: n, bytes } of list) {
      const line = table.insertRow();
      for (const text of [name, dtype, shape.join(' × '), String(n), String(bytes)]) line.insertCell().textContent = text;
    }
    box.append(table);
    document.body.append(box);
    window.requestAnimationFrame(() => { setTimeout(() => { resolve(performance.now() - started); }); });
  }), rows);
  console.log(`a plain table of the same rows: drawn in ${plainTime.toFixed(0)} ms (${(plainTime / drawn).toFixed(1)} times as long), frames ${spread(await frames(plain, '#plain'))}`);
  console.log(`elements in the document: ${elements} against ${await plain.evaluate(() => document.querySelectorAll('*').length)}`);
} finally {
  await running.close();
}
