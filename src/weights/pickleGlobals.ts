/**
 * The names a pickle may mention. The list is what `torch.save` writes for tensors, state dicts, optimisers and schedulers (compare the
 * allow-list of PyTorch's own `weights_only` unpickler) and NumPy for scalars, plus a few plain containers of settings.
 * A name on the list is still never imported or called; a name outside it ends the reading, because a file that needs it is not a file of weights.
 */

/** How the machine treats a name: `dict` becomes a dict that entries are put into; `set` likewise; `call` stays a record; `name` may not be called. */
export type GlobalRole = 'dict' | 'set' | 'bytes' | 'call' | 'name';

const storages = ['Float', 'Double', 'Half', 'BFloat16', 'Long', 'Int', 'Short', 'Char', 'Byte', 'Bool', 'ComplexFloat', 'ComplexDouble', 'QInt8', 'QUInt8', 'QInt32', 'QUInt4x2', 'QUInt2x4'];

const dtypes = [
  'float32', 'float64', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'uint16', 'uint32', 'uint64', 'bool',
  'complex32', 'complex64', 'complex128', 'float8_e4m3fn', 'float8_e5m2', 'float8_e4m3fnuz', 'float8_e5m2fnuz', 'float8_e8m0fnu',
  'qint8', 'quint8', 'qint32', 'quint4x2', 'quint2x4', 'per_tensor_affine', 'per_tensor_symmetric', 'per_channel_affine', 'per_channel_symmetric', 'per_channel_affine_float_qparams',
  'strided', 'sparse_coo', 'sparse_csr', 'contiguous_format', 'channels_last', 'preserve_format',
];

const roles: ReadonlyMap<string, GlobalRole> = new Map<string, GlobalRole>([
  ...['collections.OrderedDict', 'collections.defaultdict', 'collections.Counter', 'builtins.dict'].map((name) => [name, 'dict'] as const),
  ...['builtins.set', 'builtins.frozenset'].map((name) => [name, 'set'] as const),
  ['_codecs.encode', 'bytes'],
  ...[
    'torch._utils._rebuild_tensor', 'torch._utils._rebuild_tensor_v2', 'torch._utils._rebuild_tensor_v3', 'torch._utils._rebuild_parameter',
    'torch._utils._rebuild_parameter_with_state', 'torch._utils._rebuild_sparse_tensor', 'torch._utils._rebuild_qtensor',
    'torch._utils._rebuild_meta_tensor_no_storage', 'torch._tensor._rebuild_from_type_v2', 'torch.nn.parameter.Parameter', 'torch.Tensor',
    'torch.Size', 'torch.device', 'torch.serialization._get_layout',
    'builtins.complex', 'builtins.bytearray', 'builtins.list', 'builtins.tuple', 'builtins.int', 'builtins.float', 'builtins.str', 'builtins.bool',
    'numpy.core.multiarray.scalar', 'numpy._core.multiarray.scalar', 'numpy.core.multiarray._reconstruct', 'numpy._core.multiarray._reconstruct',
    'numpy.ndarray', 'numpy.dtype',
    'argparse.Namespace', 'pathlib.PosixPath', 'pathlib.WindowsPath', 'pathlib.PurePosixPath', 'pathlib.PureWindowsPath',
  ].map((name) => [name, 'call'] as const),
  ...storages.flatMap((type) => [[`torch.${type}Storage`, 'name'], [`torch.cuda.${type}Storage`, 'name']] as const),
  ...['torch.storage.UntypedStorage', 'torch.UntypedStorage', 'torch.storage.TypedStorage', 'torch.storage._UntypedStorage'].map((name) => [name, 'name'] as const),
  ...dtypes.map((name) => [`torch.${name}`, 'name'] as const),
]);

/** Python 2's name of the built-in functions means today's. */
export function globalName(module: string, name: string): string {
  return `${module === '__builtin__' ? 'builtins' : module}.${name}`;
}

/** Undefined for a name that is not on the list. */
export function roleOf(name: string): GlobalRole | undefined {
  return roles.get(name);
}
