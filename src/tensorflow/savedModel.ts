/**
 * SavedModels (`SavedModel`, `MetaGraphDef`, `GraphDef` of tensorflow/core/protobuf): a folder that native TensorFlow alone loads. Its graph can
 * hold operations that read and write files, run Python or call other machines, so that only those on a list of plain computations are let through,
 * besides those by which every SavedModel restores its own variables.
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ByteCursor } from '../weights/byteCursor.ts';
import { openByteSource } from '../weights/byteSource.ts';
import { bytesField, readText, visitMessage, type ProtoField } from '../weights/protobuf.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import type { ModelFile } from './modelFile.ts';

const SIGNATURE = 'serving_default';

const computations = new Set(`
  Abs Acos Acosh Add AddN AddV2 All Any ArgMax ArgMin Asin Asinh Atan Atan2 Atanh AvgPool AvgPool3D BatchMatMul BatchMatMulV2 BatchMatMulV3 BatchToSpaceND BiasAdd BroadcastArgs
  BroadcastTo Cast Ceil ClipByValue Concat ConcatV2 Const Conv2D Conv2DBackpropInput Conv3D Conv3DBackpropInputV2 Cos Cosh Cumprod Cumsum DepthToSpace DepthwiseConv2dNative
  Div DivNoNan Einsum Elu EnsureShape Equal Erf Erfc Exp ExpandDims Expm1 Fill Floor FloorDiv FloorMod FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd GatherV2
  Greater GreaterEqual Identity IdentityN InvertPermutation IsFinite IsInf IsNan L2Loss LRN LeakyRelu Less LessEqual Lgamma LinSpace Log Log1p LogSoftmax LogicalAnd LogicalNot
  LogicalOr MatMul MatrixBandPart MatrixDiag MatrixDiagPart Max MaxPool MaxPool3D MaxPoolV2 Maximum Mean Min Minimum MirrorPad Mod Mul MulNoNan Neg NotEqual OneHot OnesLike Pack Pad
  PadV2 Pow PreventGradient Prod Range Rank RealDiv Reciprocal Relu Relu6 Reshape ResizeBilinear ResizeNearestNeighbor Reverse ReverseSequence ReverseV2 Rint Round Rsqrt ScatterNd
  Select SelectV2 Selu Shape ShapeN Sigmoid Sign Sin Sinh Size Slice Snapshot Softmax Softplus Softsign SpaceToBatchND SpaceToDepth Split SplitV Sqrt Square SquaredDifference Squeeze
  StopGradient StridedSlice Sub Sum Tan Tanh TensorScatterUpdate Tile TopKV2 Transpose TruncateDiv Unpack UnsortedSegmentSum Where ZerosLike Xdivy Xlogy
  TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather TensorListGetItem TensorListLength TensorListPushBack TensorListReserve TensorListResize
  TensorListSetItem TensorListStack
  Assert Case Enter Exit If LoopCond Merge NextIteration NoOp PartitionedCall Placeholder PlaceholderWithDefault StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile Switch While
  AssignVariableOp DisableCopyOnRead ReadVariableOp ResourceGather VarHandleOp VarIsInitializedOp VariableShape
  MergeV2Checkpoints RestoreV2 SaveV2 ShardedFilename StaticRegexFullMatch StringJoin
`.split(/\s+/).filter((name) => name !== ''));

/** Undefined when the folder is no SavedModel. @throws WeightFileError when it is one that cannot be run */
export async function openSavedModel(folder: string): Promise<ModelFile | undefined> {
  const file = path.join(folder, 'saved_model.pb');
  const info = await stat(file).catch(() => undefined);
  if (info?.isFile() !== true) return undefined;
  const { tags, signatures, operations } = await graphOf(file);
  const refused = [...operations].find((name) => !computations.has(name));
  if (refused !== undefined) throw new WeightFileError(file, '', `uses the operation ${showName(refused)}, which is not among the plain computations that a SavedModel may do here`);
  if (!signatures.includes(SIGNATURE)) throw new WeightFileError(file, '', `has no signature "${SIGNATURE}"; it has ${signatures.length === 0 ? 'none' : signatures.slice(0, 5).map((name) => `"${showName(name)}"`).join(', ')}`);
  return { path: folder, format: 'TensorFlow SavedModel', source: { kind: 'saved-model', folder: path.resolve(folder), tags, signature: SIGNATURE }, head: 'none' };
}

interface SavedGraph {
  /** Of the first meta graph, which is the one that is run. */
  readonly tags: readonly string[];
  readonly signatures: readonly string[];
  /** Of all meta graphs and their functions. */
  readonly operations: ReadonlySet<string>;
}

async function graphOf(file: string): Promise<SavedGraph> {
  const source = await openByteSource(file);
  try {
    const cursor = new ByteCursor(source);
    const tags: string[] = [];
    const signatures: string[] = [];
    const operations = new Set<string>();
    let metaGraphs = 0;
    const within = (field: ProtoField, what: string, visit: (part: ProtoField) => Promise<void> | undefined): Promise<void> => {
      const { start, length } = bytesField(cursor, field, what);
      return visitMessage(cursor, start + length, what, visit);
    };
    const node = (field: ProtoField): Promise<void> => within(field, 'a node', (part) => (part.number === 2 ? readText(cursor, part, 'a node').then((name) => { operations.add(name); }) : undefined));
    const functions = (field: ProtoField): Promise<void> => within(field, 'a function', (part) => (part.number === 3 ? node(part) : undefined));
    const library = (field: ProtoField): Promise<void> => within(field, 'the library', (part) => (part.number === 1 ? functions(part) : undefined));
    const graph = (field: ProtoField): Promise<void> => within(field, 'the graph', (part) => (part.number === 1 ? node(part) : part.number === 2 ? library(part) : undefined));
    const about = (field: ProtoField): Promise<void> => within(field, 'the meta graph', (part) => (part.number === 4 && metaGraphs === 1 ? readText(cursor, part, 'a tag').then((tag) => { tags.push(tag); }) : undefined));
    const signature = (field: ProtoField): Promise<void> => within(field, 'a signature', (part) => (part.number === 1 && metaGraphs === 1 ? readText(cursor, part, 'a signature').then((name) => { signatures.push(name); }) : undefined));
    await visitMessage(cursor, source.size, 'the SavedModel', (field) => {
      if (field.number !== 2) return undefined;
      metaGraphs++;
      return within(field, 'the meta graph', (part) => (part.number === 1 ? about(part) : part.number === 2 ? graph(part) : part.number === 5 ? signature(part) : undefined));
    });
    return { tags, signatures, operations };
  } finally {
    await source.close();
  }
}
