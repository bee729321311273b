/**
 * Element types, under their safetensors names, and their conversion to float64. Integers of 64 bits beyond 2⁵³ lose their last
 * digits in that conversion; everything else is exact.
 */
export type Dtype =
  | 'BOOL' | 'U8' | 'I8' | 'U16' | 'I16' | 'U32' | 'I32' | 'U64' | 'I64'
  | 'F8_E4M3' | 'F8_E5M2' | 'F16' | 'BF16' | 'F32' | 'F64'
  | 'C64' | 'C128';

export const bytesPerElement: Readonly<Record<Dtype, number>> = {
  BOOL: 1, U8: 1, I8: 1, U16: 2, I16: 2, U32: 4, I32: 4, U64: 8, I64: 8,
  F8_E4M3: 1, F8_E5M2: 1, F16: 2, BF16: 2, F32: 4, F64: 8,
  C64: 8, C128: 16,
};
