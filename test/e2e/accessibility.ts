/** What axe-core (Deque, MPL-2.0) finds in an extension's page, and where the Tab key leads in it. */
import { readFile } from 'node:fs/promises';
import type { FrameLocator } from 'playwright-core';

/** As much of axe-core's results as is read. */
interface AxeResults {
  readonly violations: readonly { readonly id: string; readonly impact: string | null; readonly help: string; readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[] }[];
}

/** Violations that keep people from using the page, one line each; none is what a test hopes for. */
export async function seriousViolations(view: FrameLocator): Promise<readonly string[]> {
  const body = await view.locator('body').elementHandle();
  const frame = await body.ownerFrame();
  if (frame === null) throw new Error('the page is gone');
  // By the debugger's protocol, to which the page's own policy for scripts does not apply.
  await frame.evaluate(await readFile('node_modules/axe-core/axe.min.js', 'utf8'));
  const { violations } = await frame.evaluate<AxeResults>(`axe.run(document, { resultTypes: ['violations'] })`);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, help, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${help}: ${html.slice(0, 200)} ${failureSummary?.replaceAll(/\s+/g, ' ') ?? ''}`));
}

interface Focusable {
  readonly tabIndex: number;
  readonly outerHTML: string;
  checkVisibility(options: { readonly visibilityProperty: boolean }): boolean;
  matches(selector: string): boolean;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
}

interface Root {
  tabIndex: number;
  focus(): void;
  readonly ownerDocument: { readonly activeElement: Focusable };
  querySelectorAll(selector: string): Iterable<Focusable>;
}

/** Controls in sight that a press of Tab after another, from the top of the page, does not come to. */
export async function beyondTab(view: FrameLocator): Promise<readonly string[]> {
  const body = view.locator('body');
  // What has a negative index, such as the rows of a tree, is reached by arrow keys.
  const wanted = 'button, select, input, textarea, a[href], summary, [tabindex]';
  await body.evaluate((root: Root, selector) => {
    for (const element of root.querySelectorAll(selector)) {
      if (element.tabIndex >= 0 && !element.matches(':disabled') && element.checkVisibility({ visibilityProperty: true })) element.setAttribute('data-untabbed', '');
    }
    root.tabIndex = -1;
    root.focus();
  }, wanted);
  let left = await body.locator('[data-untabbed]').count();
  for (let presses = left + 20; presses > 0 && left > 0; presses--) {
    await body.page().keyboard.press('Tab');
    await body.evaluate((root: Root) => { root.ownerDocument.activeElement.removeAttribute('data-untabbed'); });
    left = await body.locator('[data-untabbed]').count();
  }
  return body.evaluate((root: Root) => [...root.querySelectorAll('[data-untabbed]')].map(({ outerHTML }) => outerHTML.slice(0, 150)));
}
