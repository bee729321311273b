/** How several curves in one picture are told apart: by colour and by dash, and a key that names them. */
import { visible } from '../src/protocol/untrustedText.ts';
import { element } from './elements.ts';
import type { Theme } from './theme.ts';

/** CSS has no dash-dot. */
const dashes = [{ plot: 'solid', css: 'solid' }, { plot: 'dash', css: 'dashed' }, { plot: 'dot', css: 'dotted' }, { plot: 'longdash', css: 'dashed' }] as const;

export const seriesColour = (theme: Theme, i: number): string => theme.series[i % theme.series.length] ?? theme.accent;
export const seriesDash = (i: number): (typeof dashes)[number]['plot'] => dashes[i % dashes.length]?.plot ?? 'solid';

/** List items, one a series. */
export function seriesKeys(labels: readonly string[], theme: Theme): HTMLElement[] {
  return labels.map((label, i) => {
    const swatch = element('span', { class: 'swatch', 'aria-hidden': 'true' });
    swatch.style.borderTopColor = seriesColour(theme, i);
    swatch.style.borderTopStyle = dashes[i % dashes.length]?.css ?? 'solid';
    return element('li', {}, swatch, visible(label));
  });
}
