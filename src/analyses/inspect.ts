/**
 * What is in these weight files? Tensors with their statistics, the network they form, and the symmetries it has.
 */
import path from 'node:path';
import { blocksOf, type Network } from '../network/network.ts';
import { describeData } from '../network/data.ts';
import { readNetwork, type NetworkReading } from '../network/readNetwork.ts';
import { formatBytes, formatCount, formatCountOf, formatPowerOfTen } from '../protocol/format.ts';
import type { Figure, JsonValue, Report, Section, TensorRow } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { InspectRequest } from '../protocol/service.ts';
import { packTensors } from '../protocol/tensorTable.ts';
import { UserError } from '../protocol/userError.ts';
import { symmetryGroup, type SymmetryGroup } from '../symmetry/group.ts';
import { modelKind } from '../tensorflow/modelFile.ts';
import { isReal } from '../weights/dtype.ts';
import { gaussianWeights, type GaussianWeights } from '../weights/gaussianWeights.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import { stackedStateDicts } from '../weights/stackedStateDicts.ts';
import { StatisticsReader } from '../weights/statistics.ts';
import type { TensorInfo, WeightFile } from '../weights/weightFile.ts';
import { showName } from '../weights/weightFileError.ts';
import { elementsOf, tensorRole } from '../weights/weightTensors.ts';
import { summarizeNetwork } from './describe.ts';
import { layerRows } from './describeNetwork.ts';
import { storedFigure, storedForm, totalFigures, totalStatistics } from './fileTotals.ts';
import { symmetrySummary } from './symmetrySummary.ts';
import { startProvenance } from './provenance.ts';

export async function inspect(request: InspectRequest, context: JobContext): Promise<Report> {
  const provenance = startProvenance(null);
  const inspected: Inspected[] = [];
  for (const file of request.files) inspected.push(await inspectFile(file, request, context));
  const [first] = inspected;
  if (first === undefined) throw new UserError('inspect needs at least one weight file');
  const several = inspected.length > 1;
  return {
    analysis: 'inspect',
    title: several ? `${inspected.length} weight files` : path.basename(first.path),
    summary: several ? inspected.map((file) => `${showName(file.path)}: ${file.summary}`).join(' ') : first.summary,
    sources: request.files,
    sections: inspected.flatMap(({ path: file, sections }, index) => (several ? sections.map((section) => ({ ...section, id: `${section.id}-${index}`, title: `${showName(path.basename(file))}: ${section.title}` })) : sections)),
    warnings: inspected.flatMap((file) => (several ? file.warnings.map((warning) => `${showName(file.path)}: ${warning}`) : file.warnings)),
    result: { files: inspected.map(({ result }) => result) },
    provenance: provenance(),
  };
}

interface Inspected {
  readonly path: string;
  readonly summary: string;
  readonly sections: readonly Section[];
  readonly warnings: readonly string[];
  readonly result: JsonValue;
}

async function inspectFile(source: string, request: InspectRequest, context: JobContext): Promise<Inspected> {
  const file = await openWeightFile(source);
  try {
    const { reading, warnings, over } = await networkReading(file, request);
    const network = summarizeNetwork(reading, over);
    const rows = await tensorRows(file, request, context);
    const parameters = elementsOf(file, 'parameters');
    const optimizer = elementsOf(file, 'optimizer');
    const other = elementsOf(file, 'other');
    const total = totalStatistics(file, rows);
    const group = reading.kind === 'network' ? symmetryGroup(reading.network) : undefined;
    // A set of draws has as many answers as draws; the posterior's analysis gives them.
    const symmetry = request.statistics && reading.kind === 'network' && reading.leading.length === 0 && over === undefined && group !== undefined ? await symmetrySummary(file, reading.network, group, context) : undefined;
    const data = reading.kind === 'unrecognised' ? describeData(file) : undefined;
    const recognised = data !== undefined ? `Data, not weights: ${data}.` : { recognised: `A network ${network.kind === 'recognised' ? network.description : ''}.`, 'activation-needed': 'Layers whose activation the file does not tell.', unrecognised: 'Not recognised as a network.' }[network.kind];
    return {
      path: source,
      summary: `${file.format}, ${formatCountOf(file.tensors.length, 'tensor')}, ${formatCount(parameters)} ${data === undefined ? 'parameters' : 'numbers'}, ${formatBytes(file.fileBytes)}. ${recognised}`,
      sections: [
        {
          kind: 'figures',
          id: 'overview',
          title: 'Overview',
          meaning: data === undefined ? overviewMeaning(file, reading) : `${data}. Networks are analysed on them: with --data in a terminal; in VS Code, start from the file of a network and choose this one when it asks for data.`,
          figures: [
            { label: 'Format', value: file.format },
            { label: data === undefined ? 'Parameters' : 'Numbers', value: formatCount(parameters), detail: dtypeShares(file.tensors.filter(({ name }) => tensorRole(file, name) === 'parameters')) },
            ...(optimizer === 0 ? [] : [{ label: 'Optimiser state', value: formatCount(optimizer), detail: 'numbers that are no parameters' }]),
            ...(other === 0 ? [] : [{ label: 'Beside them', value: formatCount(other), detail: 'numbers that are no parameters' }]),
            ...storedFigure(rows),
            { label: 'Size', value: formatBytes(file.fileBytes) },
            ...totalFigures(total),
            ...networkFigures(reading, over),
          ],
        },
        ...(group === undefined ? [] : [symmetryFigures(group, symmetry?.figures ?? [])]),
        {
          kind: 'tensors',
          id: 'tensors',
          title: 'Tensors',
          meaning: request.statistics ? statisticsMeaning(rows) : 'From the header alone; no weight has been read.',
          file: source,
          tensors: packTensors(rows),
        },
        ...(group === undefined ? [] : [symmetrySection(group)]),
        ...(symmetry?.sections ?? []),
        ...(reading.kind === 'network' ? [layersSection(reading.network)] : []),
        ...metadataSection(file),
      ],
      warnings: [...file.warnings, ...warnings, ...(reading.kind === 'network' ? reading.assumptions : []), ...badValues(rows)],
      result: {
        path: source,
        format: file.format,
        bytes: file.fileBytes,
        parameters,
        ...(optimizer + other === 0 ? {} : { otherElements: optimizer + other }),
        ...(total === undefined ? {} : { statistics: { ...total } }),
        ...(request.brief === true ? {} : { tensors: rows.map(({ name, dtype, shape, elements, bytes, stored, statistics }) => ({ name, dtype, shape, elements, bytes, ...(stored === undefined ? {} : { stored: { ...stored } }), ...(statistics === undefined ? {} : { statistics: { ...statistics } }) })) }),
        metadata: { ...file.metadata },
        network: networkResult(reading),
        ...(data === undefined ? {} : { holds: 'data' }),
        symmetry: group === undefined ? null : { log10Copies: group.log10Copies, continuousDimensions: group.dimensions, factors: group.factors.map(({ kind, layerName, size, log10Copies, dimensions, sentence }) => ({ kind, layer: layerName, size, log10Copies, dimensions, sentence })), ...(symmetry === undefined ? {} : { units: symmetry.result }) },
      },
    };
  } finally {
    await file.close();
  }
}

/** A description that does not fit becomes a warning: the file itself can still be shown. */
async function networkReading(file: WeightFile, request: InspectRequest): Promise<{ reading: NetworkReading; warnings: string[]; over?: GaussianWeights['kind'] }> {
  try {
    const gaussian = gaussianWeights(file);
    if (gaussian === undefined) return { reading: await readNetwork(stackedStateDicts(file), request), warnings: [] };
    return { reading: await readNetwork(gaussian.mean, request), warnings: [gaussian.assumption], over: gaussian.kind };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { reading: { kind: 'unrecognised', reason: error.message }, warnings: [error.message] };
  }
}

async function tensorRows(file: WeightFile, { statistics }: InspectRequest, { signal, progress }: JobContext): Promise<TensorRow[]> {
  const rows: TensorRow[] = [];
  const reader = new StatisticsReader(file);
  const bytes = file.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  let bytesBefore = 0;
  for (const tensor of file.tensors) {
    const row = rowOf(tensor);
    if (statistics && isReal(tensor.dtype)) {
      const message = `Statistics of ${showName(tensor.name)}`;
      const report = (elements: number): void => { progress({ message, fraction: (bytesBefore + elements * (tensor.bytes / Math.max(1, tensor.elements))) / Math.max(1, bytes) }); };
      report(0);
      rows.push({ ...row, statistics: await reader.read(tensor.name, signal, report) });
    } else rows.push(row);
    bytesBefore += tensor.bytes;
  }
  return rows;
}

function rowOf(tensor: TensorInfo): TensorRow {
  const { name, dtype, shape, elements, bytes } = tensor;
  const stored = storedForm(tensor);
  return { name, dtype, shape, elements, bytes, ...(stored === undefined ? {} : { stored }) };
}

function statisticsMeaning(rows: readonly TensorRow[]): string {
  const inexact = rows.some(({ statistics }) => statistics !== undefined && statistics.resolution > 0);
  return `Statistics are of the finite elements; std is the population standard deviation.${inexact ? ' Quantiles of large tensors are known to the resolution that is given with them.' : ''}`;
}

function overviewMeaning(file: WeightFile, reading: NetworkReading): string {
  switch (reading.kind) {
    case 'network':
      return `Read as a network from ${showName(path.basename(reading.source))}.`;
    case 'activation-needed':
      return 'Give the activation between the layers to see symmetries, rank and canonical forms: --activation in a terminal, Choose Activation in VS Code.';
    case 'unrecognised':
      return `Not recognised as a network: ${reading.reason}.${modelKind(file) === undefined ? '' : ' Its predictions can be had all the same: predict runs it on TensorFlow.js, forwards only.'}`;
  }
}

function networkFigures(reading: NetworkReading, over: GaussianWeights['kind'] | undefined): Figure[] {
  const network = summarizeNetwork(reading, over);
  if (network.kind === 'unrecognised') return [];
  return [{ label: 'Network', value: network.description, ...(reading.kind === 'network' && reading.leading.length > 0 ? { detail: `${formatCount(reading.network.parameters)} parameters a draw` } : {}) }];
}

function symmetryFigures({ factors, log10Copies, dimensions }: SymmetryGroup, more: readonly Figure[]): Section {
  return {
    kind: 'figures',
    id: 'symmetry-summary',
    title: 'Symmetry',
    meaning: more.length > 0 ? '' : 'From the architecture alone. Dead and duplicate units, and whether the weights are in a canonical form, come with the statistics.',
    figures: [
      { label: 'Copies of a function', value: formatPowerOfTen(log10Copies), ...(log10Copies > 0 ? { detail: `by ${new Intl.ListFormat('en-GB').format((['permutation', 'sign'] as const).filter((kind) => factors.some((factor) => factor.kind === kind && factor.log10Copies > 0)))}` } : {}) },
      { label: 'Continuous dimensions', value: formatCount(dimensions), detail: 'along which nothing changes' },
      ...more,
    ],
  };
}

function symmetrySection({ factors, log10Copies, dimensions }: SymmetryGroup): Section {
  return {
    kind: 'table',
    id: 'symmetry',
    title: 'Where the symmetries are',
    meaning: factors.length === 0
      ? 'No hidden layer, so different weights are different functions.'
      : `Every weight vector shares its function with ${formatPowerOfTen(log10Copies)} discrete copies${dimensions > 0 ? `, each of which moves along ${formatCountOf(dimensions, 'continuous direction')}` : ''}.`,
    columns: [{ label: 'Factor', align: 'left' }, { label: 'Layer', align: 'left' }, { label: 'Units', align: 'right' }, { label: 'Copies', align: 'right' }, { label: 'Dimensions', align: 'right' }, { label: 'What it does', align: 'left' }],
    rows: factors.map((factor) => [factor.kind, factor.layerName, factor.size, formatPowerOfTen(factor.log10Copies), factor.dimensions, factor.sentence]),
  };
}

/** Rows shown; a network may have a million layers. */
const MOST_LAYERS = 2000;

function layersSection(network: Network): Section {
  const rows = layerRows(network, (node) => blocksOf(node).reduce((sum, { length, trainable }) => sum + (trainable ? length : 0), 0));
  return {
    kind: 'table',
    id: 'layers',
    title: 'Layers',
    meaning: `Shapes are of the value for one input, channels first${network.head === 'none' ? '' : `; the outputs are taken before the final ${network.head}`}${rows.length > MOST_LAYERS ? `; the first ${formatCount(MOST_LAYERS)} of ${formatCount(rows.length)}` : ''}.`,
    columns: [{ label: 'Layer', align: 'left' }, { label: 'Operation', align: 'left' }, { label: 'Value', align: 'left' }, { label: 'Parameters', align: 'right' }, { label: 'Takes', align: 'left' }],
    rows: rows.slice(0, MOST_LAYERS),
  };
}

function metadataSection({ metadata }: WeightFile): Section[] {
  const entries = Object.entries(metadata);
  if (entries.length === 0) return [];
  return [{ kind: 'table', id: 'metadata', title: 'Metadata', meaning: 'As the file has it.', columns: [{ label: 'Key', align: 'left' }, { label: 'Value', align: 'left' }], rows: entries.map(([key, value]) => [key, value.length > 2000 ? `${value.slice(0, 2000)}…` : value]) }];
}

function networkResult(reading: NetworkReading): JsonValue {
  const network = summarizeNetwork(reading);
  if (reading.kind !== 'network') return { ...network };
  const { nodes, blocks, head } = reading.network;
  return {
    ...network,
    draws: [...reading.leading],
    head,
    layers: nodes.map((node) => ({
      name: node.name, op: node.op, shape: [...node.shape], inputs: node.inputs.map((input) => nodes[input]?.name ?? ''), tensors: blocksOf(node).map(({ tensor }) => tensor),
      ...(node.op === 'activation' ? { activation: node.activation.name } : {}),
    })),
    blocks: blocks.map(({ tensor, offset, shape, trainable }) => ({ tensor, offset, shape: [...shape], trainable })),
  };
}

/** "F32", or "F32 90 %, I64 10 %" of the elements. */
function dtypeShares(tensors: readonly TensorInfo[]): string {
  const counts = new Map<string, number>();
  for (const { dtype, elements } of tensors) counts.set(dtype, (counts.get(dtype) ?? 0) + elements);
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (counts.size <= 1) return [...counts.keys()].join('');
  const shares = [...counts].sort((a, b) => b[1] - a[1]).map(([dtype, count]) => `${dtype} ${total === 0 ? 0 : Math.round((100 * count) / total)} %`);
  return [...shares.slice(0, 6), ...(shares.length > 6 ? [`${shares.length - 6} more types`] : [])].join(', ');
}

function badValues(rows: readonly TensorRow[]): string[] {
  return rows
    .filter(({ statistics }) => statistics !== undefined && statistics.nan + statistics.infinite > 0)
    .slice(0, 20)
    .map(({ name, statistics }) => `Tensor "${showName(name)}" holds ${formatCount(statistics?.nan ?? 0)} NaN and ${formatCount(statistics?.infinite ?? 0)} infinite values; a network with them has no curvature or canonical form.`);
}
