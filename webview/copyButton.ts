/** The button that copies: what it copies is made when it is pressed. */
import { t } from '../src/protocol/words.ts';
import { button } from './elements.ts';

/** Says so for a moment once the text is on the clipboard. */
export function copyButton(label: string, title: string, copy: () => Promise<void>): HTMLButtonElement {
  const node = button(label, () => {
    void copy().then(() => {
      node.textContent = t('Copied');
      window.setTimeout(() => { node.textContent = label; }, 1500);
    });
  }, { class: 'quiet copy', title, 'aria-live': 'polite' });
  return node;
}
