/**
 * Writes the canonical representative of each network: same tensor names, shapes and dtypes, same function. Nothing is written
 * when the function changed, and every file is read back before it gets its name.
 */
import path from 'node:path';
import { mkdir } from 'node:fs/promises';
import { chainNetwork, type DenseChain } from '../network/denseChain.ts';
import { parameterBlocks, readParameters, tensorValues } from '../network/chainParameters.ts';
import { requireChain } from '../network/readNetwork.ts';
import { writeDescription } from '../network/writeDescription.ts';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { JsonValue, Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { CanonicalizeRequest } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { canonicalForm, type AppliedFactor, type CanonicalForm } from '../symmetry/canonicalForm.ts';
import { functionChanged, functionDistance, genericInputs, type FunctionDistance } from '../symmetry/functionDistance.ts';
import { decodeElements, encodeElements, isReal, machineEpsilon, type RealDtype } from '../weights/dtype.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import { writeSafetensors, type TensorToWrite } from '../weights/safetensorsWriter.ts';
import type { WeightFile } from '../weights/weightFile.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import { describeChain } from './describe.ts';
import { startProvenance } from './provenance.ts';

const COMPARED_INPUTS = 96;

export async function canonicalize(request: CanonicalizeRequest, context: JobContext): Promise<Report> {
  const provenance = startProvenance(request.seed);
  const targets = outputPaths(request);
  const done: CanonicalizedFile[] = [];
  if ('folder' in request.out) await mkdir(request.out.folder, { recursive: true });
  for (const [index, file] of request.files.entries()) {
    context.progress({ message: `Canonical form of ${showName(file)}`, fraction: index / request.files.length });
    context.signal.throwIfAborted();
    done.push(await canonicalizeFile(file, targets[index]!, request, context));
  }
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
        meaning: `Mass is the sum of squared weights without biases; the balanced form makes it least, the unit form fixes the norms of the rows instead and may raise it. The function error is the largest difference of the outputs, relative to their size, between the file read and the file written, on ${COMPARED_INPUTS} generic inputs.`,
        columns: [
          { label: 'From', align: 'left' }, { label: 'To', align: 'left' }, { label: 'Network', align: 'left' },
          { label: 'Mass before', align: 'right' }, { label: 'Mass after', align: 'right' }, { label: 'Function error', align: 'right' },
        ],
        rows: done.map(({ from, out, chain, form, distance }) => [path.basename(from), path.basename(out), describeChain(chain), form.massBefore.weights, form.massAfter.weights, distance.relative]),
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
    warnings: done.flatMap(({ from, form }) => formWarnings(from, form)),
    result: { files: done.map(fileResult) },
    provenance: provenance(),
  };
}

interface CanonicalizedFile {
  readonly from: string;
  readonly out: string;
  readonly chain: DenseChain;
  readonly form: CanonicalForm;
  /** Between the file read and the file written. */
  readonly distance: FunctionDistance;
}

async function canonicalizeFile(from: string, out: string, request: CanonicalizeRequest, context: JobContext): Promise<CanonicalizedFile> {
  const file = await openWeightFile(from);
  try {
    const { chain, network, leading } = await requireChain(file, request);
    if (leading.length > 0) throw new WeightFileError(from, '', `holds ${leading.join(' × ')} draws; canonicalize takes one network a file, posterior takes sets of draws`);
    const theta = await readParameters(file, chain);
    const precision = coarsestEpsilon(file, chain);
    const form = canonicalForm(chain, theta, { ...request, tieTolerance: Math.max(1e-10, 16 * precision) });
    const inputs = genericInputs(chain.inputs, COMPARED_INPUTS, request.seed);
    const exact = functionDistance(chainNetwork(chain), theta, form.theta, inputs);
    if (functionChanged(exact)) throw new WeightFileError(from, '', refusal(exact));

    const tensors = await tensorsToWrite(file, chain, form.theta);
    let distance = exact;
    await writeSafetensors(out, tensors, { ...file.metadata, 'quotient.network': writeDescription(network) }, {
      overwrite: request.overwrite,
      signal: context.signal,
      async verify(temporary) {
        distance = functionDistance(chainNetwork(chain), theta, await readBack(temporary, chain, tensors), inputs);
        // Weights rounded to the file's own dtype move the outputs by that much more than float64 rounding does.
        const allowed = { ...distance, rounding: distance.rounding * (precision / machineEpsilon.F64) };
        if (functionChanged(allowed)) throw new WeightFileError(from, '', refusal(distance));
      },
    });
    return { from, out, chain, form, distance };
  } finally {
    await file.close();
  }
}

function refusal({ relative, firstLayer }: FunctionDistance): string {
  return `the canonical form would compute another function (relative difference ${formatNumber(relative)}${firstLayer === null ? '' : `, first seen at layer "${showName(firstLayer)}"`}), so nothing was written`;
}

/** The network's tensors in canonical form and everything else as it is, in file order, each in its own dtype. */
async function tensorsToWrite(file: WeightFile, chain: DenseChain, theta: Float64Array): Promise<TensorToWrite[]> {
  const blocks = new Map(parameterBlocks(chain).map((block) => [block.reference.tensor, block]));
  const tensors: TensorToWrite[] = [];
  for (const { name, dtype, shape } of file.tensors) {
    if (!isReal(dtype)) throw new WeightFileError(file.path, `tensor "${showName(name)}"`, `is ${dtype}, which holds no real numbers and cannot be copied`);
    const block = blocks.get(name);
    const values = block === undefined ? await file.read(name) : tensorValues(theta, block);
    const bytes = encodeElements(dtype, values);
    if (block !== undefined) requireInRange(file, name, dtype, values, bytes);
    tensors.push({ name, dtype, shape, bytes });
  }
  return tensors;
}

function requireInRange(file: WeightFile, name: string, dtype: RealDtype, values: Float64Array, bytes: Uint8Array): void {
  const lost = decodeElements(dtype, bytes).findIndex((value) => !Number.isFinite(value));
  if (lost >= 0) throw new WeightFileError(file.path, `tensor "${showName(name)}"`, `${formatNumber(values[lost]!)} is out of the range of ${dtype}; leave the scaling as it is, or save the weights as F32 first`);
}

async function readBack(temporary: string, chain: DenseChain, written: readonly TensorToWrite[]): Promise<Float64Array> {
  const file = await openWeightFile(temporary);
  try {
    for (const { name, dtype, shape } of written) {
      const found = file.tensor(name);
      if (found?.dtype !== dtype || found.shape.join() !== shape.join()) throw new Error(`tensor ${name} was not written as asked`);
    }
    return await readParameters(file, chain);
  } finally {
    await file.close();
  }
}

function coarsestEpsilon(file: WeightFile, chain: DenseChain): number {
  return Math.max(
    ...parameterBlocks(chain).map(({ reference }) => {
      const dtype = file.tensor(reference.tensor)?.dtype ?? 'F64';
      const epsilon = isReal(dtype) ? machineEpsilon[dtype] : 0;
      if (epsilon === 0) throw new WeightFileError(file.path, `tensor "${showName(reference.tensor)}"`, `is ${dtype}; weights of a network that is rescaled must be floating-point numbers`);
      return epsilon;
    }),
  );
}

/** `DIR/NAME.canonical.safetensors` for each file. @throws UserError when two would get the same name */
function outputPaths({ files, out }: CanonicalizeRequest): string[] {
  if (files.length === 0) throw new UserError('canonicalize needs at least one weight file');
  if ('file' in out) {
    if (files.length > 1) throw new UserError('several networks need a folder for their results, not one file');
    return [out.file];
  }
  const names = files.map((file) => `${path.basename(file).replace(/(\.safetensors\.index\.json|\.[^.]+)$/, '')}.canonical.safetensors`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new UserError(`two of the files would both be written to ${path.join(out.folder, twice)}; give them to separate folders`);
  return names.map((name) => path.join(out.folder, name));
}

function factorText(factor: AppliedFactor): string {
  switch (factor.kind) {
    case 'scaling':
      return factor.form === 'unit' ? 'incoming weights and bias of every unit brought to norm 1' : `least mass, converged to ${formatNumber(factor.residual)} in ${formatCount(factor.sweeps)} sweeps`;
    case 'sign':
      return `${formatCount(factor.flipped)} units flipped`;
    case 'permutation':
      return `new order ${factor.order.slice(0, 20).join(', ')}${factor.order.length > 20 ? ', …' : ''}`;
  }
}

function formWarnings(from: string, { leftUnits, linearLayers }: CanonicalForm): string[] {
  const warnings: string[] = [];
  const constant = leftUnits.filter(({ reason }) => reason === 'zero-incoming');
  const silent = leftUnits.filter(({ reason }) => reason === 'zero-outgoing');
  const names = (units: typeof leftUnits): string => units.slice(0, 10).map(({ layer, unit }) => `${showName(layer)}[${unit}]`).join(', ') + (units.length > 10 ? ', …' : '');
  if (constant.length > 0) warnings.push(`${showName(from)}: ${formatCount(constant.length)} units have no incoming weight and are constant (${names(constant)}); their scale is left as it is, and they can be pruned.`);
  if (silent.length > 0) warnings.push(`${showName(from)}: ${formatCount(silent.length)} units have no outgoing weight (${names(silent)}); no scaling makes their mass least, so their scale is left as it is, and they can be pruned.`);
  if (linearLayers.length > 0) warnings.push(`${showName(from)}: between the linear layers ${linearLayers.map(showName).join(', ')} a whole linear group acts; only its scalings, signs and permutations are removed.`);
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
