/** Pictures of one surface after the other for people to look at, `out/surfaces/NAME[-PAGE]-THEME.png`: nothing is compared, so that nothing here can fail for a new font. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Workbench, Theme } from '../workbench.ts';

const themes: readonly (readonly [Theme, string])[] = [
  ['Default Dark Modern', 'dark'], ['Default Light Modern', 'light'], ['Default High Contrast', 'hc-dark'], ['Default High Contrast Light', 'hc-light'],
];
const folder = 'out/surfaces';

/** A window as people have it, one that is high enough for many sections of a report, and half a small screen. */
export const sizes = { usual: { width: 1200, height: 800 }, tall: { width: 1200, height: 1900 }, narrow: { width: 500, height: 1900 } } as const;

/** The window as it is, in every theme. */
export async function everyTheme(w: Workbench, name: string, before: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [theme, short] of themes) {
    await w.theme(theme);
    await before();
    await w.page.waitForTimeout(600);
    await w.page.screenshot({ path: `${folder}/${name}-${short}.png` });
  }
}

/** The report in front from its top to its end, in every theme, and in a narrow panel. */
export async function everyPage(w: Workbench, name: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await w.page.mouse.move(2, 2);
  for (const [size, shown] of [['tall', themes], ['narrow', themes.slice(0, 2)]] as const) {
    await w.page.setViewportSize(sizes[size]);
    for (const [theme, short] of shown) {
      await w.theme(theme);
      await w.page.waitForTimeout(900);
      const root = w.view().locator('html');
      const pages = await root.evaluate((html: Root) => Math.ceil((html.scrollHeight - 40) / (html.clientHeight - 60)));
      for (let page = 0; page < pages; page++) {
        await root.evaluate((html: Root, n) => { html.scrollTop = n * (html.clientHeight - 60); }, page);
        await w.page.waitForTimeout(400);
        await w.page.screenshot({ path: `${folder}/${name}-${size === 'narrow' ? 'narrow-' : ''}${String(page + 1)}-${short}.png` });
      }
      await root.evaluate((html: Root) => { html.scrollTop = 0; });
    }
  }
  await w.page.setViewportSize(sizes.usual);
}

/** Pages that stand alone, as a browser shows them in the system's colours. */
export async function everyStandalone(w: Workbench, from: string, names: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  // The window's own context reaches nothing but its server.
  const context = await w.page.context().browser()?.newContext({ viewport: { width: 1200, height: 900 } });
  if (context === undefined) throw new Error('the browser is gone');
  for (const name of names) {
    for (const [short, media] of [['dark', { colorScheme: 'dark' }], ['light', { colorScheme: 'light' }], ['hc-dark', { colorScheme: 'dark', forcedColors: 'active' }], ['hc-light', { colorScheme: 'light', forcedColors: 'active' }]] as const) {
      const page = await context.newPage();
      await page.emulateMedia(media);
      await page.goto(pathToFileURL(path.join(from, `${name}.html`)).href);
      await page.waitForSelector('body[data-state=shown]');
      await page.waitForTimeout(800);
      await page.screenshot({ path: `${folder}/html-${name}-${short}.png`, fullPage: true });
      await page.close();
    }
  }
  await context.close();
}

/** As much of the browser's element as is used inside the page. */
interface Root {
  readonly scrollHeight: number;
  readonly clientHeight: number;
  scrollTop: number;
}
