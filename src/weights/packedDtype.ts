/**
 * Storage types whose elements have no bytes of their own: blocks of quantised numbers that share a scale (GGUF; the sizes are those of
 * `ggml-common.h` and of the `gguf` package), and numbers smaller than a byte (ONNX). They are listed with their stored size, and not read.
 */

/** Elements of a block and the bytes that it takes. */
const packedBlocks = {
  Q1_0: [128, 18], Q4_0: [32, 18], Q4_1: [32, 20], Q5_0: [32, 22], Q5_1: [32, 24], Q8_0: [32, 34], Q8_1: [32, 40],
  Q2_K: [256, 84], Q3_K: [256, 110], Q4_K: [256, 144], Q5_K: [256, 176], Q6_K: [256, 210], Q8_K: [256, 292],
  IQ1_S: [256, 50], IQ1_M: [256, 56], IQ2_XXS: [256, 66], IQ2_XS: [256, 74], IQ2_S: [256, 82], IQ3_XXS: [256, 98], IQ3_S: [256, 110],
  IQ4_NL: [32, 18], IQ4_XS: [256, 136], TQ1_0: [256, 54], TQ2_0: [256, 66], MXFP4: [32, 17], NVFP4: [64, 36],
  I2: [4, 1], U2: [4, 1], I4: [2, 1], U4: [2, 1], F4_E2M1: [2, 1],
} as const satisfies Readonly<Record<string, readonly [elements: number, bytes: number]>>;

export type PackedDtype = keyof typeof packedBlocks;

export function isPacked(dtype: string): dtype is PackedDtype {
  return Object.hasOwn(packedBlocks, dtype);
}

/** Elements of one block, which a row of a tensor must hold a whole number of in GGUF. */
export function blockElements(dtype: PackedDtype): number {
  return packedBlocks[dtype][0];
}

/** Bytes of `elements` elements; the last block may be incomplete. */
export function packedBytes(dtype: PackedDtype, elements: number): number {
  const [block, bytes] = packedBlocks[dtype];
  return Math.ceil((elements * bytes) / block);
}
