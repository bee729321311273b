/**
 * A weight file's summary as the Markdown of a hover and as the text of a tooltip. Names and metadata come from files, and so
 * from strangers: everything is escaped, and nothing here makes a link.
 */
import { formatBytes, formatCount, formatShape } from '../protocol/format.ts';
import type { WeightSummary } from '../protocol/service.ts';
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

export function summaryMarkdown(summary: WeightSummary, name: string): string {
  const lines = [
    `**${escapeMarkdown(name)}** — ${escapeMarkdown(summary.format)}, ${formatBytes(summary.fileBytes)}`,
    `${formatCount(summary.parameters)} parameters in ${countOf(summary.tensors, 'tensor')} (${summary.dtypes.map(escapeMarkdown).join(', ') || 'none'})`,
    networkMarkdown(summary),
  ];
  const table = summary.shapes.slice(0, SHOWN_TENSORS).map((tensor) =>
    `| ${escapeMarkdown(tensor.name)} | ${escapeMarkdown(tensor.dtype)} | ${formatShape(tensor.shape)} |`);
  if (table.length > 0) {
    const more = summary.tensors - table.length;
    lines.push(['| tensor | dtype | shape |', '|:--|:--|--:|', ...table].join('\n') + (more > 0 ? `\n\n…and ${countOf(more, 'more tensor')}` : ''));
  }
  return lines.join('\n\n');
}

function networkMarkdown({ network }: WeightSummary): string {
  switch (network.kind) {
    case 'recognised':
      return `Network: ${escapeMarkdown(network.description)}  \nSymmetry: ${escapeMarkdown(network.symmetry)}`;
    case 'activation-needed':
      return `Network: ${escapeMarkdown(network.description)}  \nIts activation is not in the file; the first analysis asks for it.`;
    case 'unrecognised':
      return `Network not recognised: ${escapeMarkdown(network.reason)}`;
  }
}

export function tensorMarkdown(tensor: WeightSummary['shapes'][number], shard: string): string {
  return `**${escapeMarkdown(tensor.name)}** — ${escapeMarkdown(tensor.dtype)}, ${formatShape(tensor.shape)}, `
    + `${countOf(tensor.shape.reduce((product, axis) => product * axis, 1), 'element')}\n\nin ${escapeMarkdown(shard)}`;
}

/** Plain text: tooltips of the Explorer render no Markdown. */
export function summaryTooltip(summary: WeightSummary): string {
  const { network } = summary;
  const said = network.kind === 'recognised' ? `${network.description}; ${network.symmetry}` : network.kind === 'activation-needed' ? network.description : '';
  const facts = `${summary.format}: ${formatCount(summary.parameters)} parameters in ${countOf(summary.tensors, 'tensor')}`;
  return visible(said === '' ? facts : `${facts} — ${said}`).slice(0, SHOWN);
}

function countOf(n: number, noun: string): string {
  return `${formatCount(n)} ${noun}${n === 1 ? '' : 's'}`;
}
