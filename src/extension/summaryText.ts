/**
 * A weight file's summary as the Markdown of a hover and as the text of a tooltip. Names and metadata come from files, and so
 * from strangers: everything is escaped, and nothing here makes a link.
 */
import { formatBytes, formatCount, formatNumber, formatShape } from '../protocol/format.ts';
import type { ElementStatistics } from '../protocol/report.ts';
import type { TensorShape, WeightSummary } from '../protocol/service.ts';
import { visible } from '../protocol/untrustedText.ts';
import { t } from '../protocol/words.ts';

/** The longest name or sentence from a file that is shown. */
const SHOWN = 300;
const SHOWN_TENSORS = 8;

/** Untrusted text as Markdown that renders as that text. */
export function escapeMarkdown(text: string): string {
  const shown = visible(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);
  // Every ASCII punctuation mark may be escaped (CommonMark 2.4), apart from those that HTML reads first.
  return shown.replace(/[!-/:-@[-`{-~]/g, (mark) => (mark === '&' ? '&amp;' : mark === '<' ? '&lt;' : mark === '>' ? '&gt;' : `\\${mark}`));
}

/** @param total of all elements, when an analysis has read them */
export function summaryMarkdown(summary: WeightSummary, name: string, total?: ElementStatistics): string {
  const { shard } = summary;
  const lines = [
    `**${escapeMarkdown(name)}** — ${escapeMarkdown(summary.format)}, ${formatBytes(summary.fileBytes)}`,
    ...(shard === undefined ? [] : [t('Shard {0} of {1} of {2}, which stands for the whole model', shard.index, shard.count, escapeMarkdown(shard.model))]),
    `${sizeOf(summary)} (${summary.dtypes.map(escapeMarkdown).join(', ') || t('none')})`,
    ...(total === undefined ? [] : [statisticsMarkdown(total)]),
    ...(shard === undefined ? [networkMarkdown(summary)] : []),
  ];
  const table = summary.shapes.slice(0, SHOWN_TENSORS).map((tensor) =>
    `| ${escapeMarkdown(tensor.name)} | ${escapeMarkdown(tensor.dtype)} | ${formatShape(tensor.shape)} |`);
  if (table.length > 0) {
    const more = summary.tensors - table.length;
    lines.push([`| ${t('tensor')} | ${t('dtype')} | ${t('shape')} |`, '|:--|:--|--:|', ...table].join('\n') + (more > 0 ? `\n\n${more === 1 ? t('…and 1 more tensor') : t('…and {0} more tensors', formatCount(more))}` : ''));
  }
  return lines.join('\n\n');
}

/** "-1.2 to 1.3, mean 0.01, standard deviation 0.5, norm 12, 3 zeros, no NaN or ∞" */
function statisticsMarkdown({ min, max, mean, standardDeviation, norm, zeros, nan, infinite }: ElementStatistics): string {
  const bad = nan + infinite === 0 ? t('no NaN or ∞') : `**${formatCount(nan)} NaN, ${formatCount(infinite)} ∞**`;
  if (Number.isNaN(min)) return bad;
  const number = (x: number): string => escapeMarkdown(formatNumber(x, 3));
  return t('{0} to {1}, mean {2}, standard deviation {3}, norm {4}, {5}, {6}', number(min), number(max), number(mean), number(standardDeviation), number(norm), zeros === 1 ? t('1 zero') : t('{0} zeros', formatCount(zeros)), bad);
}

function networkMarkdown({ network, holds }: WeightSummary): string {
  switch (network.kind) {
    case 'recognised':
      return `${t('Network: {0}', escapeMarkdown(network.description))}  \n${t('Symmetry: {0}', escapeMarkdown(network.symmetry))}`;
    case 'activation-needed':
      return `${t('Network: {0}', escapeMarkdown(network.description))}  \n${t('Its activation is not in the file; the first analysis asks for it.')}`;
    case 'unrecognised':
      return `${t('Network not recognised: {0}', escapeMarkdown(network.reason))}${holds === 'tensorflow' ? `  \n${t('Its predictions run on TensorFlow.js, forwards only.')}` : ''}`;
  }
}

/** @param where names the file, or says what the tensor is in it */
export function tensorMarkdown(tensor: TensorShape, where: string, statistics?: ElementStatistics): string {
  const elements = tensor.shape.reduce((product, axis) => product * axis, 1);
  return [
    `**${escapeMarkdown(tensor.name)}** — ${escapeMarkdown(tensor.dtype)}, ${formatShape(tensor.shape)}, ${elements === 1 ? t('1 element') : t('{0} elements', formatCount(elements))}`,
    ...(statistics === undefined ? [] : [statisticsMarkdown(statistics)]),
    t('in {0}', escapeMarkdown(where)),
  ].join('\n\n');
}

/** Plain text: tooltips of the Explorer render no Markdown. */
export function summaryTooltip(summary: WeightSummary): string {
  const { network, shard } = summary;
  const said = shard !== undefined ? t('shard {0} of {1} of {2}', shard.index, shard.count, shard.model) : network.kind === 'recognised' ? `${network.description}; ${network.symmetry}` : network.kind === 'activation-needed' ? network.description : '';
  const facts = `${summary.format}: ${sizeOf(summary)}`;
  return visible(said === '' ? facts : `${facts} — ${said}`).slice(0, SHOWN);
}

/** "1,234 parameters in 6 tensors" */
export function sizeOf({ parameters, tensors }: Pick<WeightSummary, 'parameters' | 'tensors'>): string {
  return tensors === 1 ? t('{0} parameters in 1 tensor', formatCount(parameters)) : t('{0} parameters in {1} tensors', formatCount(parameters), formatCount(tensors));
}
