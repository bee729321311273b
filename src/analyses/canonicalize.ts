/**
 * Writes the canonical representative of each network: same tensor names, shapes and dtypes, same function. Nothing is written
 * when the function changed, and every file is read back before it gets its name.
 */
import path from 'node:path';
import { readData, requireInputWidth, type DataSet } from '../network/data.ts';
import type { Network } from '../network/network.ts';
import { readState } from '../network/parameters.ts';
import { requireNetwork } from '../network/readNetwork.ts';
import { formatCount, formatCountOf, formatNumber } from '../protocol/format.ts';
import type { JsonValue, Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { CanonicalizeRequest } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import type { AppliedFactor, CanonicalForm } from '../symmetry/canonicalForm.ts';
import { dataProbes, genericProbes, probedInputs } from '../symmetry/comparedInputs.ts';
import type { FunctionDistance } from '../symmetry/functionDistance.ts';
import { dividedForm } from '../symmetry/leastMass.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import type { WeightFile } from '../weights/weightFile.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import { describeNetwork } from './describeNetwork.ts';
import { intoOutput, outputFiles } from './outputFiles.ts';
import { startProvenance } from './provenance.ts';
import { coarsestEpsilon, optimizerWarning, saveMovedNetwork } from './savedNetwork.ts';
import { countedAlike } from './targets.ts';

export async function canonicalize(request: CanonicalizeRequest, context: JobContext): Promise<Report> {
  const provenance = startProvenance(request.seed);
  if (request.files.length === 0) throw new UserError('canonicalize needs at least one weight file');
  const targets = outputFiles(request.files, request.out, 'canonical');
  const data = request.data === undefined ? undefined : await readData(request.data);
  // One that is no network stops the job before the first is written, not in its middle.
  for (const from of request.files) {
    const { file, network } = await openOneNetwork(from, request);
    await file.close();
    if (data !== undefined) requireInputWidth(data, network.inputs);
  }
  const done: CanonicalizedFile[] = [];
  await intoOutput(targets, request.out, request.overwrite, async () => {
    for (const [index, file] of request.files.entries()) {
      context.progress({ message: `Canonical form of ${showName(file)}`, fraction: index / request.files.length });
      context.signal.throwIfAborted();
      done.push(await canonicalizeFile(file, targets[index]!, data, request, context).catch((error: unknown) => {
        // Damage that shows only where the values are.
        throw error instanceof UserError && index > 0 ? new UserError(`${error.message}; the ${index === 1 ? 'one' : formatCount(index)} before it ${index === 1 ? 'is' : 'are'} written`) : error;
      }));
    }
  });
  const removed = [...new Set(done.flatMap(({ form }) => form.factors.map(({ kind }) => kind)))].join(', ');
  return {
    analysis: 'canonicalize',
    title: done.length === 1 ? `Canonical form of ${path.basename(request.files[0]!)}` : `Canonical form of ${done.length} networks`,
    summary: `Written ${done.length === 1 ? `to ${showName(done[0]!.out)}` : `${done.length} files`} (${removed === '' ? 'nothing to remove' : `${removed} removed`}); the function is the same within ${formatNumber(Math.max(...done.map(({ distance }) => distance.relative)), 2)} relative.`,
    sources: request.files,
    sections: [
      {
        kind: 'table',
        id: 'files',
        title: 'Files',
        meaning: `Mass is the sum of squared weights without biases; the balanced form makes it least, the unit form fixes the norms of the rows instead and may raise it. The function error is the largest difference of the outputs, relative to their size, between the file read and the file written, on ${request.data === undefined ? `${Math.min(...done.map(({ inputs }) => inputs))} generic inputs` : `inputs of ${showName(request.data)}${countedAlike(data)}`}.`,
        columns: [
          { label: 'From', align: 'left' }, { label: 'To', align: 'left' }, { label: 'Network', align: 'left' },
          { label: 'Mass before', align: 'right' }, { label: 'Mass after', align: 'right' }, { label: 'Function error', align: 'right' },
        ],
        rows: done.map(({ from, out, network, form, distance }) => [path.basename(from), path.basename(out), describeNetwork(network), form.massBefore.weights, form.massAfter.weights, distance.relative]),
      },
      {
        kind: 'table',
        id: 'factors',
        title: 'What was removed',
        meaning: 'Per hidden layer, in the order in which it was done.',
        columns: [{ label: 'File', align: 'left' }, { label: 'Factor', align: 'left' }, { label: 'Layer', align: 'left' }, { label: 'Units', align: 'right' }, { label: 'Done', align: 'left' }],
        rows: done.flatMap(({ from, form }) => form.factors.map((factor) => [path.basename(from), factor.kind, factor.layer, factor.units, factorText(factor)])),
      },
    ],
    warnings: done.flatMap(({ from, form, optimizer }) => [...(optimizer ? [optimizerWarning(from)] : []), ...formWarnings(from, form)]),
    result: { files: done.map(fileResult) },
    provenance: provenance(),
  };
}

interface CanonicalizedFile {
  readonly from: string;
  readonly out: string;
  readonly network: Network;
  /** Inputs on which the functions were compared. */
  readonly inputs: number;
  /** Whether the file holds an optimiser's state as well. */
  readonly optimizer: boolean;
  readonly form: CanonicalForm;
  /** Between the file read and the file written. */
  readonly distance: FunctionDistance;
}

/** The caller closes the file. @throws WeightFileError when it does not hold one network */
async function openOneNetwork(from: string, request: CanonicalizeRequest): Promise<{ readonly file: WeightFile; readonly network: Network }> {
  const file = await openWeightFile(from);
  try {
    const { network, leading } = await requireNetwork(file, request);
    if (leading.length > 0) throw new WeightFileError(from, '', `holds ${leading.join(' × ')} draws; canonicalize takes one network a file, posterior takes sets of draws`);
    return { file, network };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function canonicalizeFile(from: string, out: string, data: DataSet | undefined, request: CanonicalizeRequest, context: JobContext): Promise<CanonicalizedFile> {
  const { file, network } = await openOneNetwork(from, request);
  try {
    const before = await readState(file, network);
    const form = await dividedForm(network, before, { ...request, tieTolerance: Math.max(1e-10, 16 * coarsestEpsilon(file, network)) }, context.signal);
    const probes = data === undefined ? genericProbes(network, request.seed) : dataProbes(network, data.x);
    context.signal.throwIfAborted();
    const distance = await saveMovedNetwork({ file, network, before, after: form.state, what: 'the canonical form', probes }, out, request.overwrite, context);
    return { from, out, network, optimizer: (file.optimizerPrefixes?.length ?? 0) > 0, form, distance, inputs: probedInputs(probes) };
  } finally {
    await file.close();
  }
}

function factorText(factor: AppliedFactor): string {
  switch (factor.kind) {
    case 'shift':
      return factor.form === 'zero' ? 'biases brought to zero, made up for in the normalisation, the next linear layers, or the other operand of the sum' : 'means over the channels brought to zero';
    case 'scaling':
      return factor.form === 'unit' ? 'incoming weights and bias of every unit brought to norm 1' : `least mass, converged to ${formatNumber(factor.residual)} in ${formatCount(factor.sweeps)} sweeps`;
    case 'general-linear':
      return 'units mixed into the factorisation of least mass';
    case 'sign':
      return `${formatCount(factor.flipped)} units flipped`;
    case 'permutation':
      return `new order ${factor.order.slice(0, 20).join(', ')}${factor.order.length > 20 ? ', …' : ''}`;
  }
}

function formWarnings(from: string, { leftUnits, linearLayers, factors }: CanonicalForm): string[] {
  const warnings: string[] = [];
  const constant = leftUnits.filter(({ reason }) => reason === 'zero-incoming');
  const silent = leftUnits.filter(({ reason }) => reason === 'zero-outgoing');
  const names = (units: typeof leftUnits): string => units.slice(0, 10).map(({ layer, unit }) => `${showName(layer)}[${unit}]`).join(', ') + (units.length > 10 ? ', …' : '');
  if (constant.length > 0) warnings.push(`${showName(from)}: ${formatCountOf(constant.length, 'unit')} without incoming weights, constant (${names(constant)}): the scale is left as it is there, and pruning changes nothing but a bias.`);
  if (silent.length > 0) warnings.push(`${showName(from)}: ${formatCountOf(silent.length, 'unit')} without outgoing weights (${names(silent)}): no scaling makes the mass least, so that the scale is left as it is there; pruning changes nothing.`);
  const residual = factors.reduce((most, factor) => (factor.kind === 'scaling' && factor.form === 'balanced' ? Math.max(most, factor.residual) : most), 0);
  if (residual > 1e-10) warnings.push(`${showName(from)}: no scaling makes the mass least, because some units feed only one another; it was brought down until incoming and outgoing norms agreed within ${formatNumber(residual)}.`);
  if (linearLayers.length > 0) warnings.push(`${showName(from)}: between the linear layers ${linearLayers.map(showName).join(', ')} a whole linear group acts; only its scalings, shifts, signs and permutations are removed (the rest where scaling, signs and order all are, and the layers have as many directions as units).`);
  return warnings;
}

function fileResult({ from, out, form, distance }: CanonicalizedFile): JsonValue {
  return {
    in: from,
    out,
    massBefore: form.massBefore.weights,
    massAfter: form.massAfter.weights,
    massWithBiasesBefore: form.massBefore.withBiases,
    massWithBiasesAfter: form.massAfter.withBiases,
    functionError: distance.relative,
    factors: form.factors.map((factor) => ({ ...factor })),
    leftUnits: form.leftUnits.map((unit) => ({ ...unit })),
  };
}
