/**
 * A weight file's summary as the Markdown of a hover and as the text of a tooltip. Names and metadata come from files, and so
 * from strangers: everything is escaped, and nothing here makes a link.
 */
import { formatBytes, formatCount, formatNumber, formatShape } from '../protocol/format.ts';
import type { ElementStatistics } from '../protocol/report.ts';
import type { TensorShape, WeightSummary } from '../protocol/service.ts';
import { visible } from '../protocol/untrustedText.ts';

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
    ...(shard === undefined ? [] : [`Shard ${shard.index} of ${shard.count} of ${escapeMarkdown(shard.model)}, which stands for the whole model`]),
    `${formatCount(summary.parameters)} parameters in ${countOf(summary.tensors, 'tensor')} (${summary.dtypes.map(escapeMarkdown).join(', ') || 'none'})`,
    ...(total === undefined ? [] : [statisticsMarkdown(total)]),
    ...(shard === undefined ? [networkMarkdown(summary)] : []),
  ];
  const table = summary.shapes.slice(0, SHOWN_TENSORS).map((tensor) =>
    `| ${escapeMarkdown(tensor.name)} | ${escapeMarkdown(tensor.dtype)} | ${formatShape(tensor.shape)} |`);
  if (table.length > 0) {
    const more = summary.tensors - table.length;
    lines.push(['| tensor | dtype | shape |', '|:--|:--|--:|', ...table].join('\n') + (more > 0 ? `\n\n…and ${countOf(more, 'more tensor')}` : ''));
  }
  return lines.join('\n\n');
}

/** "-1.2 to 1.3, mean 0.01, std 0.5, norm 12, 3 zeros, no NaN or ∞" */
function statisticsMarkdown({ min, max, mean, standardDeviation, norm, zeros, nan, infinite }: ElementStatistics): string {
  const bad = nan + infinite === 0 ? 'no NaN or ∞' : `**${formatCount(nan)} NaN, ${formatCount(infinite)} ∞**`;
  if (Number.isNaN(min)) return bad;
  const number = (x: number): string => escapeMarkdown(formatNumber(x, 3));
  return `${number(min)} to ${number(max)}, mean ${number(mean)}, std ${number(standardDeviation)}, norm ${number(norm)}, ${countOf(zeros, 'zero')}, ${bad}`;
}

function networkMarkdown({ network, holds }: WeightSummary): string {
  switch (network.kind) {
    case 'recognised':
      return `Network: ${escapeMarkdown(network.description)}  \nSymmetry: ${escapeMarkdown(network.symmetry)}`;
    case 'activation-needed':
      return `Network: ${escapeMarkdown(network.description)}  \nIts activation is not in the file; the first analysis asks for it.`;
    case 'unrecognised':
      return `Network not recognised: ${escapeMarkdown(network.reason)}${holds === 'tensorflow' ? '  \nIts predictions run on TensorFlow.js, forwards only.' : ''}`;
  }
}

/** @param where names the file, or says what the tensor is in it */
export function tensorMarkdown(tensor: TensorShape, where: string, statistics?: ElementStatistics): string {
  return [
    `**${escapeMarkdown(tensor.name)}** — ${escapeMarkdown(tensor.dtype)}, ${formatShape(tensor.shape)}, ${countOf(tensor.shape.reduce((product, axis) => product * axis, 1), 'element')}`,
    ...(statistics === undefined ? [] : [statisticsMarkdown(statistics)]),
    `in ${escapeMarkdown(where)}`,
  ].join('\n\n');
}

/** Plain text: tooltips of the Explorer render no Markdown. */
export function summaryTooltip(summary: WeightSummary): string {
  const { network, shard } = summary;
  const said = shard !== undefined ? `shard ${shard.index} of ${shard.count} of ${shard.model}` : network.kind === 'recognised' ? `${network.description}; ${network.symmetry}` : network.kind === 'activation-needed' ? network.description : '';
  const facts = `${summary.format}: ${formatCount(summary.parameters)} parameters in ${countOf(summary.tensors, 'tensor')}`;
  return visible(said === '' ? facts : `${facts} — ${said}`).slice(0, SHOWN);
}

function countOf(n: number, noun: string): string {
  return `${formatCount(n)} ${noun}${n === 1 ? '' : 's'}`;
}
