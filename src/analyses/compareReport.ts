/** The report of `compare`: the verdict first, then how far the weights are apart and where. */
import path from 'node:path';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { JsonValue, Report } from '../protocol/report.ts';
import type { CompareRequest } from '../protocol/service.ts';
import { namesApart } from '../protocol/shownPaths.ts';
import { smallerInputsSentence } from '../symmetry/comparedInputs.ts';
import { symmetryGroup } from '../symmetry/group.ts';
import { showName } from '../weights/weightFileError.ts';
import type { Comparison } from './compare.ts';
import { describeNetwork } from './describeNetwork.ts';
import { lineResult, lineSections } from './linePictures.ts';

export function compareReport(request: CompareRequest, comparison: Comparison): Omit<Report, 'provenance'> {
  const { files, data } = request;
  const { network, distance, norm, classes, tensors, line, function: outputs, onData } = comparison;
  const barrier = barrierOf(comparison);
  const [a, b] = namesApart(files).map(showName) as [string, string];
  const inputs = onData ? `the inputs of ${showName(path.basename(data ?? ''))}${comparison.alike}` : 'generic inputs';
  const smaller = onData ? '' : smallerInputsSentence(network);
  const { removed, brought } = withoutCopies(comparison);
  const removedLabel = `${removed.charAt(0).toUpperCase()}${removed.slice(1)} removed`;
  const share = (value: number, of: number): string => (of === 0 ? '' : `${formatNumber((100 * value) / of, 2)} % of the norm`);
  return {
    analysis: 'compare',
    title: `Functions of ${a} and ${b}`,
    summary: `${verdictSentence(comparison)} On ${inputs} the outputs differ by at most ${formatNumber(outputs.relative, 2)} relative. The weights are ${formatNumber(distance.raw)} apart, ${formatNumber(distance.scaled)} with ${removed} removed, ${formatNumber(distance.aligned)} with units aligned.`,
    sources: [...files, ...(data === undefined ? [] : [data])],
    sections: [
      {
        kind: 'figures', id: 'verdict', title: 'Same function?',
        meaning: `Outputs are compared on ${inputs}; a difference counts when rounding cannot explain it. Distances are between all trainable weights: as they are; with ${brought}; with units in a common order as well.${barrier.raw === null ? '' : ' The loss barrier is how far the mean negative log-likelihood, in nats, rises between the two above the straight line from one to the other.'}${smaller === '' ? '' : ` ${smaller} One input of the network’s own size is compared as well.`}`,
        figures: [
          { label: 'Same function', value: { yes: 'yes', 'up-to-symmetry': 'up to symmetry', no: 'no' }[comparison.same.answer], detail: verdictDetail(comparison) },
          { label: 'Function distance', value: formatNumber(outputs.relative), detail: outputs.firstLayer === null ? 'largest relative difference of an output' : `first seen at layer ${outputs.firstLayer}` },
          { label: 'Distance', value: formatNumber(distance.raw), detail: share(distance.raw, norm.raw) },
          { label: removedLabel, value: formatNumber(distance.scaled), detail: share(distance.scaled, norm.scaled) },
          { label: 'Units aligned', value: formatNumber(distance.aligned), detail: share(distance.aligned, norm.scaled) },
          ...(barrier.raw === null ? [] : [{ label: 'Loss barrier', value: `${formatNumber(barrier.raw)} nats`, detail: barrier.aligned === null ? 'a data point' : `a data point; ${formatNumber(barrier.aligned)} when aligned` }]),
          { label: 'Network', value: describeNetwork(network), detail: `${formatCount(network.parameters)} parameters` },
        ],
      },
      ...(comparison.same.answer === 'yes' && comparison.same.reason === 'identical' ? [] : lineSections(network, [{ title: '', lines: [{ label: 'as stored', line: line.raw }, { label: `${removed} removed, units aligned`, line: line.aligned }] }], comparison.lines, { from: a, to: b, xLabel: `share of ${b}` })),
      {
        kind: 'table', id: 'classes', title: 'Units by layer',
        meaning: 'Units of a class move together wherever they occur; moved are those that stand at another place in the second network.',
        columns: [{ label: 'Layer', align: 'left' }, { label: 'Units', align: 'right' }, { label: 'Moved', align: 'right' }],
        rows: classes.map(({ layer, units, moved }) => [layer, units, moved]),
      },
      {
        kind: 'table', id: 'tensors', title: 'Distance by tensor',
        meaning: 'What is left in the last column no known symmetry explains.',
        columns: [{ label: 'Tensor', align: 'left' }, { label: 'As it is', align: 'right' }, { label: removedLabel, align: 'right' }, { label: 'Units aligned', align: 'right' }],
        rows: tensors.map(({ tensor, raw, scaled, aligned }) => [tensor, raw, scaled, aligned]),
      },
    ],
    warnings: [],
    result: resultOf(comparison),
  };
}

/** What is removed before units are aligned, of what this network has: in words for a label, and for a sentence. */
function withoutCopies({ network }: Comparison): { readonly removed: string; readonly brought: string } {
  const kinds = new Set(symmetryGroup(network).factors.map(({ kind }) => kind));
  const signed = kinds.has('sign') || kinds.has('general-linear');
  const scaled = [...kinds].some((kind) => kind !== 'sign' && kind !== 'permutation');
  if (signed && !scaled) return { removed: 'signs', brought: 'signs fixed' };
  return signed ? { removed: 'scales and signs', brought: `scales${kinds.has('general-linear') ? ' (and what may mix the units between two linear layers)' : ''} brought to the least mass and signs fixed` } : { removed: 'scales', brought: 'scales brought to the least mass' };
}

function verdictSentence({ same }: Comparison): string {
  switch (same.answer) {
    case 'no':
      return 'They compute different functions.';
    case 'up-to-symmetry':
      return 'They are one network up to symmetry: different weights, the same function.';
    case 'yes':
      return same.reason === 'identical' ? 'They are the same weights.' : 'They compute the same function there, for a reason beyond the symmetries that are known: units that do nothing, inputs that do not tell, or directions that no input sees.';
  }
}

function verdictDetail({ same, classes }: Comparison): string {
  if (same.answer === 'yes') return same.reason === 'identical' ? 'the same weights' : 'beyond the known symmetries';
  const moved = classes.filter((found) => found.moved > 0).length;
  return same.answer === 'no' ? 'outputs differ' : moved === 0 ? 'scales, signs, shifts or mixtures of linear units' : `units moved in ${formatCount(moved)} of ${formatCount(classes.length)} classes`;
}

/** Largest rise of the loss above the straight line between the losses, before and after; null without targets. */
function barrierOf({ line: { raw, aligned } }: Comparison): { readonly raw: number | null; readonly aligned: number | null } {
  return { raw: raw.barrier ?? null, aligned: aligned.barrier ?? null };
}

function resultOf(comparison: Comparison): JsonValue {
  const { same, distance, function: outputs, classes, tensors, line } = comparison;
  return {
    sameFunction: same.answer,
    ...(same.answer === 'yes' ? { reason: same.reason } : {}),
    distance: { ...distance },
    functionDistance: outputs.relative,
    firstLayer: outputs.firstLayer,
    barrier: barrierOf(comparison),
    line: { raw: lineResult(line.raw), aligned: lineResult(line.aligned) },
    classes: classes.map((found) => ({ ...found })),
    tensors: tensors.map((found) => ({ ...found })),
  };
}
