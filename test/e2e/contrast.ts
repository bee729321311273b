/** Contrast of text against what lies behind it (WCAG 2.1, "relative luminance" and "contrast ratio"), as the browser has drawn it. */
import type { FrameLocator } from 'playwright-core';

/** Texts in sight whose contrast is less, with the ratio: none is what a test hopes for. Texts on pictures are left out. */
export function weakTexts(view: FrameLocator, least: number): Promise<readonly string[]> {
  return view.locator('body').evaluate((body: BodyElement, required) => {
    const { defaultView: window } = body.ownerDocument;
    type Colour = readonly [number, number, number, number];
    const parsed = (text: string): Colour => {
      const numbers = (/^(?:rgba?|color)\((?:srgb )?(.*)\)$/.exec(text)?.[1] ?? '').split(/[\s,/]+/).map(Number);
      const scale = text.startsWith('color') ? 255 : 1;
      const [red = 0, green = 0, blue = 0, alpha = 1] = numbers;
      return [red * scale, green * scale, blue * scale, alpha];
    };
    const over = ([r, g, b, a]: Colour, [r0, g0, b0]: Colour): Colour => [r * a + r0 * (1 - a), g * a + g0 * (1 - a), b * a + b0 * (1 - a), 1];
    const luminance = ([r, g, b]: Colour): number => {
      const linear = (part: number): number => (part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
      return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    };
    const behind = (element: ShownElement | null): Colour => {
      if (element === null) return parsed(window.getComputedStyle(body).getPropertyValue('--vscode-editor-background') === '' ? 'rgb(255, 255, 255)' : window.getComputedStyle(body.parentElement ?? body).backgroundColor);
      const own = parsed(window.getComputedStyle(element).backgroundColor);
      return own[3] >= 1 ? own : over(own, behind(element.parentElement));
    };
    const opacity = (element: ShownElement | null): number => (element === null ? 1 : Number(window.getComputedStyle(element).opacity) * opacity(element.parentElement));
    const weak: string[] = [];
    for (const element of body.querySelectorAll('*')) {
      const text = [...element.childNodes].filter(({ nodeType }) => nodeType === 3).map(({ textContent }) => textContent?.trim() ?? '').join(' ').trim();
      const { width, height } = element.getBoundingClientRect();
      const style = window.getComputedStyle(element);
      if (text === '' || width < 2 || height < 2 || style.visibility !== 'visible' || element.closest('svg, script, style, option, [disabled]') !== null) continue;
      const background = behind(element);
      const colour = parsed(style.color);
      const shown = over([colour[0], colour[1], colour[2], colour[3] * opacity(element)], background);
      const [dark, light] = [luminance(shown), luminance(background)].toSorted((a, b) => a - b);
      const ratio = ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05);
      if (ratio < required - 0.01) weak.push(`${ratio.toFixed(2)}: "${text.slice(0, 60)}" (${element.tagName.toLowerCase()}.${element.className.toString()})`);
    }
    return weak;
  }, least);
}

/** As much of the browser's elements as is read inside the page. */
interface ShownElement {
  readonly parentElement: ShownElement | null;
  readonly tagName: string;
  readonly className: { toString(): string };
  readonly childNodes: Iterable<{ readonly nodeType: number; readonly textContent: string | null }>;
  getBoundingClientRect(): { readonly width: number; readonly height: number };
  closest(selector: string): unknown;
}

interface BodyElement extends ShownElement {
  readonly ownerDocument: { readonly defaultView: { getComputedStyle(element: ShownElement): { readonly color: string; readonly backgroundColor: string; readonly opacity: string; readonly visibility: string; getPropertyValue(name: string): string } } };
  querySelectorAll(selector: string): Iterable<ShownElement>;
}
