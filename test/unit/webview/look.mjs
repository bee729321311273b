/**
 * Draws the sample reports in Chromium, standalone and in a stand-in for VS Code's webview (its policy, variables and messages),
 * wide and narrow, in each theme, and writes screenshots to look at: node test/unit/webview/look.mjs FOLDER [name…]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { standaloneHtml } from '../../../src/protocol/standaloneHtml.ts';
import { webviewHtml } from '../../../src/protocol/webviewHtml.ts';
import { diffReport, hostileReport, inspectReport, posteriorReport, rankReport, tensorDetail } from './sampleReports.ts';
import { themes } from './sampleThemes.ts';

const [folder = 'out/look', ...only] = process.argv.slice(2);
const wanted = (name) => only.length === 0 || only.some((word) => name.includes(word));
await mkdir(folder, { recursive: true });
const bundled = async (entry) => (await build({ entryPoints: [entry], bundle: true, write: false, minify: true, platform: 'browser', format: 'iife', target: 'es2022', loader: { '.css': 'text' } })).outputFiles[0]?.text ?? '';
const [pageScript, plotlyScript] = await Promise.all([bundled('webview/page.ts'), bundled('webview/plotly.ts')]);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'] });

const problemsOf = new Map();

async function newPage(options) {
  const page = await browser.newPage(options);
  const problems = [];
  problemsOf.set(page, problems);
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) problems.push(message.text()); });
  page.on('pageerror', (error) => { problems.push(String(error)); });
  return page;
}

async function shoot(page, { name, then, whole = true }) {
  await then?.(page);
  await page.waitForTimeout(150);
  await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: whole });
  const { state, cspViolations } = await page.evaluate(() => ({ ...document.body.dataset }));
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  console.log(name.padEnd(36), state, `violations ${cspViolations}`, overflow > 0 ? `OVERFLOW ${overflow}` : '', await page.title(), ...problemsOf.get(page));
}

async function inPanel(theme, width, messages, height = 900) {
  const page = await newPage({ viewport: { width, height } });
  const nonce = 'bm9uY2Vub25jZW5vbmNlIQ';
  await page.route('https://webview.test/**', (route) => route.request().url().endsWith('.js')
    ? route.fulfill({ contentType: 'text/javascript', body: route.request().url().endsWith('/plotly.js') ? plotlyScript : pageScript })
    : route.fulfill({ contentType: 'text/html', body: webviewHtml({ nonce, cspSource: 'https://webview.test', scriptUri: 'https://webview.test/page.js', page: { words: { language: 'en', bundle: {} }, folders: [] } }) }));
  await page.addInitScript(({ variables, kind }) => {
    const posted = [];
    let stored = window.sessionStorage.getItem('state');
    Object.assign(window, {
      posted,
      acquireVsCodeApi: () => ({ postMessage: (message) => posted.push(message), getState: () => JSON.parse(stored ?? 'null'), setState: (value) => { stored = JSON.stringify(value); window.sessionStorage.setItem('state', stored); } }),
    });
    new window.MutationObserver((_, observer) => {
      if (document.body === null) return;
      observer.disconnect();
      for (const [name, value] of Object.entries(variables)) document.documentElement.style.setProperty(name, value);
      document.body.classList.add(kind);
    }).observe(document, { childList: true, subtree: true });
  }, themes[theme]);
  await page.goto('https://webview.test/index.html');
  for (const message of messages) await page.evaluate((data) => { window.postMessage(data, '*'); }, message);
  await page.waitForTimeout(50);
  if (messages.at(-1)?.type === 'report') await page.waitForSelector('body[data-state=shown]');
  return page;
}

async function panel(theme, messages, shot) {
  if (!wanted(shot.name)) return;
  const page = await inPanel(theme, shot.width, messages);
  await shoot(page, shot);
  await page.close();
}

async function file(report, scheme, shot) {
  if (!wanted(shot.name)) return;
  const html = path.resolve(folder, `${shot.name}.html`);
  await writeFile(html, standaloneHtml(report, `${pageScript}\n${plotlyScript}`));
  const page = await newPage({ viewport: { width: shot.width, height: 900 }, colorScheme: scheme });
  await page.goto(`file://${html}`);
  await page.waitForSelector('body[data-state=shown]');
  await shoot(page, shot);
  if (shot.name === 'standalone-light') await page.pdf({ path: path.join(folder, 'print.pdf'), printBackground: true });
  await page.close();
}

/** Opens a tensor's pane and answers for the host. */
async function openTensor(page) {
  await page.locator('[role=row].tensor').first().click();
  const asked = await page.waitForFunction(() => window.posted.findLast((message) => message.type === 'tensor'));
  const { id, request } = await asked.jsonValue();
  await page.evaluate(({ id, detail }) => {
    const { heatMap } = detail;
    const cells = Object.fromEntries(['mean', 'min', 'max', 'notFinite'].map((name) => [name, Float64Array.from(heatMap[name])]));
    window.postMessage({ type: 'tensor', id, detail: { ...detail, heatMap: { ...heatMap, ...cells } } }, '*');
  }, { id, detail: tensorDetail(request.file, request.tensor) });
  await page.waitForSelector('.pane .js-plotly-plot .heatmaplayer image');
}

const show = (report) => [{ type: 'report', report }];
const running = { type: 'progress', title: 'Training two-neuron networks', progress: { message: 'Network 2,400 of 10,000', fraction: 0.24 } };

await file(posteriorReport, 'light', { name: 'standalone-light', width: 1280 });
await file(rankReport, 'dark', { name: 'standalone-rank-dark', width: 1000 });
await file(hostileReport, 'light', { name: 'standalone-hostile', width: 1000 });
for (const theme of Object.keys(themes)) {
  await panel(theme, show(posteriorReport), { name: `posterior-${theme}`, width: 1280 });
  await panel(theme, show(rankReport), { name: `rank-${theme}`, width: 900 });
  await panel(theme, show(inspectReport(true)), { name: `inspect-${theme}`, width: 1280 });
  await panel(theme, show(inspectReport(true)), { name: `detail-${theme}`, width: 1280, then: openTensor });
  await panel(theme, show(diffReport), { name: `diff-${theme}`, width: 1100 });
}
await panel('light', show(inspectReport(false)), { name: 'detail-narrow', width: 480, then: openTensor });
await panel('dark', show(posteriorReport), { name: 'posterior-narrow', width: 420 });
await panel('light', show(posteriorReport), { name: 'posterior-middle', width: 800 });
await panel('light', show(rankReport), { name: 'rank-narrow', width: 420 });
await panel('dark', show(inspectReport(false)), { name: 'inspect-narrow', width: 480 });
await panel('dark', show(hostileReport), { name: 'hostile-dark', width: 1000 });
await panel('dark', [running], { name: 'progress-dark', width: 900, whole: false });
await panel('light', [...show(rankReport), running], { name: 'progress-over-report', width: 900, whole: false });
await panel('dark', [{ type: 'error', title: 'model.safetensors cannot be read', message: 'model.safetensors: the header says 1,024 bytes, the file holds 12.\nThe file looks truncated: copy it again.' }], { name: 'error-dark', width: 900, whole: false });
await panel('high-contrast', [...show(rankReport), { type: 'error', title: 'The analysis stopped', message: 'The analysis host ended while the job ran.' }], { name: 'error-over-report-hc', width: 900, whole: false });
await panel('dark', show(posteriorReport), {
  name: 'hover-zoom', width: 1280, whole: false,
  then: async (page) => {
    const plot = page.locator('.panel .plot').first();
    await plot.scrollIntoViewIfNeeded();
    const box = await plot.boundingBox();
    if (box === null) return;
    await page.mouse.move(box.x + 0.5 * box.width, box.y + 0.3 * box.height);
    await page.mouse.down();
    await page.mouse.move(box.x + 0.95 * box.width, box.y + 0.6 * box.height, { steps: 5 });
    await page.mouse.up();
    await page.waitForTimeout(300);
    for (const at of [0.5, 0.55, 0.6, 0.65, 0.7]) {
      await page.mouse.move(box.x + at * box.width, box.y + 0.45 * box.height, { steps: 3 });
      await page.waitForTimeout(60);
    }
  },
});
/** Draws a box from one corner to another, given as shares of the plot's width and height. */
async function dragBox(page, panelIndex, [x0, y0], [x1, y1]) {
  const plot = page.locator('.panel .nsewdrag').nth(panelIndex);
  await plot.scrollIntoViewIfNeeded();
  const box = await plot.boundingBox();
  if (box === null) return;
  await page.mouse.move(box.x + x0 * box.width, box.y + y0 * box.height);
  await page.mouse.down();
  await page.mouse.move(box.x + x1 * box.width, box.y + y1 * box.height, { steps: 5 });
  await page.mouse.up();
  await page.waitForTimeout(300);
}
for (const theme of Object.keys(themes)) {
  await panel(theme, show(posteriorReport), {
    name: `selection-${theme}`, width: 1280,
    then: async (page) => {
      await page.getByRole('button', { name: 'Select', exact: true }).click();
      await dragBox(page, 0, [0.65, 0.2], [0.95, 0.8]);
    },
  });
}
await browser.close();
