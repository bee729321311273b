/**
 * Draws the README's picture anew from the real page: the two-neuron example, trained on the spot, its posterior as the report
 * shows it. The same seed gives the same picture, up to the fonts of the machine.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium as browserType } from 'playwright-core';
import { chromium } from './chromium.ts';
import { mustRun, root } from './run.ts';

const picture = 'media/two-neurons.png';
/** The report's width in CSS pixels, and device pixels to each: text stays readable when a README shows the picture smaller. */
const width = 1064;
const scale = 1.2;
/** What only makes sense beside the rest of the report. */
const hidden = '.panel figcaption, .panel .note, .panel .legend { display: none } .panels { padding: 12px 8px 4px; margin: 0 } .panel { margin: 0 }';

const found = await chromium(console.log);
if ('missing' in found) throw new Error(found.missing);
const folder = await mkdtemp(path.join(tmpdir(), 'quotient-picture-'));
try {
  const report = path.join(folder, 'report.html');
  await mustRun('bundle', []);
  await mustRun('cli', ['example', 'two-neurons', '--out', folder]);
  await mustRun('cli', ['posterior', path.join(folder, 'draws.npz'), '--html', report]);

  const browser = await browserType.launch({ executablePath: found.path, args: ['--headless', '--no-sandbox', '--disable-gpu'] });
  // The page's policy admits no style but its own.
  const page = await browser.newPage({ viewport: { width, height: 900 }, deviceScaleFactor: scale, colorScheme: 'light', bypassCSP: true });
  await page.goto(pathToFileURL(report).href);
  await page.waitForSelector('body[data-state=shown]');
  await page.addStyleTag({ content: hidden });
  await page.locator('.panels').first().screenshot({ path: path.join(root, picture) });
  await browser.close();
  console.log(`\n${picture}: ${Math.round((await stat(path.join(root, picture))).size / 1024)} KiB`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
