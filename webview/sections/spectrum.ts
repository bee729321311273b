/**
 * Eigenvalues on a logarithmic axis, with what decides the rank: tolerance, resolution, and the bracket when some values fall
 * below what the method can resolve. Shaded left of the rank is the image, right of it the kernel.
 */
import type { Data, Layout } from 'plotly.js-dist';
import { formatCount, formatNumber } from '../../src/protocol/format.ts';
import type { SpectrumSection } from '../../src/protocol/report.ts';
import { visible } from '../../src/protocol/untrustedText.ts';
import { t } from '../../src/protocol/words.ts';
import { button, element } from '../elements.ts';
import { axis, picture, Plot, plotText, type PlotFigure } from '../plot.ts';
import { parseView, storedView, type PlotView } from '../plotView.ts';
import type { Memory, SectionDrawing } from '../section.ts';
import { isClipped, partLabels, spectrumScale, valueText, type SpectrumScale } from '../spectrumScale.ts';
import type { Theme } from '../theme.ts';

type Shape = NonNullable<Layout['shapes']>[number];
type Annotation = NonNullable<Layout['annotations']>[number];

export function drawSpectrum(section: SpectrumSection, memory: Memory): SectionDrawing {
  const scale = spectrumScale(section);
  const reset = button(t('Reset zoom'), () => { void plot.show(null); moved(null); }, { class: 'quiet' });
  const moved = (view: PlotView | null): void => {
    reset.hidden = view === null;
    memory.remember(storedView(view));
  };
  const initial = parseView(memory.remembered);
  reset.hidden = initial === null;
  const plot = new Plot(`${visible(section.title)}. ${visible(section.meaning)}`, (theme, width, view) => figure(section, scale, theme, width, view), initial, moved);
  return {
    body: element('div', {}, plot.element),
    controls: [reset],
    draw: (theme) => plot.draw(theme),
    numbers: () => [['index', section.valueLabel], ...section.values.map((value, i) => [section.index[i] ?? i + 1, value])],
    picture: (theme, format) => picture(figure(section, scale, theme, 900, null), theme, 900, format),
    dispose: () => { plot.dispose(); },
  };
}

function figure(section: SpectrumSection, scale: SpectrumScale, theme: Theme, width: number, view: PlotView | null): PlotFigure {
  const home: PlotView = { x: [0.5, Math.max(section.dimension, 1) + 0.5], y: [Math.log10(scale.floor), Math.log10(scale.ceiling)] };
  const shown = view ?? home;
  return {
    home,
    height: width < 520 ? 300 : 380,
    data: traces(section, scale, theme),
    layout: {
      margin: { l: 64, r: 12, t: width < 520 ? 48 : 32, b: 46 },
      xaxis: axis(theme, t('Index'), { range: [...shown.x], showgrid: false, ...(home.x[1] < 20 && view === null ? { dtick: 1 } : {}) }),
      yaxis: axis(theme, section.valueLabel, { type: 'log', range: [...shown.y], nticks: 8 }),
      shapes: shapes(section, theme),
      annotations: annotations(section, scale, theme, width < 520),
    },
  };
}

function traces(section: SpectrumSection, scale: SpectrumScale, theme: Theme): Data[] {
  const points = section.values.map((value, i) => {
    const at = section.index[i] ?? i + 1;
    return { value, at, clipped: isClipped(value, scale), text: plotText(valueText(at, value, section.valueLabel, isClipped(value, scale))) };
  });
  const [above, below] = [points.filter((p) => !p.clipped), points.filter((p) => p.clipped)];
  const size = points.length > 1500 ? 3 : points.length > 200 ? 4 : points.length > 40 ? 6 : 8;
  const hovertemplate = '%{text}<extra></extra>';
  // Marks of values below the axis stand on it, whole.
  const justAbove = scale.floor * (scale.ceiling / scale.floor) ** 0.02;
  return [
    { type: 'scatter', mode: 'lines+markers', x: above.map((p) => p.at), y: above.map((p) => p.value), text: above.map((p) => p.text), hovertemplate, line: { color: theme.accent, width: 1 }, marker: { color: theme.accent, size } },
    {
      type: 'scatter', mode: 'markers', x: below.map((p) => p.at), y: below.map(() => justAbove), text: below.map((p) => p.text), hovertemplate,
      marker: { color: theme.warning, size: Math.max(size, 5), symbol: 'triangle-down', line: { width: 1, color: theme.background } },
    },
  ];
}

function shapes(section: SpectrumSection, theme: Theme): Shape[] {
  const boundary = section.rank + 0.5;
  const band = (x0: number, x1: number, fillcolor: string): Shape => ({ type: 'rect', xref: 'x', yref: 'paper', x0, x1, y0: 0, y1: 1, fillcolor, line: { width: 0 }, layer: 'below' });
  const across = (value: number, dash: 'dash' | 'dot'): Shape => ({ type: 'line', xref: 'paper', yref: 'y', x0: 0, x1: 1, y0: value, y1: value, line: { color: theme.muted, width: 1, dash }, layer: 'above' });
  const [low, high] = section.rankBracket;
  return [
    band(0.5, boundary, theme.tint),
    band(boundary, section.dimension + 0.5, theme.tintOther),
    ...(low === high ? [] : [band(low + 0.5, high + 0.5, theme.tintOther)]),
    { type: 'line', xref: 'x', yref: 'paper', x0: boundary, x1: boundary, y0: 0, y1: 1, line: { color: theme.line, width: 1 }, layer: 'above' },
    ...(section.tolerance > 0 ? [across(section.tolerance, 'dash')] : []),
    ...(section.resolution > 0 && section.resolution !== section.tolerance ? [across(section.resolution, 'dot')] : []),
  ];
}

/** Part names above the plot at its two ends; names of the lines inside, at the end where the image's eigenvalues are not. */
function annotations(section: SpectrumSection, scale: SpectrumScale, theme: Theme, narrow: boolean): Partial<Annotation>[] {
  const labels = partLabels(section);
  const font = { size: theme.font.size, color: theme.foreground };
  const part = (text: string, x: number, xanchor: 'left' | 'right'): Partial<Annotation> => ({ text, x, y: 1, xref: 'paper', yref: 'paper', xanchor, yanchor: 'bottom', yshift: narrow && xanchor === 'left' ? 22 : 4, showarrow: false, font });
  const right = section.rank < 0.6 * section.dimension;
  const line = (name: string, value: number, above: boolean): Partial<Annotation> => ({
    text: `${name} ${formatNumber(value, 3)}`, x: right ? 1 : 0, xref: 'paper', xanchor: right ? 'right' : 'left', xshift: right ? -4 : 4, y: Math.log10(value), yref: 'y', yanchor: above ? 'bottom' : 'top', showarrow: false, font: { ...font, size: theme.font.size - 1, color: theme.muted },
  });
  const { tolerance, resolution } = section;
  const drawn = (value: number): boolean => value > scale.floor;
  const lines = tolerance === resolution
    ? [{ name: t('tolerance = resolution'), value: tolerance, above: true }]
    : [{ name: t('tolerance'), value: tolerance, above: tolerance > resolution }, { name: t('resolution'), value: resolution, above: resolution > tolerance }];
  const clipped = section.values.filter((value) => isClipped(value, scale)).length;
  return [
    part(labels.image, 0, 'left'),
    ...(section.rank < section.dimension ? [part(labels.kernel, 1, 'right')] : []),
    ...lines.filter(({ value }) => drawn(value)).map(({ name, value, above }) => line(name, value, above)),
    // Room for these words is where nothing else is right of the rank.
    ...(clipped === 0 || clipped < section.values.length - section.rank ? [] : [{ text: t('{0} below the axis', formatCount(clipped)), x: 1, xref: 'paper' as const, xanchor: 'right' as const, xshift: -4, y: 0, yref: 'paper' as const, yanchor: 'bottom' as const, yshift: 14, showarrow: false, font: { size: theme.font.size - 1, color: theme.muted } }]),
  ];
}
