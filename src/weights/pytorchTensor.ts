/**
 * Tensors as `torch.save` pickles them: calls of `torch._utils._rebuild_…` with a storage, an offset, sizes and strides (see `torch/_utils.py`).
 * Here such a record becomes a tensor description, once its figures hold together with the storage's bytes in the archive.
 */
import { bytesPerElement } from './dtype.ts';
import type { Dtype } from './dtype.ts';
import { PickleCall, PicklePersistent, PickleSequence } from './pickleValue.ts';
import type { PickleValue } from './pickleValue.ts';
import { showName } from './weightFileError.ts';

export interface StoredTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly elements: number;
  readonly storageKey: string;
  /** Of the first element within the storage, in elements. */
  readonly offset: number;
  readonly strides: readonly number[];
}

/** `leftOut` is a sound tensor that cannot be listed (sparse, quantised); `problem` one that contradicts itself or the archive. */
export type TensorReading = { readonly tensor: StoredTensor } | { readonly leftOut: string } | { readonly problem: string };

/** The storages of a file, by key. */
export interface Storages {
  /** Undefined when it is not there. */
  bytes(key: string): number | undefined;
  /** How messages call it, behind the word storage. */
  name(key: string): string;
}

const MOST_DIMENSIONS = 64;
// A stride of zero lets a tiny storage stand for a tensor of any size; beyond this it is no tensor that someone meant to save.
const EXPANDED_BYTES = 64 * 2 ** 20;

const storageDtypes: Readonly<Record<string, Dtype>> = {
  FloatStorage: 'F32', DoubleStorage: 'F64', HalfStorage: 'F16', BFloat16Storage: 'BF16', LongStorage: 'I64', IntStorage: 'I32', ShortStorage: 'I16',
  CharStorage: 'I8', ByteStorage: 'U8', BoolStorage: 'BOOL', ComplexFloatStorage: 'C64', ComplexDoubleStorage: 'C128',
};

const otherStorageWidths: Readonly<Record<string, number>> = { UntypedStorage: 1, _UntypedStorage: 1, QInt8Storage: 1, QUInt8Storage: 1, QInt32Storage: 4, QUInt4x2Storage: 1, QUInt2x4Storage: 1 };

const torchDtypes: Readonly<Record<string, Dtype>> = {
  float32: 'F32', float64: 'F64', float16: 'F16', bfloat16: 'BF16', int64: 'I64', int32: 'I32', int16: 'I16', int8: 'I8',
  uint8: 'U8', uint16: 'U16', uint32: 'U32', uint64: 'U64', bool: 'BOOL', complex64: 'C64', complex128: 'C128',
  float8_e4m3fn: 'F8_E4M3', float8_e5m2: 'F8_E5M2', float8_e4m3fnuz: 'F8_E4M3FNUZ', float8_e5m2fnuz: 'F8_E5M2FNUZ', float8_e8m0fnu: 'F8_E8M0',
};

/** What a call stands for as a tensor, through parameters and tensor subclasses; undefined when it is none. */
export function readTensor(value: PickleCall, storages: Storages): TensorReading | undefined {
  const { callee, args } = value;
  switch (callee) {
    case 'torch._utils._rebuild_tensor':
    case 'torch._utils._rebuild_tensor_v2': return rebuilt(args, undefined, storages, args[6]);
    case 'torch._utils._rebuild_tensor_v3': return rebuilt(args, args[6], storages, args[7]);
    case 'torch._utils._rebuild_parameter':
    case 'torch._utils._rebuild_parameter_with_state':
    case 'torch.nn.parameter.Parameter': {
      const [data] = args;
      return data instanceof PickleCall ? readTensor(data, storages) : undefined;
    }
    case 'torch._tensor._rebuild_from_type_v2': {
      const [rebuild, , rebuildArgs] = args;
      if (!isGlobal(rebuild) || !(rebuildArgs instanceof PickleSequence)) return { problem: 'is rebuilt in an unknown way' };
      return readTensor(new PickleCall(rebuild.name, rebuildArgs.items), storages);
    }
    case 'torch._utils._rebuild_sparse_tensor': return { leftOut: 'it is sparse' };
    case 'torch._utils._rebuild_qtensor': return { leftOut: 'it is quantised' };
    case 'torch._utils._rebuild_meta_tensor_no_storage': return { leftOut: 'it was saved without values (device "meta")' };
    default: return undefined;
  }
}

function rebuilt(args: readonly PickleValue[], dtypeName: PickleValue | undefined, storages: Storages, metadata: PickleValue | undefined): TensorReading {
  const [storage, offset, sizes, strides] = args;
  const reference = storage instanceof PicklePersistent ? readStorageReference(storage) : undefined;
  if (reference === undefined) return { problem: 'does not refer to a storage' };
  const { type, key, numel, isView } = reference;
  // Storages within storages are of the time before PyTorch 0.4.
  if (isView) return { leftOut: 'its storage is a part of another one' };
  const shape = countsOf(sizes);
  const steps = countsOf(strides);
  if (shape === undefined || steps === undefined || !isCount(offset)) return { problem: 'its offset, sizes or strides are not whole numbers from 0 on' };
  if (shape.length !== steps.length) return { problem: `has ${shape.length} sizes, but ${steps.length} strides` };
  if (shape.length > MOST_DIMENSIONS) return { problem: `has ${shape.length} dimensions; at most ${MOST_DIMENSIONS} are read` };
  // Lazily negated or conjugated tensors keep the plain values in their storage.
  if (metadata !== undefined && metadata !== null && typeof metadata === 'object' && metadata.kind === 'dict' && metadata.entries.some(([, set]) => set === true)) {
    return { leftOut: 'it is stored negated or conjugated' };
  }
  const typeName = isGlobal(dtypeName) ? dtypeName.name.slice('torch.'.length) : type.slice(type.lastIndexOf('.') + 1);
  const dtype = isGlobal(dtypeName) ? torchDtypes[typeName] : storageDtypes[typeName];
  if (dtype === undefined) return { leftOut: `its element type ${typeName} is not supported` };
  const width = bytesPerElement[dtype];
  const declaredBytes = numel * (storageWidth(type) ?? width);
  const bytes = storages.bytes(key);
  const record = showName(storages.name(key));
  if (bytes === undefined) return { problem: `its storage ${record} is not in the file` };
  if (bytes !== declaredBytes) return { problem: `its storage ${record} is to have ${declaredBytes} bytes, but has ${bytes}` };
  const elements = shape.reduce((product, length) => product * length, 1);
  const last = shape.reduce((at, length, k) => at + (length - 1) * steps[k]!, offset);
  if (!Number.isSafeInteger(elements)) return { problem: `shape [${shape.join(', ')}] has more than 2^53 elements` };
  if (elements > 0 && !((last + 1) * width <= bytes)) {
    return { problem: `shape [${shape.join(', ')}], strides [${steps.join(', ')}] and offset ${offset} reach to element ${last}, but its storage ${record} has ${Math.floor(bytes / width)}` };
  }
  if (elements * width > bytes + EXPANDED_BYTES) return { problem: `shape [${shape.join(', ')}] spreads a storage of ${bytes} bytes over ${elements} elements` };
  return { tensor: { dtype, shape, elements, storageKey: key, offset, strides: steps } };
}

/** What a persistent id says: `('storage', type, key, location, numel)`, and before PyTorch 0.4 a view behind these. */
export function readStorageReference({ id }: PicklePersistent): { readonly type: string; readonly key: string; readonly numel: number; readonly isView: boolean } | undefined {
  if (!(id instanceof PickleSequence)) return undefined;
  const [kind, type, key, , numel, view = null] = id.items;
  if (kind !== 'storage' || !isGlobal(type) || typeof key !== 'string' || !isCount(numel)) return undefined;
  return { type: type.name, key, numel, isView: view !== null };
}

/** Bytes that a storage counts as one element: an untyped storage counts bytes. Undefined when the type is unknown. */
export function storageWidth(typeName: string): number | undefined {
  const name = typeName.slice(typeName.lastIndexOf('.') + 1);
  const dtype = storageDtypes[name];
  return dtype === undefined ? otherStorageWidths[name] : bytesPerElement[dtype];
}

/** A tuple or list of sizes, or a torch.Size of one. */
function countsOf(value: PickleValue | undefined): readonly number[] | undefined {
  const sequence = value instanceof PickleCall && value.callee === 'torch.Size' ? value.args[0] : value;
  if (!(sequence instanceof PickleSequence)) return undefined;
  const counts = sequence.items.filter(isCount);
  return counts.length === sequence.items.length ? counts : undefined;
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isGlobal(value: PickleValue | undefined): value is { readonly kind: 'global'; readonly name: string } {
  return value !== undefined && value !== null && typeof value === 'object' && value.kind === 'global';
}
