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
  /** Name of the storage's record: `<archive>/data/<key>`. */
  readonly storageKey: string;
  /** Of the first element within the storage, in elements. */
  readonly offset: number;
  readonly strides: readonly number[];
}

/** `leftOut` is a sound tensor that cannot be listed (sparse, quantised); `problem` one that contradicts itself or the archive. */
export type TensorReading = { readonly tensor: StoredTensor } | { readonly leftOut: string } | { readonly problem: string };

/** Bytes of a storage in the archive; undefined when it is not there. */
export type StorageBytes = (key: string) => number | undefined;

const MOST_DIMENSIONS = 64;
// A stride of zero lets a tiny storage stand for a tensor of any size; beyond this it is no tensor that someone meant to save.
const EXPANDED_BYTES = 64 * 2 ** 20;

const storageDtypes: Readonly<Record<string, Dtype>> = {
  FloatStorage: 'F32', DoubleStorage: 'F64', HalfStorage: 'F16', BFloat16Storage: 'BF16', LongStorage: 'I64', IntStorage: 'I32', ShortStorage: 'I16',
  CharStorage: 'I8', ByteStorage: 'U8', BoolStorage: 'BOOL', ComplexFloatStorage: 'C64', ComplexDoubleStorage: 'C128',
};

const torchDtypes: Readonly<Record<string, Dtype>> = {
  float32: 'F32', float64: 'F64', float16: 'F16', bfloat16: 'BF16', int64: 'I64', int32: 'I32', int16: 'I16', int8: 'I8',
  uint8: 'U8', uint16: 'U16', uint32: 'U32', uint64: 'U64', bool: 'BOOL', complex64: 'C64', complex128: 'C128',
  float8_e4m3fn: 'F8_E4M3', float8_e5m2: 'F8_E5M2', float8_e4m3fnuz: 'F8_E4M3FNUZ', float8_e5m2fnuz: 'F8_E5M2FNUZ', float8_e8m0fnu: 'F8_E8M0',
};

/** What a call stands for as a tensor, through parameters and tensor subclasses; undefined when it is none. */
export function readTensor(value: PickleCall, storageBytes: StorageBytes): TensorReading | undefined {
  const { callee, args } = value;
  switch (callee) {
    case 'torch._utils._rebuild_tensor':
    case 'torch._utils._rebuild_tensor_v2': return rebuilt(args, undefined, storageBytes, args[6]);
    case 'torch._utils._rebuild_tensor_v3': return rebuilt(args, args[6], storageBytes, args[7]);
    case 'torch._utils._rebuild_parameter':
    case 'torch._utils._rebuild_parameter_with_state':
    case 'torch.nn.parameter.Parameter': {
      const [data] = args;
      return data instanceof PickleCall ? readTensor(data, storageBytes) : undefined;
    }
    case 'torch._tensor._rebuild_from_type_v2': {
      const [rebuild, , rebuildArgs] = args;
      if (!isGlobal(rebuild) || !(rebuildArgs instanceof PickleSequence)) return { problem: 'is rebuilt in an unknown way' };
      return readTensor(new PickleCall(rebuild.name, rebuildArgs.items), storageBytes);
    }
    case 'torch._utils._rebuild_sparse_tensor': return { leftOut: 'it is sparse' };
    case 'torch._utils._rebuild_qtensor': return { leftOut: 'it is quantised' };
    case 'torch._utils._rebuild_meta_tensor_no_storage': return { leftOut: 'it was saved without values (device "meta")' };
    default: return undefined;
  }
}

function rebuilt(args: readonly PickleValue[], dtypeName: PickleValue | undefined, storageBytes: StorageBytes, metadata: PickleValue | undefined): TensorReading {
  const [storage, offset, sizes, strides] = args;
  const [kind, type, key, , numel] = storage instanceof PicklePersistent && storage.id instanceof PickleSequence ? storage.id.items : [];
  if (kind !== 'storage' || !isGlobal(type) || typeof key !== 'string' || !isCount(numel)) return { problem: 'does not refer to a storage' };
  const shape = countsOf(sizes);
  const steps = countsOf(strides);
  if (shape === undefined || steps === undefined || !isCount(offset)) return { problem: 'its offset, sizes or strides are not whole numbers from 0 on' };
  if (shape.length !== steps.length) return { problem: `has ${shape.length} sizes, but ${steps.length} strides` };
  if (shape.length > MOST_DIMENSIONS) return { problem: `has ${shape.length} dimensions; at most ${MOST_DIMENSIONS} are read` };
  // Lazily negated or conjugated tensors keep the plain values in their storage.
  if (metadata !== undefined && metadata !== null && typeof metadata === 'object' && metadata.kind === 'dict' && metadata.entries.some(([, set]) => set === true)) {
    return { leftOut: 'it is stored negated or conjugated' };
  }
  const typeName = isGlobal(dtypeName) ? dtypeName.name.slice('torch.'.length) : type.name.slice(type.name.lastIndexOf('.') + 1);
  const dtype = isGlobal(dtypeName) ? torchDtypes[typeName] : storageDtypes[typeName];
  if (dtype === undefined) return { leftOut: `its element type ${typeName} is not supported` };
  const width = bytesPerElement[dtype];
  // An untyped storage counts bytes, a typed one elements.
  const declaredBytes = type.name.endsWith('UntypedStorage') ? numel : numel * storageWidth(type.name, width);
  const bytes = storageBytes(key);
  const record = showName(`data/${key}`);
  if (bytes === undefined) return { problem: `its storage ${record} is not in the archive` };
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

function storageWidth(typeName: string, otherwise: number): number {
  const dtype = storageDtypes[typeName.slice(typeName.lastIndexOf('.') + 1)];
  return dtype === undefined ? otherwise : bytesPerElement[dtype];
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
