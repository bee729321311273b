/**
 * ONNX models (`onnx/onnx.proto`, and `docs/ExternalData.md` of the ONNX project): initializers as tensors, the graph as plain data. Opening walks
 * over the file once without reading elements. External data are opened only within the model's own folder.
 */
import { ByteCursor } from './byteCursor.ts';
import type { ByteSource } from './byteSource.ts';
import { openNamed, problemOfName } from './folderTree.ts';
import { readGraph, type GraphReading, type OnnxGraph, type OnnxValue } from './onnxGraph.ts';
import type { OnnxTensor, OnnxTensorReading } from './onnxTensor.ts';
import { bytesField, integerField, readPair, readText, visitMessage, type ProtoField } from './protobuf.ts';
import { plainElements, readStoredElements } from './storedElements.ts';
import { VarintElements } from './varintElements.ts';
import type { PlainElements, TensorInfo, WeightFile } from './weightFile.ts';
import { showName, WeightFileError } from './weightFileError.ts';
import { formatCountOf } from '../protocol/format.ts';

// Warnings about single tensors; the rest is counted.
const MOST_WARNINGS = 20;

export interface OnnxFile extends WeightFile {
  /**
   * Its tensors are read by their names, as initializers are: also the constants that `tensors` does not list, shapes and indices for instance.
   */
  readonly graph: OnnxGraph;
}

/** @throws WeightFileError naming the byte or the tensor; `source` is then left to the caller */
export async function openOnnx(source: ByteSource): Promise<OnnxFile> {
  const { path } = source;
  const model = await readModel(source);
  const external = new Map<string, ByteSource>();
  const close = async (): Promise<void> => {
    for (const opened of external.values()) await opened.close();
  };
  const readable = new Map<string, Readable>();
  try {
    for (const tensor of [...model.initializers.values(), ...model.constants.values()]) readable.set(tensor.info.name, await locate(source, tensor, external));
  } catch (error) {
    await close();
    throw error;
  }
  const listed = [...model.initializers.values(), ...[...model.constants.values()].filter(isWeight)].map(({ info }) => info);
  return {
    path,
    format: external.size === 0 ? 'ONNX' : `ONNX, ${formatCountOf(external.size, 'file')} of external data`,
    fileBytes: [...external.values()].reduce((sum, { size }) => sum + size, source.size),
    tensors: listed,
    metadata: model.metadata,
    warnings: model.warnings,
    graph: model.graph,
    tensor: (name) => readable.get(name)?.info,
    async read(name, start = 0, end) {
      const tensor = readable.get(name);
      if (tensor === undefined) throw new WeightFileError(path, `tensor "${showName(name)}"`, 'is not in the file');
      return tensor.read(start, end ?? tensor.info.elements);
    },
    plain: (name) => readable.get(name)?.plain,
    async close() {
      await close();
      await source.close();
    },
  };
}

/** Some exporters write weights as `Constant` nodes; shapes and indices are of whole numbers or scalars. */
function isWeight({ info }: OnnxTensor): boolean {
  return info.shape.length > 0 && /^B?F/.test(info.dtype);
}

interface Readable {
  readonly info: TensorInfo;
  read(start: number, end: number): Promise<Float64Array>;
  readonly plain?: PlainElements | undefined;
}

async function locate(source: ByteSource, { info, data }: OnnxTensor, external: Map<string, ByteSource>): Promise<Readable> {
  switch (data.kind) {
    case 'bytes': return { info, read: (start, end) => readStoredElements(source, info, data.start, start, end), plain: plainElements(source, info, data.start) };
    case 'none': return { info, read: (start, end) => readStoredElements(source, info, 0, start, end) };
    case 'varints': {
      const elements = new VarintElements(source, info, data.start, data.start + data.length);
      return { info, read: (start, end) => elements.read(start, end) };
    }
    case 'external': {
      const place = `tensor "${showName(info.name)}"`;
      const refuse = (problem: string): never => { throw new WeightFileError(source.path, place, problem); };
      const problem = problemOfName(data.location, 'external data', 'the model');
      if (problem !== undefined) refuse(`its external data "${showName(data.location)}" ${problem}`);
      const file = external.get(data.location) ?? await openNamed(source.path, data.location, `external data "${showName(data.location)}"`, 'the model');
      external.set(data.location, file);
      if (data.length !== undefined && data.length !== info.bytes) refuse(`takes ${info.bytes} bytes, but the length of its external data is ${data.length}`);
      if (data.offset + info.bytes > file.size) refuse(`its ${info.bytes} bytes begin at byte ${data.offset} of "${showName(data.location)}", which has ${file.size}; it is truncated, or another file`);
      return { info, read: (start, end) => readStoredElements(file, info, data.offset, start, end), plain: plainElements(file, info, data.offset) };
    }
  }
}

interface OnnxModel {
  readonly graph: OnnxGraph;
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  /** By the output of the `Constant` node. */
  readonly constants: ReadonlyMap<string, OnnxTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/** `ModelProto`. */
async function readModel(source: ByteSource): Promise<OnnxModel> {
  const cursor = new ByteCursor(source);
  const what = 'the model';
  const initializers = new Map<string, OnnxTensor>();
  const warnings: string[] = [];
  const facts = new Map<string, string>();
  const properties = new Map<string, string>();
  const operatorSets: string[] = [];
  let reading: GraphReading | undefined;
  let functions = 0;
  let leftOut = 0;
  const add = (tensors: Map<string, OnnxTensor>, tensor: OnnxTensorReading): void => {
    if (!('tensor' in tensor)) {
      if (++leftOut <= MOST_WARNINGS) warnings.push(`Tensor "${showName(tensor.name)}" is left out: ${tensor.leftOut}.`);
      return;
    }
    const { name } = tensor.tensor.info;
    if (initializers.has(name) || tensors.has(name)) throw new WeightFileError(source.path, `tensor "${showName(name)}"`, 'is there twice');
    tensors.set(name, tensor.tensor);
  };
  await visitMessage(cursor, source.size, what, async (field) => {
    const text = factNames.get(field.number);
    if (text !== undefined) facts.set(text, await readText(cursor, field, what));
    else if (field.number === 1) facts.set('ir_version', integerField(cursor, field, what).toString());
    else if (field.number === 5) facts.set('model_version', integerField(cursor, field, what).toString());
    else if (field.number === 7) {
      if (reading !== undefined) throw cursor.error('the model has a second graph', field.at);
      reading = await readGraph(cursor, field, (tensor) => { add(initializers, tensor); });
    } else if (field.number === 8) operatorSets.push(await readOperatorSet(cursor, field));
    else if (field.number === 14) properties.set(...await readPair(cursor, field, 'the metadata'));
    else if (field.number === 25) functions++;
  });
  if (reading === undefined) throw new WeightFileError(source.path, '', 'has no graph, so it is not an ONNX model');
  const { graph, sparseTensors, subgraphs } = reading;
  const constants = new Map<string, OnnxTensor>();
  for (const node of graph.nodes) {
    const value = node.operator === 'Constant' && node.domain === '' ? node.attributes.get('value') : undefined;
    const output = node.outputs[0];
    if (value?.kind !== 'tensor' || output === undefined || !('tensor' in value.reading)) continue;
    add(constants, { tensor: { ...value.reading.tensor, info: { ...value.reading.tensor.info, name: output } } });
  }
  if (leftOut > MOST_WARNINGS) warnings.push(`${leftOut - MOST_WARNINGS} more tensors are left out.`);
  if (sparseTensors > 0) warnings.push(`${sparseTensors} sparse initializers are left out.`);
  if (subgraphs > 0) warnings.push(`Tensors within ${subgraphs} subgraphs (branches of If, bodies of Loop) are not listed.`);
  if (functions > 0) warnings.push(`The model defines ${functions} functions of its own; tensors within them are not listed.`);
  const metadata = Object.create(null) as Record<string, string>;
  const parts = [...properties, ...facts, ['opset_import', operatorSets.join(', ')], ['graph', graph.name], ['nodes', String(graph.nodes.length)], ['inputs', showValues(graph.inputs)], ['outputs', showValues(graph.outputs)]] as const;
  for (const [key, value] of parts) if (value !== '') metadata[key] = value;
  return { graph, initializers, constants, metadata, warnings };
}

const factNames: ReadonlyMap<number, string> = new Map([[2, 'producer_name'], [3, 'producer_version'], [4, 'domain']]);

async function readOperatorSet(cursor: ByteCursor, field: ProtoField): Promise<string> {
  const { start, length } = bytesField(cursor, field, 'the model');
  let domain = '';
  let version = 0n;
  await visitMessage(cursor, start + length, 'an operator set', (part) => {
    if (part.number === 1) return readText(cursor, part, 'an operator set').then((text) => { domain = text; });
    if (part.number === 2) version = integerField(cursor, part, 'an operator set');
    return undefined;
  });
  return `${domain === '' ? 'ai.onnx' : domain} ${version.toString()}`;
}

/** "x F32 [N, 3], y F32 [N, 2]"; the first few of them. */
function showValues(values: readonly OnnxValue[]): string {
  const shown = values.slice(0, 20).map(({ name, dtype, shape }) => [name, dtype, shape === undefined ? undefined : `[${shape.map((axis) => (axis === '' ? '?' : axis)).join(', ')}]`].filter((part) => part !== undefined).join(' '));
  return [...shown, ...(values.length > shown.length ? ['…'] : [])].join(', ');
}
