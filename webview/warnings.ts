/** Warnings of a report or a section, as a list with an icon; announced politely, because they belong to a result, not to a failure. */
import { visible } from '../src/protocol/untrustedText.ts';
import { REPORT_LANGUAGE, t } from '../src/protocol/words.ts';
import { button, element } from './elements.ts';

/** A setting of this extension, as sentences name it. */
const SETTING = /(?<![\w./-])(quotient(?:\.[a-zA-Z]\w*)+)/;

/** @param openSetting where there are settings: their names lead there */
export function warningList(warnings: readonly string[], openSetting?: (name: string) => void): HTMLElement | null {
  if (warnings.length === 0) return null;
  const items = warnings.map((warning) => element('li', {}, warningIcon(), element('span', { lang: REPORT_LANGUAGE }, ...linked(warning, openSetting))));
  // A list that were a status as well would be no list to a screen reader.
  return element('div', { role: 'status' }, element('ul', { class: 'warnings', 'aria-label': warnings.length === 1 ? t('Warning') : t('Warnings') }, ...items));
}

function linked(warning: string, openSetting: ((name: string) => void) | undefined): (Node | string)[] {
  if (openSetting === undefined) return [visible(warning)];
  return visible(warning).split(SETTING).map((part, i) => (i % 2 === 0 ? part : button(part, () => { openSetting(part); }, { class: 'link', title: t('Open this setting') })));
}

function warningIcon(): SVGSVGElement {
  const icon = svg('svg', { viewBox: '0 0 16 16', width: '16', height: '16', 'aria-hidden': 'true', class: 'icon' });
  icon.append(svg('path', { d: 'M8 2.2 14.6 13.6H1.4Z', fill: 'none', stroke: 'currentColor', 'stroke-width': '1.2', 'stroke-linejoin': 'round' }), svg('path', { d: 'M8 6.2v3.6M8 11.2v1', stroke: 'currentColor', 'stroke-width': '1.3' }));
  return icon;
}

function svg<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Readonly<Record<string, string>>): SVGElementTagNameMap[K] {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
