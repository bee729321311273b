/**
 * Draws the pictures of README and docs anew from the real page: the shipped examples, trained on the spot, as each analysis shows them. The same seed
 * gives the same pictures, up to the fonts of the machine. With words, only the pictures whose names contain one of them. What the
 * windows of VS Code show is drawn last, by test/e2e/pictures, in the server of the end-to-end tests.
 * Usage: npm run pictures [-- WORD…]
 *        npm run pictures -- --surfaces [WORD…]   every surface in four themes to out/surfaces/, for people to look at
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium as browserType, type Browser } from 'playwright-core';
import { chromium } from './chromium.ts';
import { palettedPng } from './palettedPng.ts';
import { mustRun, packaging, root, run } from './run.ts';

/** Device pixels to a CSS pixel: text stays readable when a page shows the picture smaller. */
const SCALE = 1.25;
/** Wide enough for three panels side by side. */
const WIDTH = 1064;

interface Picture {
  /** Below the root, without `.png`. */
  readonly file: string;
  readonly report: keyof typeof reports;
  /** Sections by their id, in the order of the report. */
  readonly sections: readonly string[];
  readonly theme?: 'dark';
  readonly width?: number;
  /** The panels alone, without title and explanations. */
  readonly bare?: true;
  /** Title and answer of the report above the sections. */
  readonly head?: true;
}

/** The commands whose reports are drawn; in the folder of the examples. */
const reports = {
  inspect: ['inspect', 'digits/network.safetensors'],
  canonicalize: ['canonicalize', 'digits/network.safetensors', '--out', 'canonical'],
  compare: ['compare', 'digits/network.safetensors', 'digits-again/network.safetensors', '--data', 'digits/test.npz', '--likelihood', 'categorical'],
  align: ['align', 'digits/network.safetensors', 'digits-again/network.safetensors', '--out', 'aligned', '--data', 'digits/test.npz', '--likelihood', 'categorical'],
  rank: ['rank', 'digits/network.safetensors', '--data', 'digits/data.npz', '--likelihood', 'categorical'],
  posterior: ['posterior', 'two-neurons/draws.npz', '--data', 'two-neurons/data.npz', '--likelihood', 'bernoulli'],
  sine: ['predict', 'sine/network.safetensors', '--data', 'sine/data.npz', '--test', 'sine/test.npz', '--noise', '0.15', '--prior-precision', '2'],
  digits: ['predict', 'digits/network.safetensors', '--data', 'digits/data.npz', '--test', 'digits/test.npz', '--likelihood', 'categorical', '--method', 'sampled,linearized,projected,last-layer'],
  hmc: ['predict', 'two-neurons/network.safetensors', '--data', 'two-neurons/data.npz', '--likelihood', 'bernoulli', '--method', 'hmc'],
} as const satisfies Record<string, readonly string[]>;

const pictures: readonly Picture[] = [
  { file: 'media/two-neurons', report: 'posterior', sections: ['density'], bare: true },
  { file: 'docs/pictures/symmetry', report: 'inspect', sections: ['symmetry-summary', 'symmetry'] },
  { file: 'docs/pictures/canonical', report: 'canonicalize', sections: ['files', 'factors'], head: true },
  { file: 'docs/pictures/compare', report: 'compare', sections: ['verdict', 'loss'], head: true },
  { file: 'docs/pictures/align', report: 'align', sections: ['loss', 'function'] },
  { file: 'docs/pictures/components', report: 'posterior', sections: ['components'] },
  { file: 'docs/pictures/modes', report: 'posterior', sections: ['modes', 'discrepancy'] },
  { file: 'docs/pictures/kernel', report: 'rank', sections: ['kernel', 'spectrum'] },
  { file: 'docs/pictures/growth', report: 'rank', sections: ['growth', 'effective-dimension'] },
  { file: 'docs/pictures/plane', report: 'rank', sections: ['plane'], width: 860 },
  { file: 'docs/pictures/bands', report: 'sine', sections: ['bands'] },
  { file: 'docs/pictures/questions', report: 'sine', sections: ['questions', 'scores'] },
  { file: 'docs/pictures/projections', report: 'sine', sections: ['projections'] },
  { file: 'docs/pictures/calibration', report: 'digits', sections: ['reliability'] },
  { file: 'docs/pictures/probabilities', report: 'digits', sections: ['probabilities'] },
  { file: 'docs/pictures/traces', report: 'hmc', sections: ['hmc-traces', 'hmc-ranks'] },
];

/** Beside the first two steps of the walkthrough, for dark and light themes alike. */
const walkthrough = (['dark', 'light'] as const).flatMap((shade): Picture[] => [
  { file: `media/walkthrough/two-neurons-${shade}`, report: 'posterior', sections: ['density'], bare: true, width: 880, ...(shade === 'dark' ? { theme: shade } : {}) },
  { file: `media/walkthrough/bands-${shade}`, report: 'sine', sections: ['bands'], bare: true, width: 880, ...(shade === 'dark' ? { theme: shade } : {}) },
]);

/** Drawn by test/e2e/pictures. */
const windows = ['docs/pictures/viewer', 'docs/pictures/hover', 'docs/pictures/analyses'];

/** What the pictures leave out: buttons that do nothing in a picture, and the rules between sections. */
const STYLE = `
  .tools, .actions, .report > footer, .warnings { display: none !important }
  main, main > .report { padding: 0 !important; margin: 0 !important; max-width: none !important }
  .report > .section { border-top: none; padding: 10px 14px 12px; margin: 0 }
  .report-head { padding: 12px 14px 0 }
  .report > :not([data-wanted]) { display: none }`;
const BARE = '.section-head, .meaning, .panel figcaption, .panel .note, .panel .legend { display: none } .panels { margin: 0 } .panel { margin: 0 } .report > .section { padding: 12px 8px 4px }';

const words = process.argv.slice(2);
if (words[0] === '--surfaces') {
  await mustRun('bundle', []);
  await pack();
  process.exit(await run('vitest', ['run', '--config', 'test/e2e/surfaces.config.ts', ...(words.length > 1 ? ['--testNamePattern', words.slice(1).join('|')] : [])]));
}
const wanted = [...pictures, ...walkthrough].filter(({ file }) => words.length === 0 || words.some((word) => file.includes(word)));
const found = await chromium(console.log);
if ('missing' in found) throw new Error(found.missing);
const folder = await mkdtemp(path.join(tmpdir(), 'quotient-pictures-'));
try {
  await mustRun('bundle', []);
  for (const [name, seed, to] of [['two-neurons', 0, 'two-neurons'], ['sine', 0, 'sine'], ['digits', 0, 'digits'], ['digits', 1, 'digits-again']] as const) {
    await mustRun('cli', ['example', name, '--seed', String(seed), '--out', to], folder);
  }
  for (const report of new Set(wanted.map((picture) => picture.report))) {
    // Where the examples are, so that reports name no folder of this machine.
    await mustRun('cli', [...reports[report], '--html', `${report}.html`], folder);
  }
  const browser = await browserType.launch({ executablePath: found.path, args: ['--headless', '--no-sandbox', '--disable-gpu', '--force-prefers-reduced-motion'] });
  for (const picture of wanted) await draw(browser, picture);
  await browser.close();
} finally {
  await rm(folder, { recursive: true, force: true });
}
if (words.length === 0 || windows.some((name) => words.some((word) => name.includes(word)))) {
  await pack();
  process.exitCode = await run('vitest', ['run', '--config', 'test/e2e/pictures.config.ts']);
}

async function pack(): Promise<void> {
  await mkdir(path.join(root, 'out'), { recursive: true });
  await mustRun('vsce', packaging);
}

async function draw(browser: Browser, { file, report, sections, theme, width = WIDTH, bare, head }: Picture): Promise<void> {
  // The page's policy admits no style but its own.
  const page = await browser.newPage({ viewport: { width, height: 1200 }, deviceScaleFactor: SCALE, colorScheme: theme ?? 'light', bypassCSP: true });
  await page.goto(pathToFileURL(path.join(folder, `${report}.html`)).href);
  await page.waitForSelector('body[data-state=shown]');
  for (const id of sections) await page.locator(`[data-id="${id}"]`).evaluate((section: Markable) => { section.setAttribute('data-wanted', ''); });
  if (head === true) await page.locator('.report-head').evaluate((section: Markable) => { section.setAttribute('data-wanted', ''); });
  await page.addStyleTag({ content: bare === true ? `${STYLE}${BARE}` : STYLE });
  // Plots follow the room that they have.
  await page.waitForTimeout(400);
  const target = path.join(root, `${file}.png`);
  await mkdir(path.dirname(target), { recursive: true });
  const png = palettedPng(await page.locator('.report').screenshot());
  await writeFile(target, png);
  await page.close();
  console.log(`${file}.png: ${Math.round(png.length / 1024)} KiB`);
}

/** The part of the page's elements that is used here; this program is checked without the browser's types. */
interface Markable {
  setAttribute(name: string, value: string): void;
}
