/** How several curves in one picture are told apart: by colour and by dash, and a key that names them. */
import { visible } from '../src/protocol/untrustedText.ts';
import type { Curve } from './curves.ts';
import { element } from './elements.ts';
import type { Theme } from './theme.ts';

/** CSS has no dash-dot. */
const dashes = [{ plot: 'solid', css: 'solid' }, { plot: 'dash', css: 'dashed' }, { plot: 'dot', css: 'dotted' }, { plot: 'longdash', css: 'dashed' }] as const;

export const curveColour = (theme: Theme, place: number | null): string => (place === null ? theme.muted : theme.series[place % theme.series.length] ?? theme.accent);
export const curveDash = ({ place, dash }: Pick<Curve, 'place' | 'dash'>): (typeof dashes)[number]['plot'] => (place === null ? 'dot' : dashes[dash % dashes.length]?.plot ?? 'solid');

/** List items, one a curve. */
export function curveKeys(curves: readonly Curve[], theme: Theme): HTMLElement[] {
  return curves.map(({ label, place, dash }) => {
    const swatch = element('span', { class: 'swatch', 'aria-hidden': 'true' });
    swatch.style.borderTopColor = curveColour(theme, place);
    swatch.style.borderTopStyle = place === null ? 'dotted' : dashes[dash % dashes.length]?.css ?? 'solid';
    return element('li', {}, swatch, visible(label));
  });
}
