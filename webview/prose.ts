/** Sentences of a report. A line may break after a hyphen and at a space, but not inside of `2.3e-16` and `98 %`. */
import { visible } from '../src/protocol/untrustedText.ts';
import { element } from './elements.ts';

/** Texts and elements that read as the sentence does, and copy as it does. */
export function prose(text: string): (Node | string)[] {
  return visible(text).split(/(\d[\d.]{0,20}(?:e-\d{1,3}| %))/).map((part, i) => (i % 2 === 0 ? part : element('span', { class: 'unbroken' }, part)));
}
