/**
 * Drives one window of the real VS Code as a person does: by its Explorer, palette, dialogs and panels. Every method waits for what it
 * names to be there, and fails with what was there instead.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium, type Browser, type FrameLocator, type Locator, type Page } from 'playwright-core';
import { inject } from 'vitest';
import { watchConsole, type Complaints } from './complaints.ts';

export type Theme = 'Default Light Modern' | 'Default Dark Modern' | 'Default High Contrast' | 'Default High Contrast Light';

export interface OpenOptions {
  /** Another server than that of all tests. */
  readonly server?: { readonly url: string; readonly password: string };
  /** Of the window, as a language pack sets it. */
  readonly language?: string;
  /** A `.code-workspace` file in the folder, which is opened in its place. */
  readonly workspace?: string;
}

const shots = path.resolve('out/shots');

export class Workbench {
  readonly page: Page;
  /** Errors of ours that the browser reported. */
  readonly complaints: Complaints;
  /** The folder that is open. */
  readonly folder: string;
  readonly #browser: Browser;

  private constructor(browser: Browser, page: Page, complaints: Complaints, folder: string) {
    this.#browser = browser;
    this.page = page;
    this.complaints = complaints;
    this.folder = folder;
  }

  /** Opens a window on a folder and waits until its Explorer shows a file. */
  static async open(folder: string, { server = inject('server'), workspace, language }: OpenOptions = {}): Promise<Workbench> {
    const browser = await chromium.launch({
      executablePath: inject('chromium'),
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    });
    try {
      const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
      // Nothing outside this machine is reached; the webviews' own origin is answered by the workbench's service worker.
      await context.route(
        (url) => !['127.0.0.1', 'localhost'].includes(url.hostname) && !url.hostname.endsWith('.vscode-cdn.net'),
        (route) => route.abort(),
      );
      await context.request.post(`${server.url}/login`, { form: { password: server.password } });
      const page = await context.newPage();
      // What the texts of a language pack begin with.
      if (language !== undefined) await page.addInitScript(`globalThis._VSCODE_NLS_LANGUAGE = ${JSON.stringify(language)};`);
      page.setDefaultTimeout(20_000);
      const complaints = watchConsole(page);
      await page.goto(workspace === undefined ? `${server.url}/?folder=${encodeURIComponent(path.resolve(folder))}` : `${server.url}/?workspace=${encodeURIComponent(path.resolve(folder, workspace))}`);
      const workbench = new Workbench(browser, page, complaints, folder);
      await workbench.ready();
      return workbench;
    } catch (error) {
      await browser.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }

  async ready(): Promise<void> {
    await this.page.locator('.monaco-workbench').waitFor({ timeout: 60_000 });
    await this.#rows().first().waitFor({ timeout: 60_000 });
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.ready();
  }

  /** A picture for people, under `out/shots/`. */
  async shot(name: string): Promise<void> {
    await mkdir(shots, { recursive: true });
    await this.page.screenshot({ path: path.join(shots, `${name}.png`) });
  }

  // --- Explorer

  #rows(): Locator {
    return this.page.locator('.explorer-folders-view .monaco-list-row');
  }

  file(name: string): Locator {
    return this.#rows().filter({ has: this.page.getByText(name, { exact: true }) });
  }

  async openFile(name: string): Promise<void> {
    await this.file(name).dblclick();
    await this.tab(name).waitFor();
  }

  /** In the plain editor, whatever editor the file opens in by default. */
  async openAsText(name: string): Promise<void> {
    await this.explorerCommand([name], 'Open With...');
    await this.pick('Text Editor');
    await this.page.locator('.editor-instance .view-line').first().waitFor();
  }

  tab(name: string): Locator {
    return this.page.locator('.tab.active', { hasText: name });
  }

  /** An entry of the context menu of one or several files; the last title is the command, those before it are submenus. */
  async explorerCommand(names: readonly string[], ...titles: readonly string[]): Promise<void> {
    const [first, ...others] = names;
    if (others.length > 0) {
      await this.until(`${names.length} selected files`, async () => {
        await this.file(first ?? '').click();
        // The click also opens the file, and the Explorer then selects what is open: not in the middle of the other clicks.
        await this.tab(first ?? '').waitFor();
        for (const name of others) await this.file(name).click({ modifiers: ['ControlOrMeta'] });
        return await this.page.locator('.explorer-folders-view .monaco-list-row.selected').count() === names.length;
      });
    }
    await this.contextCommand(this.file(names.at(-1) ?? ''), ...titles);
  }

  /** An entry of the context menu of anything; the last title is the command, those before it are submenus. */
  async contextCommand(target: Locator, ...titles: readonly string[]): Promise<void> {
    const menu = this.page.locator('.monaco-menu');
    await this.until(`the menu to close after ${titles.join(' > ')}`, async () => {
      // A menu that has only just opened lets a click pass: it is then opened anew.
      if (await menu.first().isVisible()) await this.page.keyboard.press('Escape');
      await target.click({ button: 'right' });
      for (const [depth, title] of titles.entries()) {
        const entry = menu.locator('.action-label').filter({ hasText: title }).last();
        // In a window that has only just opened, menus do not have the extension's commands yet.
        if (!(await entry.waitFor({ timeout: 3000 }).then(() => true, () => false))) return false;
        await entry.hover();
        if (depth === titles.length - 1) await entry.click();
      }
      return menu.first().waitFor({ state: 'hidden', timeout: 2000 }).then(() => true, () => false);
    });
  }

  /** Waits for what a decoration provider wrote on a file's row, which is a pseudo-element. */
  async decoration(name: string, badge: string, timeout = 30_000): Promise<void> {
    await this.file(name).locator('.monaco-icon-label').waitFor();
    await this.until(`badge ${badge} on ${name}`, () =>
      this.file(name).evaluate((row: PageElement, text) => {
        const view = row.ownerDocument.defaultView;
        return [...row.querySelectorAll('*')].some((part) => view.getComputedStyle(part, '::after').content.includes(text));
      }, badge), timeout);
  }

  /** What the Explorer says of a file on which the pointer rests. @param expected is in it */
  async tooltip(name: string, expected: string): Promise<string> {
    const tooltip = this.page.locator('.workbench-hover-container').filter({ hasText: expected }).last();
    await this.until(`a tooltip of ${name} with "${expected}"`, async () => {
      await this.page.mouse.move(1000, 890);
      await this.file(name).locator('.label-name').hover();
      return tooltip.waitFor({ timeout: 3000 }).then(() => true, () => false);
    });
    return tooltip.innerText();
  }

  // --- Palette and dialogs

  #quickInput(): Locator {
    return this.page.locator('.quick-input-widget');
  }

  async command(title: string): Promise<void> {
    const input = this.#quickInput().locator('input[type=text]');
    const row = this.#quickInput().locator('.monaco-list-row', { hasText: title }).first();
    // The palette lists what was there when it was opened; a window that has just come up knows its extensions a moment later.
    await this.until(`the command ${title}`, async () => {
      await this.page.keyboard.press('F1');
      await input.waitFor({ state: 'visible' });
      await input.fill(`>${title}`);
      if (await row.waitFor({ timeout: 3000 }).then(() => true, () => false)) return true;
      await this.dismissQuestion();
      return false;
    });
    await row.click();
    // The command's own first question comes up in the same widget.
    await this.until('the palette to close', async () => !(await input.isVisible()) || !(await input.inputValue()).startsWith('>'));
  }

  /** Waits for a question and returns what it says: title, prompt and choices. */
  async question(): Promise<string> {
    await this.#quickInput().waitFor({ state: 'visible' });
    const placeholder = await this.#quickInput().locator('input[type=text]').getAttribute('placeholder');
    return `${await this.#quickInput().innerText()}\n${placeholder ?? ''}`;
  }

  /** Chooses from the list that is open. */
  async pick(label: string): Promise<void> {
    const row = this.#quickInput().locator('.monaco-list-row', { hasText: label }).first();
    // The last click left the mouse on a row, whose hover then covers the next one.
    await this.page.mouse.move(1000, 890);
    await row.click();
    await this.until(`the choice ${label} to be taken`, async () => !(await row.isVisible()));
  }

  /** Types into the input or file dialog that is open; accepted with Enter. */
  async type(text: string): Promise<void> {
    await this.fill(text);
    await this.page.keyboard.press('Enter');
  }

  /** As `type`, but not yet accepted. */
  async fill(text: string): Promise<void> {
    const input = this.#quickInput().locator('input[type=text]');
    await input.waitFor({ state: 'visible' });
    await input.fill(text);
    await this.until('the typed text', async () => (await input.inputValue()) === text);
  }

  /** Ticks a choice of the list that is open, besides those that are ticked, and accepts them all. */
  async check(label: string): Promise<void> {
    // A long list holds only the rows that are in sight.
    await this.fill(label);
    await this.#quickInput().locator('.monaco-list-row', { hasText: label }).first().click();
    await this.#quickInput().getByRole('button', { name: 'OK' }).click();
  }

  async dismissQuestion(): Promise<void> {
    await this.page.keyboard.press('Escape');
    await this.#quickInput().waitFor({ state: 'hidden' });
  }

  /** A button of the modal dialog that is open; returns what the dialog says. */
  async dialog(button: string): Promise<string> {
    const box = this.page.locator('.monaco-dialog-box');
    await box.waitFor();
    const text = await box.innerText();
    await box.locator('.monaco-button', { hasText: button }).first().click();
    await box.waitFor({ state: 'hidden' });
    return text;
  }

  // --- Editors, panels, notifications

  /** Moves the mouse over a token of the active editor, quoted or not, until a hover says what is expected; returns the hover's text. */
  async hover(text: string, expected: string | RegExp): Promise<string> {
    const token = this.page.locator('.editor-instance .view-line span span', { hasText: new RegExp(`(^|[^\\w.])${text.replaceAll('.', '\\.')}([^\\w.]|$)`) }).first();
    await token.waitFor();
    // Without colours, a line is one token.
    const share = (await token.evaluate((element: { readonly textContent: string }, wanted) => (element.textContent.indexOf(wanted) + wanted.length / 2) / element.textContent.length, text));
    const hover = this.page.locator('.monaco-hover:visible', { hasText: expected });
    // The provider may still be starting: away, and back again.
    await this.until(`a hover on ${text} with ${String(expected)}`, async () => {
      await this.page.mouse.move(1000, 700);
      // Another hover may lie above the word.
      await this.page.locator('.monaco-hover:visible').first().waitFor({ state: 'detached', timeout: 3000 }).catch(() => undefined);
      const box = await token.boundingBox();
      if (box === null) return false;
      // Not the locator's own hover, which scrolls the editor's lines out of sight when something covers the word.
      await this.page.mouse.move(box.x + share * box.width, box.y + box.height / 2, { steps: 3 });
      return hover.first().waitFor({ timeout: 2000 }).then(() => true, () => false);
    });
    return hover.first().innerText();
  }

  /** The extension's document: two frames deep, in the webview that shows. */
  view(): FrameLocator {
    return this.page.locator('iframe.webview.ready:visible').last().contentFrame().locator('#active-frame').contentFrame();
  }

  /** Waits until the page in the panel has drawn its report, or says that it failed. */
  async shown(state: 'shown' | 'progress' | 'error' = 'shown', timeout = 30_000): Promise<FrameLocator> {
    const view = this.view();
    await view.locator(`body[data-state=${state}]`).waitFor({ timeout });
    return view;
  }

  async violations(): Promise<number> {
    return Number((await this.view().locator('body').getAttribute('data-csp-violations')) ?? '0');
  }

  /** Waits for a notification and returns all of its text. */
  async notification(text: string | RegExp, timeout = 30_000): Promise<string> {
    const item = this.page.locator('.notifications-toasts .notification-list-item', { hasText: text }).first();
    await item.waitFor({ timeout });
    return item.innerText();
  }

  notifications(): Locator {
    return this.page.locator('.notifications-toasts .notification-list-item');
  }

  async notificationButton(text: string | RegExp, button: string): Promise<void> {
    const item = this.page.locator('.notifications-toasts .notification-list-item', { hasText: text }).first();
    await item.hover();
    await item.locator('.monaco-button', { hasText: button }).click();
  }

  async clearNotifications(): Promise<void> {
    await this.command('Notifications: Clear All Notifications');
  }

  async closeEditors(): Promise<void> {
    await this.command('View: Close All Editors');
    await this.page.locator('.editor-group-container .tab').first().waitFor({ state: 'detached' });
  }

  /** Shows an output channel and waits for a line in it. */
  async output(channel: string, line: string): Promise<void> {
    await this.command('Output: Focus on Output View');
    await this.page.locator('.part.panel select').first().selectOption({ label: channel });
    await this.page.locator('.part.panel .view-line', { hasText: line }).first().waitFor();
  }

  /** As a setting of the open folder. */
  async theme(theme: Theme): Promise<void> {
    const file = path.join(this.folder, '.vscode/settings.json');
    await mkdir(path.dirname(file), { recursive: true });
    const settings = await readFile(file, 'utf8').then((text) => JSON.parse(text) as Record<string, unknown>, () => ({}));
    await writeFile(file, JSON.stringify({ ...settings, 'workbench.colorTheme': theme }));
    const kind = { 'Default Light Modern': 'vs', 'Default Dark Modern': 'vs-dark', 'Default High Contrast': 'hc-black', 'Default High Contrast Light': 'hc-light' }[theme];
    await this.page.locator(`.monaco-workbench.${kind}`).waitFor();
  }

  async until(what: string, holds: () => Promise<boolean>, timeout = 30_000): Promise<void> {
    const end = Date.now() + timeout;
    while (!(await holds())) {
      if (Date.now() > end) throw new Error(`waited ${timeout / 1000} s in vain for ${what}`);
      await sleep(100);
    }
  }
}

/** As much of the browser's element as is read inside the page. */
interface PageElement {
  readonly ownerDocument: { readonly defaultView: { getComputedStyle(element: unknown, pseudo: string): { readonly content: string } } };
  querySelectorAll(selector: string): Iterable<unknown>;
}
