// A window in another language: the extension's own words and the page's are that language's, reports and their numbers are not.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { denseWeights, safetensors, workspace } from '../checkpoints.ts';
import { installServer } from '../installServer.ts';
import { startServer, type Server } from '../server.ts';
import { Workbench } from '../workbench.ts';

/** Nobody's language, so that no translation has to be kept: every text in brackets. */
const LANGUAGE = 'qps-ploc';

let server: Server | undefined;
let opened: Workbench | undefined;
const window = (): Workbench => {
  if (opened === undefined) throw new Error('no window was opened');
  return opened;
};

beforeAll(async () => {
  server = await startServer(await installServer(), {
    vsix: [process.env['QUOTIENT_VSIX'] ?? 'out/quotient.vsix'],
    async installed(extensions) {
      const [extension = ''] = (await readdir(extensions)).filter((name) => name.startsWith('quotient.'));
      const l10n = path.join(extensions, extension, 'l10n');
      const english = JSON.parse(await readFile(path.join(l10n, 'bundle.l10n.json'), 'utf8')) as Readonly<Record<string, string>>;
      await writeFile(path.join(l10n, `bundle.l10n.${LANGUAGE}.json`), JSON.stringify(Object.fromEntries(Object.entries(english).map(([text, said]) => [text, `⟦${said}⟧`]))));
    },
  });
  const folder = await workspace({ 'net.safetensors': safetensors(denseWeights([3, 5, 2], 1)), 'other.safetensors': safetensors(denseWeights([3, 5, 2], 2)), 'train.py': 'weights = "net.safetensors"\n' });
  opened = await Workbench.open(folder, { server, language: LANGUAGE });
  // A new server takes a while to start its extensions.
  await opened.decoration('net.safetensors', 'W', 60_000);
});

afterAll(async () => {
  const folder = opened?.folder;
  await opened?.close();
  await server?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

test('the page of a weight file: buttons and headings in the language, the report as it is', async () => {
  const w = window();
  await w.openFile('net.safetensors');
  const view = await w.shown();
  await view.getByRole('button', { name: '⟦Rank and kernel⟧' }).waitFor();
  await view.getByRole('button', { name: '⟦Copy JSON⟧' }).waitFor();
  expect(await view.locator('html').getAttribute('lang')).toBe(LANGUAGE);
  expect(await view.locator('.outline').first().innerText()).toContain('⟦4 tensors⟧');
  expect(await view.locator('h2').first().innerText()).toBe('Overview');
  await eachInItsLanguage();
  expect(await w.violations()).toBe(0);
});

/** As much of the browser's elements as is used inside the page. */
interface Spoken {
  readonly ownerDocument: { createTreeWalker(root: unknown, what: number): { nextNode(): { readonly textContent: string; readonly parentElement: Spoken } | null } };
  closest(selector: string): { readonly lang: string } | null;
}

/** The sentences and words of the page, each with the language in which a screen reader says it. Pictures have a name in their place. */
const spoken = (): Promise<readonly { readonly text: string; readonly lang: string }[]> =>
  window().view().locator('main').evaluate((main: Spoken) => {
    const words = main.ownerDocument.createTreeWalker(main, 4);
    const found: { text: string; lang: string }[] = [];
    for (let node = words.nextNode(); node !== null; node = words.nextNode()) {
      const text = node.textContent.trim();
      if (/\p{L}/u.test(text) && node.parentElement.closest('svg') === null) found.push({ text, lang: node.parentElement.closest('[lang]')?.lang ?? '' });
    }
    return found;
  });

/** The page's own words are in brackets, and nothing of the report is; a file's or tensor's name is nobody's language. */
async function eachInItsLanguage(): Promise<void> {
  const said = await spoken();
  const own = said.filter(({ text }) => text.includes('⟦'));
  const report = said.filter(({ text }) => !text.includes('⟦') && text.split(' ').length >= 3);
  expect(own.length).toBeGreaterThan(5);
  expect(report.length).toBeGreaterThan(2);
  expect(own.filter(({ lang }) => lang !== LANGUAGE)).toEqual([]);
  expect(report.filter(({ lang }) => lang !== 'en')).toEqual([]);
}

test('hover and lens', async () => {
  const w = window();
  await w.openFile('train.py');
  const hover = await w.hover('net.safetensors', '⟦32 parameters in 4 tensors⟧');
  expect(hover).toContain('⟦tensor⟧');
  await w.page.locator('.codelens-decoration', { hasText: '⟦Rank and kernel⟧' }).waitFor();
});

test('questions', async () => {
  const w = window();
  await w.openFile('net.safetensors');
  const view = await w.shown();
  await view.getByRole('button', { name: '⟦Rank and kernel⟧' }).click();
  expect(await w.question()).toContain('⟦Activation of net.safetensors⟧');
  await w.pick('relu');
  expect(await w.question()).toContain('⟦Inputs at which to take the GGN of net.safetensors⟧');
  await w.pick('⟦Generic inputs⟧');
  const rank = await w.shown();
  await rank.locator('article[data-analysis=rank]').waitFor({ timeout: 60_000 });
  expect(await rank.locator('article[data-analysis=rank] .summary').innerText()).toContain('27');
  const origin = await rank.locator('footer').innerText();
  expect(origin).toContain('⟦Seed⟧');
  // As seen from the open folder.
  expect(origin).toMatch(/⟦Source⟧\s+net\.safetensors/);
  await eachInItsLanguage();
  expect(w.complaints.ours).toEqual([]);
});

test('densities, curves and tables of a posterior', async () => {
  const w = window();
  await w.closeEditors();
  await w.explorerCommand(['net.safetensors', 'other.safetensors'], 'Quotient', 'Posterior over Weights');
  const view = await w.shown();
  await view.locator('article[data-analysis=posterior]').waitFor({ timeout: 60_000 });
  await view.locator('[data-id=density] .legend').first().waitFor();
  await eachInItsLanguage();
});
