/**
 * Between the tensors of a weight file and parameter vectors θ ∈ R^D (layout in denseChain.ts), for one network or for a set of
 * draws whose tensors carry leading draw axes.
 */
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import type { WeightFile } from '../weights/weightFile.ts';
import type { DenseChain, TensorReference } from './denseChain.ts';

/** One tensor's place in θ. */
export interface ParameterBlock {
  readonly reference: TensorReference;
  /** out × in for a weight, out × 1 for a bias: the block's shape in θ. */
  readonly rows: number;
  readonly columns: number;
  /** Shape of the tensor in the file: of a weight [out, in] or, transposed, [in, out]; of a bias [out]. */
  readonly shape: readonly number[];
}

/** The blocks of θ in order. */
export function parameterBlocks(chain: DenseChain): ParameterBlock[] {
  return chain.layers.flatMap(({ weight, bias, inputs, outputs }): ParameterBlock[] => [
    { reference: weight, rows: outputs, columns: inputs, shape: weight.transposed ? [inputs, outputs] : [outputs, inputs] },
    ...(bias === undefined ? [] : [{ reference: bias, rows: outputs, columns: 1, shape: [outputs] }]),
  ]);
}

/** "0.weight[1,0]" for every entry of θ, in the file's own index order. */
export function parameterNames(chain: DenseChain): string[] {
  const names = new Array<string>(chain.parameters);
  for (const { reference, rows, columns, shape } of parameterBlocks(chain)) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const index = shape.length === 1 ? `${r}` : reference.transposed ? `${c},${r}` : `${r},${c}`;
        names[reference.offset + r * columns + c] = `${reference.tensor}[${index}]`;
      }
    }
  }
  return names;
}

/**
 * θ of draws [start, end) of a file, (end − start) × D row-major; a plain checkpoint is one draw.
 * @throws WeightFileError when a tensor cannot be read or holds a value that is not finite
 */
export async function readParameters(file: WeightFile, chain: DenseChain, start = 0, end = 1): Promise<Float64Array> {
  const draws = end - start;
  const size = chain.parameters;
  const theta = new Float64Array(draws * size);
  for (const { reference, rows, columns } of parameterBlocks(chain)) {
    const length = rows * columns;
    const values = await file.read(reference.tensor, start * length, end * length);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new WeightFileError(file.path, `tensor "${showName(reference.tensor)}"`, `holds ${values[bad]!} at element ${start * length + bad}; the analysis needs finite weights`);
    }
    for (let m = 0; m < draws; m++) {
      copyBlock(values.subarray(m * length, (m + 1) * length), rows, columns, reference, theta.subarray(m * size, (m + 1) * size));
    }
  }
  return theta;
}

function copyBlock(values: Float64Array, rows: number, columns: number, { offset, transposed }: TensorReference, theta: Float64Array): void {
  if (!transposed) {
    theta.set(values, offset);
    return;
  }
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) theta[offset + r * columns + c] = values[c * rows + r]!;
  }
}

/** One block of θ in the element order of its tensor in the file: the inverse of reading. */
export function tensorValues(theta: Float64Array, { reference, rows, columns }: ParameterBlock): Float64Array {
  const block = theta.subarray(reference.offset, reference.offset + rows * columns);
  if (!reference.transposed) return block.slice();
  return Float64Array.from({ length: block.length }, (_, k) => block[(k % rows) * columns + Math.floor(k / rows)]!);
}
