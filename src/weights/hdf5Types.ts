/** HDF5's datatypes, as h5wasm describes them, under our names; and in words where they hold no numbers that are read. */
import type { Module } from 'h5wasm';
import type { Dtype } from './dtype.ts';

type H5Metadata = ReturnType<(typeof Module)['get_dataset_metadata']>;
export type Hdf5Type = { readonly dtype: Dtype } | { readonly leftOut: string };

/** `H5T_class_t` of HDF5. */
const INTEGER = 0;
const FLOAT = 1;
const STRING = 3;
const OPAQUE = 5;
const COMPOUND = 6;
const REFERENCE = 7;
const ENUM = 8;
const VLEN = 9;

/** @param declared Keras's attribute `dtype` beside elements that HDF5 has no type for */
export function hdf5Type(metadata: H5Metadata, declared: string | undefined): Hdf5Type {
  const { type, size, signed } = metadata;
  switch (type) {
    case INTEGER: return known(`${signed ? 'I' : 'U'}${8 * size}`, `integers of ${size} bytes`);
    case FLOAT: return known(`F${8 * size}`, `floating-point numbers of ${size} bytes`);
    case STRING: return { leftOut: 'texts' };
    case OPAQUE: return declared === 'bfloat16' && size === 2 ? { dtype: 'BF16' } : { leftOut: `bytes without a type (${size} an element)` };
    case COMPOUND: {
      const members = metadata.compound_type?.members ?? [];
      const isComplex = members.length === 2 && members.map(({ name }) => name).join() === 'r,i' && members.every((member, i) => member.type === FLOAT && member.size * 2 === size && member.offset === (i * size) / 2);
      return isComplex ? known(`C${8 * size}`, 'complex numbers') : { leftOut: 'records of several fields' };
    }
    case REFERENCE: return { leftOut: 'references' };
    case ENUM: {
      const names = Object.keys(metadata.enum_type?.members ?? {});
      return size === 1 && names.length === 2 && names.includes('FALSE') && names.includes('TRUE') ? { dtype: 'BOOL' } : { leftOut: 'values of an enumeration' };
    }
    case VLEN: return { leftOut: 'lists of varying length' };
    default: return { leftOut: 'no numbers' };
  }
}

const readable: readonly Dtype[] = ['U8', 'I8', 'U16', 'I16', 'U32', 'I32', 'U64', 'I64', 'F16', 'F32', 'F64', 'C64', 'C128'];

function known(name: string, words: string): Hdf5Type {
  const dtype = readable.find((candidate) => candidate === name);
  return dtype === undefined ? { leftOut: words } : { dtype };
}
