/** Invented reports with the shapes of real ones: a ring-shaped posterior, a ReLU network's spectrum, a language model's tensors, hostile names. */
import { gaussian, uniform } from './sampleNumbers.ts';
import type { BinAxis, DensityPanel, DensitySection, DifferencesSection, FieldsSection, HistogramSection, LinesSection, Report, Section, SpectrumSection, TableSection, TensorRow, TensorsSection, WaterfallSection } from '../../../src/protocol/report.ts';
import type { TensorDetail } from '../../../src/protocol/service.ts';
import { packDifferences, type DifferenceRow } from '../../../src/protocol/differenceTable.ts';
import { packTensors, tensorRows } from '../../../src/protocol/tensorTable.ts';

const report = (analysis: Report['analysis'], title: string, summary: string, sections: readonly Section[], more: Partial<Report> = {}): Report => ({
  analysis, title, summary, sections, sources: ['two-neurons/draws.npz'], warnings: [], result: { summary }, provenance: { version: '0.1.0', seed: 1, seconds: 3.214 }, ...more,
});

function panel(title: string, meaning: string, points: readonly (readonly [number, number])[], x: BinAxis, y: BinAxis): DensityPanel {
  const counts = Array<number>(x.bins * y.bins).fill(0);
  let outside = 0;
  for (const [px, py] of points) {
    const [ix, iy] = [Math.floor(((px - x.min) / (x.max - x.min)) * x.bins), Math.floor(((py - y.min) / (y.max - y.min)) * y.bins)];
    if (ix < 0 || iy < 0 || ix >= x.bins || iy >= y.bins) outside++;
    else counts[iy * x.bins + ix] = (counts[iy * x.bins + ix] ?? 0) + 1;
  }
  const shown = points.slice(0, 1500);
  return { title, meaning, x, y, counts, total: points.length, outside, sample: { x: shown.map(([px]) => px), y: shown.map(([, py]) => py) } };
}

/** Ten thousand two-unit networks whose output weights lie on a hyperbola-bounded ring. */
export function densitySection(networks = 10_000, bins = 160): DensitySection {
  const [normal, random] = [gaussian(7), uniform(8)];
  const original: [number, number][] = [];
  const scaled: [number, number][] = [];
  for (let i = 0; i < networks; i++) {
    const angle = 2 * Math.PI * random();
    const radius = 3.1 + 0.28 * normal() + 0.2 * Math.cos(4 * angle);
    original.push([radius * Math.cos(angle), radius * Math.sin(angle)]);
    const swap = random() < 0.5;
    const [a, b] = [2.4 + 0.16 * normal(), -2.1 + 0.2 * normal()];
    scaled.push(swap ? [b, a] : [a, b]);
  }
  const wide: BinAxis = { min: -5, max: 5, bins };
  const axis: BinAxis = { min: -4, max: 4, bins };
  return {
    kind: 'density', id: 'density', title: 'Output weights v1 and v2', meaning: 'Two output weights of every draw, before and after the copies are removed.', drawing: 'Select a region in one picture to find its draws in the others.', xLabel: 'v1', yLabel: 'v2',
    panels: [
      panel('Original posterior', 'Scaling orbits join equivalent weights into a ring; the mirror symmetry about v1 = v2 shows the 2! permutation copies.', original, wide, wide),
      panel('Scaling removed', 'With unit incoming weights every orbit is one point. The 2! permutation copies remain.', scaled, axis, axis),
      panel('Scaling and permutation removed', 'Sorting v1 ≥ v2 leaves one representative of each network.', scaled.map(([a, b]) => [Math.max(a, b), Math.min(a, b)] as const), axis, axis),
    ],
  };
}

export function spectrumSection(bracket: readonly [number, number] = [452, 452]): SpectrumSection {
  const normal = gaussian(3);
  const values = Array.from({ length: 484 }, (_, i) => (i < 452 ? 10 ** (1.8 - 7.5 * (i / 452) ** 1.6 + 0.02 * normal()) : i < 476 ? 10 ** (-15.4 + 0.3 * normal()) : i < 480 ? 0 : -(10 ** -16))).sort((a, b) => b - a);
  return {
    kind: 'spectrum', id: 'spectrum', title: 'Spectrum of the GGN', meaning: '452 of 484 directions change the function; the gap to the rest is nine decades wide.', valueLabel: 'eigenvalue',
    values, index: values.map((_, i) => i + 1), dimension: 484, rank: 452, rankBracket: bracket, tolerance: 6.8e-12, resolution: 2.2e-14,
  };
}

export const waterfallSection: WaterfallSection = {
  kind: 'waterfall', valueLabel: 'dimensions', id: 'kernel', title: 'What the kernel consists of', meaning: 'The 484 parameters, less every direction along which the function stays the same.',
  total: { label: 'parameters', value: 484, meaning: 'All weights and biases of the network.' },
  steps: [
    { label: 'data-limited', value: 3, meaning: 'Directions that more data would pin down.' },
    { label: 'hidden structural', value: 1, meaning: 'Constant for every input, and not explained by a known symmetry.' },
    { label: 'symmetry', value: 32, meaning: 'Scaling of 32 hidden ReLU units: one direction each.' },
  ],
  remainder: { label: 'rank', value: 448, meaning: 'Directions that change the function on these data.' },
};

function histogramSection(series: number): HistogramSection {
  const axis: BinAxis = { min: 0, max: 12, bins: 60 };
  return {
    kind: 'histogram', id: 'distances', title: 'Distances between draws', meaning: 'Removing symmetries brings draws together: the typical distance falls from 5.9 to 0.4.', xLabel: 'Euclidean distance', axis,
    series: ['original', 'scaling removed', 'scaling and permutation removed'].slice(0, series).map((label, s) => {
      const normal = gaussian(20 + s);
      const counts = Array<number>(axis.bins).fill(0);
      for (let i = 0; i < 5000; i++) {
        const bin = Math.floor((Math.abs([6, 3.2, 0.6][s]! + [1.6, 1.7, 0.4][s]! * normal()) / 12) * axis.bins);
        if (bin < axis.bins) counts[bin] = (counts[bin] ?? 0) + 1;
      }
      return { label, counts };
    }),
  };
}

const tableSection: TableSection = {
  kind: 'table', id: 'factors', title: 'Symmetry group', meaning: 'Every factor leaves the function as it is.',
  columns: [{ label: 'Layer', align: 'left' }, { label: 'Units', align: 'right' }, { label: 'Permutations', align: 'left' }, { label: 'Scaling', align: 'right' }, { label: 'Largest deviation', align: 'right' }],
  rows: [['layer2', 16, '10^13.32', 16, 3.2e-15], ['layer10', 4, '24', 4, 0.00012], ['layer1', 12345, '10^45000', 12345, null], ['=HYPERLINK("x")', 2, '2', 2, 1]],
};

export const hostileNames = [
  '<img src=x onerror="document.title=1">', '</script><script>document.title=1</script>', '<b>bold</b>.<i>it</i>', '__proto__', 'constructor.prototype', 'safe\u202egnp.exe', 'nul\u0000byte', 'esc\u001b[31mred', '', '.', '..a//b..',
  '=cmd|calc', 'a "quoted", name', "it's", 'zero\u200bwidth', '\u{1f600}.weight', 'line\nbreak', `${'deep.'.repeat(200)}weight`, 'x'.repeat(500), '&lt;entity&gt;', '%{x}', '$\\alpha$',
];

export function tensorsSection(layers: number, statistics: boolean, extra: readonly string[] = []): TensorsSection {
  const tensors: TensorRow[] = [];
  const normal = gaussian(11);
  const add = (name: string, shape: readonly number[], dtype = 'BF16'): void => {
    const elements = shape.reduce((a, b) => a * b, 1);
    const std = 0.02 * Math.exp(normal());
    tensors.push({
      name, dtype, shape, elements, bytes: elements * (dtype === 'F32' ? 4 : 2),
      ...(statistics ? { statistics: { count: elements, min: -5 * std, max: 5.2 * std, mean: std * 0.01 * normal(), standardDeviation: std, norm: std * Math.sqrt(elements), zeros: tensors.length % 7 === 0 ? 1234 : 0, nan: 0, infinite: tensors.length === 5 ? 3 : 0, quantiles: [-2.326, -1.645, -0.674, 0, 0.674, 1.645, 2.326].map((z) => z * std), histogram: Array.from({ length: 64 }, (_, i) => Math.round((elements / 16) * Math.exp(-0.5 * ((i - 31.5) / 6.3) ** 2))), resolution: std / 2048 } } : {}),
    });
  };
  add('model.embed_tokens.weight', [128_256, 4096]);
  for (let i = 0; i < layers; i++) {
    for (const projection of ['q', 'k', 'v', 'o']) add(`model.layers.${i}.self_attn.${projection}_proj.weight`, [projection === 'k' || projection === 'v' ? 1024 : 4096, 4096]);
    for (const projection of ['gate', 'up', 'down']) add(`model.layers.${i}.mlp.${projection}_proj.weight`, projection === 'down' ? [4096, 14_336] : [14_336, 4096]);
    add(`model.layers.${i}.input_layernorm.weight`, [4096], 'F32');
    add(`model.layers.${i}.post_attention_layernorm.weight`, [4096], 'F32');
  }
  add('model.norm.weight', [4096], 'F32');
  add('lm_head.weight', [128_256, 4096]);
  add('scale', [], 'F32');
  for (const name of extra) add(name, [3, 4], 'F32');
  return { kind: 'tensors', id: 'tensors', title: 'Tensors', meaning: 'Names are grouped by prefix; a group shows the sums of its tensors.', file: 'models/llama-like.safetensors', tensors: packTensors(tensors) };
}

const steps = (n: number, from: number, to: number): number[] => Array.from({ length: n }, (_, i) => from + ((to - from) * i) / (n - 1));

/** Three methods' predictive bands beside each other, over data with a gap. */
function bandsSection(): LinesSection {
  const x = steps(120, -4, 4);
  const normal = gaussian(5);
  const data = steps(24, -3.5, 3.5).filter((at) => Math.abs(at) > 1);
  const panel = (title: string, width: (at: number) => number): LinesSection['panels'][number] => ({
    title, meaning: 'Mean and 95 % band over inputs between and beyond the data.',
    series: [{ label: title, x, y: x.map((at) => Math.sin(at) * (title === 'sampled' ? 0.4 : 1)), band: { label: '95 % of predictions', lower: x.map((at) => Math.sin(at) - width(at)), upper: x.map((at) => Math.sin(at) + width(at)) } }],
    points: { label: 'training data', x: data, y: data.map((at) => Math.sin(at) + 0.1 * normal()) },
  });
  return {
    kind: 'lines', id: 'bands', title: 'Predictive bands', meaning: 'Sampled Laplace loses the data; linearised Laplace keeps them.', xLabel: 'x', yLabel: 'f(x)', xScale: 'linear', yScale: 'linear',
    panels: [panel('sampled', (at) => 1.2 + 0.1 * at * at), panel('linearised', (at) => 0.2 + 0.6 * Math.exp(-2 * at * at)), panel('projected', (at) => 0.2 + 0.4 * Math.exp(-2 * at * at))],
  };
}

const barrierSection: LinesSection = {
  kind: 'lines', id: 'barrier', title: 'Loss along the straight line', meaning: 'Aligned, the line between both networks stays flat.', xLabel: 'share of B', yLabel: 'loss', xScale: 'linear', yScale: 'log',
  panels: [{ title: '', meaning: '', series: [{ label: 'as stored', x: steps(21, 0, 1), y: steps(21, 0, 1).map((t) => 0.05 + 4 * t * (1 - t)) }, { label: 'aligned', x: steps(21, 0, 1), y: steps(21, 0, 1).map((t) => 0.05 + 0.1 * t * (1 - t)) }] }],
};

function fieldsSection(colours: FieldsSection['colours'], direction: 'up' | 'down'): FieldsSection {
  const bins = direction === 'up' ? 60 : 16;
  const values = Array.from({ length: bins * bins }, (_, i) => {
    const [a, b] = [((i % bins) / bins) * 4 - 2, (Math.floor(i / bins) / bins) * 4 - 2];
    return colours === 'diverging' ? Math.sin(3 * a) * b : (a * b - 1) ** 2 + 0.05;
  });
  const orbit = steps(60, 0.5, 2);
  const axes = direction === 'up' ? { min: -2, max: 2, bins } : { min: 0, max: bins, bins };
  return {
    kind: 'fields', id: `field-${colours}`, title: 'A plane through ŵ', meaning: 'The valley of equal functions bends; the ellipse of the Gaussian does not.', xLabel: 'image direction', yLabel: 'kernel direction', valueLabel: 'loss', colours,
    panels: [{ title: 'Loss', meaning: 'Colours are the loss on the training data.', x: axes, y: { ...axes, direction }, values, curves: direction === 'down' ? [] : [{ label: 'reparameterisations of ŵ', x: orbit, y: orbit.map((at) => 1 / at) }, { label: 'Gaussian, two standard deviations', x: steps(60, 0, 6.3).map((t) => 1 + 0.2 * Math.cos(t)), y: steps(60, 0, 6.3).map((t) => 1 + 0.9 * Math.sin(t)) }], points: direction === 'down' ? [] : [{ label: 'ŵ', x: [1], y: [1] }] }],
  };
}

function differencesSection(): DifferencesSection {
  const normal = gaussian(5);
  const rows = tensorRows(tensorsSection(12, false).tensors).map(({ name, dtype, shape, elements, bytes }, i): DifferenceRow => {
    const kind = { dtype, shape, elements, bytes };
    if (i % 31 === 3) return { name, change: 'added', after: kind };
    if (i % 31 === 9) return { name, change: 'reshaped', before: { ...kind, shape: [...shape].reverse() }, after: kind };
    if (name.includes('norm')) return { name, change: 'equal', before: kind, after: kind, distance: { norm: 3, l2: 0, relative: 0, largest: 0, cosine: 1, different: 0, incomparable: 0 } };
    const relative = 0.02 * Math.exp(normal());
    const norm = 0.02 * Math.sqrt(elements);
    return { name, change: 'changed', before: { ...kind, dtype: 'F32' }, after: kind, distance: { norm, l2: relative * norm, relative, largest: 5 * relative, cosine: 1 - relative ** 2 / 2, different: elements, incomparable: 0 } };
  });
  return { kind: 'differences', id: 'differences', title: 'Tensors', meaning: 'Relative is the Euclidean distance divided by the norm of the first file’s tensor. Tensors are matched by name: units in another order count as changed.', before: 'step-1000.safetensors', after: 'step-2000.safetensors', tensors: packDifferences(rows) };
}

export const diffReport = report('diff', 'step-2000.safetensors compared with step-1000.safetensors', '79 tensors changed, 4 added, 4 of another shape, 25 equal; the largest relative change is 0.31, in model.layers.7.mlp.up_proj.weight.', [
  { kind: 'figures', id: 'figures', title: 'At a glance', meaning: 'Distances are over all tensors that have the same name and shape in both.', figures: [{ label: 'Changed', value: '79', detail: 'of 104 compared' }, { label: 'Added', value: '4' }, { label: 'Removed', value: '0' }, { label: 'Distance', value: '12.3', detail: 'Euclidean' }, { label: 'Relative', value: '0.0241', detail: 'by the norm of the first' }] },
  differencesSection(),
], { sources: ['run/step-1000.safetensors', 'run/step-2000.safetensors'] });

export const posteriorReport = report('posterior', 'Posterior of 10,000 networks in draws.npz', 'Removing scaling and permutation copies leaves one mode: the median distance between draws falls from 5.9 to 0.4.', [
  { kind: 'figures', id: 'figures', title: 'At a glance', meaning: '', figures: [
    { label: 'Draws', value: '10,000', detail: '9 parameters each' }, { label: 'Copies by permutation', value: '2', detail: '2! orders of 2 units' }, { label: 'Scaling dimensions', value: '2' }, { label: 'Median distance', value: '5.9 → 0.4' }, { label: 'Function error', value: '4.4e-16', detail: 'largest, relative' }] },
  densitySection(), histogramSection(3), tableSection, barrierSection,
], { warnings: ['153 of 10,000 networks were left out: their last loss was above 0.01. Train longer to keep more.', 'One unit has no incoming weight and was left as it is.'] });

export const rankReport = report('rank', 'GGN rank and kernel of relu-8-16-16-4.safetensors', 'The GGN has rank 452 of 484: every one of its 32 kernel directions is a scaling symmetry.', [
  { kind: 'figures', id: 'figures', title: 'At a glance', meaning: '', figures: [{ label: 'Parameters', value: '484' }, { label: 'Rank', value: '452', detail: 'between 440 and 460' }, { label: 'Kernel', value: '32', detail: '6.61 % of all directions' }, { label: 'Log evidence', value: '-30.71' }] },
  spectrumSection([440, 460]), waterfallSection, { ...histogramSection(1), id: 'one' }, bandsSection(), fieldsSection('log', 'up'), fieldsSection('diverging', 'down'),
]);

export const inspectReport = (statistics: boolean, layers = 111): Report => report('inspect', 'llama-like.safetensors', '8.03 billion parameters in 1,003 tensors; no dense chain recognised.', [
  { kind: 'figures', id: 'figures', title: 'At a glance', meaning: '', figures: [{ label: 'Parameters', value: '8,030,261,248' }, { label: 'Size', value: '15 GiB', detail: 'safetensors, 4 shards' }, { label: 'Element types', value: 'BF16, F32' }] },
  tensorsSection(layers, statistics),
], { sources: ['models/llama-like.safetensors'], provenance: { version: '0.1.0', seed: null, seconds: 0.0123 } });

export const hostileReport = report('inspect', 'A file called </title><script>document.title=1</script>\u202e', 'Names are <b>text</b> & nothing else: \u2028\u2029.', [
  tensorsSection(0, true, hostileNames),
  { ...densitySection(500, 40), xLabel: '<a href="javascript:alert(1)">x</a>[0,1] &amp;', yLabel: '%{z} $\\alpha$ <b>y</b>' },
  { ...histogramSection(2), series: [{ label: '<i>one</i>', counts: Array<number>(60).fill(3) }, { label: 'two</script>', counts: Array<number>(60).fill(5) }] },
], { sources: ['../../<evil>.npz'], warnings: ['<img src=x onerror="document.title=1">'] });

/** A weight of 512 × 768 with a bright column and a dark corner, as the host describes it. */
export function tensorDetail(file: string, tensor: string): TensorDetail {
  const normal = gaussian(9);
  const cells = 256;
  const mean = Array.from({ length: cells * cells }, (_, i) => {
    const [row, column] = [Math.floor(i / cells), i % cells];
    return 0.02 * normal() + (column === 100 ? 0.08 : 0) - (row > 200 && column > 200 ? 0.03 : 0);
  });
  const spread = mean.map(() => 0.02 + 0.01 * Math.abs(normal()));
  const counts = Array.from({ length: 512 }, (_, i) => Math.round(9000 * Math.exp(-(((i - 250) / 60) ** 2) / 2)));
  return {
    file, tensor, dtype: 'F32', shape: [512, 768],
    statistics: { count: 393_216, min: -0.123456, max: 0.1345, mean: 0.000123, standardDeviation: 0.0214, norm: 13.4, zeros: 12, nan: 0, infinite: 0, quantiles: [-0.05, -0.035, -0.014, 0.0001, 0.0143, 0.0351, 0.0507], histogram: [1, 2, 1], resolution: 0 },
    histogram: { axis: { min: -0.123456, max: 0.1345, bins: 512 }, counts },
    heatMap: { slice: [], rows: 512, columns: 768, cellRows: cells, cellColumns: cells, mean, min: mean.map((x, i) => x - spread[i]!), max: mean.map((x, i) => x + spread[i]!), notFinite: [] },
  };
}
