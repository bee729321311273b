/** A whole divided into parts that add up: bars that step down from the total to the remainder, each with its number and its reason. */
import type { Data, Layout } from 'plotly.js-dist';
import { formatCount, formatNumber } from '../../src/protocol/format.ts';
import type { WaterfallSection } from '../../src/protocol/report.ts';
import { visible } from '../../src/protocol/untrustedText.ts';
import { t } from '../../src/protocol/words.ts';
import { element } from '../elements.ts';
import { axis, picture, Plot, plotText, type PlotFigure } from '../plot.ts';
import type { SectionDrawing } from '../section.ts';
import type { Theme } from '../theme.ts';
import { waterfallBars, type WaterfallBar } from '../waterfallBars.ts';

export function drawWaterfall(section: WaterfallSection): SectionDrawing {
  const bars = waterfallBars(section);
  const spoken = bars.map((bar) => `${visible(bar.label)} ${formatCount(bar.value)}`).join(', ');
  const plot = new Plot(`${visible(section.title)}. ${visible(section.meaning)} ${spoken}.`, (theme, width) => figure(section, bars, theme, width), null, () => undefined);
  const explained = element('dl', { class: 'parts' }, ...bars.flatMap((bar) => [
    element('dt', {}, visible(bar.label)),
    element('dd', {}, visible(bar.meaning)),
  ]));
  return {
    body: element('div', {}, plot.element, explained),
    draw: (theme) => plot.draw(theme),
    numbers: () => [['part', 'value', 'share', 'meaning'], ...bars.map((bar) => [bar.label, bar.value, bar.share, bar.meaning])],
    picture: (theme, format) => picture(figure(section, bars, theme, 900), theme, 900, format),
    dispose: () => { plot.dispose(); },
  };
}

function figure({ valueLabel }: WaterfallSection, bars: readonly WaterfallBar[], theme: Theme, width: number): PlotFigure {
  const colour = { total: theme.line, step: theme.series[1] ?? theme.accent, remainder: theme.accent };
  const longest = bars.reduce((most, bar) => Math.max(most, bar.to), 0);
  const home = { x: [0, Math.max(longest, 1) * (width < 520 ? 1.3 : 1.12)], y: [bars.length - 0.4, -0.6] } as const;
  const data: Data[] = [{
    type: 'bar', orientation: 'h', width: 0.62,
    y: bars.map((_, i) => i), base: bars.map((bar) => bar.from), x: bars.map((bar) => bar.to - bar.from),
    marker: { color: bars.map((bar) => colour[bar.kind]), line: { width: theme.highContrast ? 1 : 0, color: theme.foreground } },
    hovertext: bars.map((bar) => `${plotText(visible(bar.label))}: ${formatCount(bar.value)}<br>${t('{0} % of the total', formatNumber(100 * bar.share, 3))}`), hoverinfo: 'text',
  }];
  const layout: Partial<Layout> = {
    margin: { l: 24, r: 12, t: 4, b: 46 },
    dragmode: false,
    xaxis: axis(theme, valueLabel, { range: [...home.x], fixedrange: true, nticks: 8, showline: false, ticks: '' }),
    yaxis: axis(theme, '', { range: [...home.y], fixedrange: true, tickmode: 'array', tickvals: bars.map((_, i) => i), ticktext: bars.map((bar) => plotText(visible(bar.label))), showgrid: false, showline: false, ticks: '', ticklabelstandoff: 8, tickfont: { color: theme.foreground, size: theme.font.size } }),
    // Dotted lines carry each bar's end down to where the next begins.
    shapes: bars.slice(1).map((bar, i) => {
      const x = bar.kind === 'remainder' ? bar.to : bar.kind === 'step' ? bar.to : 0;
      return { type: 'line', x0: x, x1: x, y0: i + 0.31, y1: i + 0.69, line: { color: theme.line, width: 1, dash: 'dot' } };
    }),
    annotations: bars.map((bar, i) => ({
      text: formatCount(bar.kind === 'step' ? -bar.value : bar.value), x: bar.to, y: i, xanchor: 'left', yanchor: 'middle', xshift: 4, showarrow: false, font: { color: theme.foreground, size: theme.font.size },
    })),
  };
  return { home, data, layout, height: 46 * bars.length + 56 };
}
