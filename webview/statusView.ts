/** What the page says while an analysis runs, and when it failed: alone on an empty page, or above the report that was there before. */
import type { Progress } from '../src/protocol/rpc.ts';
import { visible } from '../src/protocol/untrustedText.ts';
import { t } from '../src/protocol/words.ts';
import { button, element } from './elements.ts';

export interface ProgressView {
  readonly element: HTMLElement;
  /** Moves the bar in place, so that it does not flicker and the Cancel button keeps its focus. */
  update(title: string, progress: Progress): void;
}

export function progressView(cancel: () => void): ProgressView {
  const heading = element('h2');
  const message = element('p', { role: 'status', class: 'note' });
  const bar = element('progress');
  bar.max = 1;
  const stop = button(t('Cancel'), () => {
    stop.disabled = true;
    stop.textContent = t('Cancelling…');
    cancel();
  }, { class: 'secondary', 'data-action': 'cancel' });
  return {
    element: element('div', { class: 'status progress' }, heading, bar, element('div', { class: 'status-foot' }, message, stop)),
    update: (title, { message: text, fraction }) => {
      heading.textContent = visible(title);
      bar.setAttribute('aria-label', visible(title));
      message.textContent = visible(text);
      if (fraction === undefined) bar.removeAttribute('value');
      else bar.value = Math.min(1, Math.max(0, fraction));
    },
  };
}

/** @param dismiss shown only when there is a report to go back to. */
export function errorView(title: string, message: string, again: (() => void) | null, dismiss: (() => void) | null): HTMLElement {
  return element('div', { class: 'status error', role: 'alert' },
    element('h2', {}, visible(title)),
    // A message may have several lines: what is wrong, then what to do.
    ...message.split('\n').filter((line) => line.trim() !== '').map((line) => element('p', {}, visible(line))),
    element('div', { class: 'actions' },
      again === null ? null : button(t('Try again'), again, { class: 'primary', 'data-action': 'refresh' }),
      dismiss === null ? null : button(t('Dismiss'), dismiss, { class: 'secondary' })));
}
