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

/** IEEE's binary16, bfloat16, or one as well as the other. */
export type HalfType = 'F16' | 'BF16' | 'both';

// Of a datatype message (IV.A.2.d of the format): size 2, bits 0 to 15, then where exponent and mantissa are, how long, and the bias.
const halfStart = [2, 0, 0, 0, 0, 0, 16, 0];
const ieee = Buffer.from([...halfStart, 10, 5, 0, 10, 15, 0, 0, 0]);
const brain = Buffer.from([...halfStart, 7, 8, 0, 7, 127, 0, 0, 0]);

/**
 * Which of the 16-bit types a file describes: the wrapping of the library says of both that they are floating-point numbers of two bytes. So
 * the bytes that the library reads are looked at.
 */
export class HalfTypes {
  #found: HalfType | undefined;

  get found(): HalfType | undefined {
    return this.#found;
  }

  look(bytes: Buffer): void {
    if (this.#found === 'both') return;
    for (const [type, description] of [['F16', ieee], ['BF16', brain]] as const) {
      if (this.#found !== type && bytes.includes(description)) this.#found = this.#found === undefined ? type : 'both';
    }
  }
}

/**
 * @param half what a floating-point type of two bytes is
 * @param declared Keras's attribute `dtype` beside elements that HDF5 has no type for
 */
export function hdf5Type(metadata: H5Metadata, half: HalfType | undefined, declared: string | undefined): Hdf5Type {
  const { type, size, signed } = metadata;
  switch (type) {
    case INTEGER: return known(`${signed ? 'I' : 'U'}${8 * size}`, `integers of ${size} bytes`);
    case FLOAT:
      if (size === 2 && half === 'BF16') return { dtype: 'BF16' };
      if (size === 2 && half === 'both') return { leftOut: 'floating-point numbers of 16 bits, of which the file has two kinds that cannot be told apart here' };
      return known(`F${8 * size}`, `floating-point numbers of ${size} bytes`);
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
