/**
 * Data that curvature and predictives are computed on: inputs x (N × d) and, where there are any, targets y.
 *
 * Layouts understood: arrays named `x` and `y` in `.npz`, `.safetensors` or PyTorch files (further axes of x are flattened); a
 * single array C × n × d, which is n points of each of C classes; `.csv` with a header row, where columns named `y…` are targets. Points
 * may come with weights, how often each of them counts: an array or a column `sample_weight`.
 */
import { readFile, stat } from 'node:fs/promises';
import { formatCountOf, formatShape } from '../protocol/format.ts';
import { openWeightFile, UnknownFormatError } from '../weights/openWeights.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import type { WeightFile } from '../weights/weightFile.ts';
import type { Network } from './network.ts';

export interface DataSet {
  readonly source: string;
  /** N */
  readonly rows: number;
  /** d */
  readonly inputs: number;
  /** Axes of one input, where the file has several: [28, 28, 1]. */
  readonly shape?: readonly number[];
  /** N × d row-major, all finite. */
  readonly x: Float64Array;
  /** N × `targets` row-major, all finite. */
  readonly y: Float64Array | undefined;
  readonly targets: number;
  /** N, how often each point counts; not negative. */
  readonly sampleWeights?: Float64Array;
}

const WEIGHTS = 'sample_weight';
const UNKNOWN = 'is not a file of data that can be read; give an .npz, .safetensors or .pt file with arrays "x" (N × d) and "y", an .npy file of one array classes × points × d, or a .csv file with a header row';
const MAX_CSV_BYTES = 512 * 1024 * 1024;

/** @throws WeightFileError when the file cannot be read as data: rows of x and y differ, a value is not finite, … */
export async function readData(path: string): Promise<DataSet> {
  const data = path.toLowerCase().endsWith('.csv') ? await readCsv(path) : await readArrays(path);
  requireFinite(path, 'x', data.x, data.inputs);
  if (data.y !== undefined) requireFinite(path, 'y', data.y, data.targets);
  if (data.sampleWeights !== undefined) requireWeights(path, data.sampleWeights);
  return data;
}

/** "120 inputs of 2 values, with targets": what a file holds that has inputs and what belongs to them and nothing else; undefined for all others. */
export function describeData({ tensors }: Pick<WeightFile, 'tensors'>): string | undefined {
  const x = tensors.find(({ name }) => name === 'x');
  if (x === undefined || x.shape.length === 0 || !tensors.every(({ name }) => ['x', 'y', WEIGHTS].includes(name))) return undefined;
  const [rows = 0, ...axes] = x.shape;
  const beside = [...(tensors.some(({ name }) => name === 'y') ? ['with targets'] : []), ...(tensors.some(({ name }) => name === WEIGHTS) ? ['with weights of inputs'] : [])];
  return [`${formatCountOf(rows, 'input')} of ${axes.length > 1 ? `shape ${formatShape(axes)}` : formatCountOf(axes[0] ?? 1, 'value')}`, ...beside].join(', ');
}

/** @throws WeightFileError that gives both widths when the data does not fit a network with `inputs` inputs */
export function requireInputWidth(data: DataSet, inputs: number): void {
  if (data.inputs !== inputs) {
    throw new WeightFileError(data.source, 'x', `has ${data.inputs} values a row, the network takes ${inputs}`);
  }
}

/**
 * @throws WeightFileError that gives both shapes when the data are not the network's inputs: images with as many entries but other axes, for
 * instance, or with channels at the other end
 */
export function requireInputs(data: DataSet, { nodes, inputs }: Network): void {
  const [input] = nodes;
  const { shape } = data;
  // A vector takes images as they lie.
  if (shape === undefined || input?.op !== 'input' || input.shape.length === 1) {
    requireInputWidth(data, inputs);
    return;
  }
  const [channels = 1, ...spatial] = input.shape;
  const [own, other] = input.order === 'channel-first' ? [input.shape, [...spatial, channels]] : [[...spatial, channels], input.shape];
  // Axes of length 1 change nothing about the order of the entries.
  const plain = (axes: readonly number[]): string => axes.filter((length) => length !== 1).join();
  if (plain(shape) === plain(own)) return;
  const turned = shape.join() === other.join() ? `; move its channels to the ${input.order === 'channel-first' ? 'front' : 'end'}` : '';
  throw new WeightFileError(data.source, 'x', `has inputs of shape [${shape.join(', ')}], the network takes [${own.join(', ')}], channels ${input.order === 'channel-first' ? 'first' : 'last'}${turned}`);
}

/**
 * Class labels 0 … O−1 of a categorical likelihood, from integer labels (N) or one-hot rows (N × O).
 * @throws WeightFileError naming the first row that is neither
 */
export function classLabels(data: DataSet, classes: number): Int32Array | undefined {
  const { y, targets, rows, source } = data;
  if (y === undefined) return undefined;
  const labels = new Int32Array(rows);
  for (let n = 0; n < rows; n++) {
    const row = y.subarray(n * targets, (n + 1) * targets);
    const label = targets === 1 ? row[0]! : row.indexOf(1);
    const oneHot = targets === 1 || (targets === classes && row.every((value, o) => value === (o === label ? 1 : 0)));
    if (!oneHot || !Number.isInteger(label) || label < 0 || label >= classes) {
      throw new WeightFileError(source, rowPlace(source, 'y', n), `expected a class 0 … ${classes - 1}${targets === 1 ? '' : ` or a one-hot row of ${classes}`}, found ${[...row].join(', ')}`);
    }
    labels[n] = label;
  }
  return labels;
}

async function readArrays(path: string): Promise<DataSet> {
  const file = await openWeightFile(path).catch((error: unknown) => {
    // Text, most often: a table under another name than .csv, or JSON.
    throw error instanceof UnknownFormatError || path.toLowerCase().endsWith('.json') ? new WeightFileError(path, '', UNKNOWN) : error;
  });
  try {
    const x = file.tensor('x');
    if (x === undefined) return await readStackedClasses(file);
    const rows = x.shape[0];
    if (rows === undefined || rows === 0 || x.elements === 0) throw new WeightFileError(path, 'x', `expected at least one row of inputs, its shape is [${x.shape.join(', ')}]`);
    const y = file.tensor('y');
    if (y !== undefined && y.shape[0] !== rows) {
      throw new WeightFileError(path, '', `x has ${rows} rows and y has ${y.shape[0] ?? 0}; they should have the same number`);
    }
    const weights = file.tensor(WEIGHTS);
    if (weights !== undefined && (weights.elements !== rows || weights.shape[0] !== rows)) throw new WeightFileError(path, WEIGHTS, `expected one weight for each of the ${rows} rows of x, its shape is [${weights.shape.join(', ')}]`);
    return {
      source: path,
      rows,
      inputs: x.elements / rows,
      ...(x.shape.length > 2 ? { shape: x.shape.slice(1) } : {}),
      x: await file.read('x'),
      y: y === undefined ? undefined : await file.read('y'),
      targets: y === undefined ? 0 : y.elements / rows,
      ...(weights === undefined ? {} : { sampleWeights: await file.read(WEIGHTS) }),
    };
  } finally {
    await file.close();
  }
}

async function readStackedClasses(file: WeightFile): Promise<DataSet> {
  const [only, ...others] = file.tensors;
  const [classes, points, inputs] = only?.shape ?? [];
  if (only === undefined || others.length > 0 || only.shape.length !== 3 || classes === undefined || points === undefined || inputs === undefined || only.elements === 0) {
    const found = file.tensors.slice(0, 5).map(({ name, shape }) => `"${showName(name)}" [${shape.join(', ')}]`).join(', ');
    throw new WeightFileError(file.path, '', `expected an array "x" (N × d), optionally "y", or one array classes × points × d; found ${found === '' ? 'nothing' : found}`);
  }
  const y = Float64Array.from({ length: classes * points }, (_, n) => Math.floor(n / points));
  return { source: file.path, rows: classes * points, inputs, x: await file.read(only.name), y, targets: 1 };
}

async function readCsv(path: string): Promise<DataSet> {
  const text = await readText(path);
  const lines = text.split(/\r?\n/);
  while (lines.at(-1)?.trim() === '') lines.pop();
  const header = (lines[0] ?? '').split(',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
  if (header.every((cell) => cell === '' || Number.isFinite(Number(cell)))) {
    throw new WeightFileError(path, 'line 1', 'expected a header row; name target columns y, y1, …, and input columns anything else');
  }
  const isTarget = header.map((name) => /^y\d*$/i.test(name));
  const weightColumn = header.indexOf(WEIGHTS);
  const targets = isTarget.filter(Boolean).length;
  const inputs = header.length - targets - Number(weightColumn >= 0);
  const rows = lines.length - 1;
  if (rows === 0 || inputs === 0) throw new WeightFileError(path, '', 'expected at least one row and one input column');
  const x = new Float64Array(rows * inputs);
  const y = new Float64Array(rows * targets);
  const weights = new Float64Array(weightColumn < 0 ? 0 : rows);
  for (let n = 0; n < rows; n++) {
    const cells = lines[n + 1]!.split(',');
    if (cells.length !== header.length) throw new WeightFileError(path, `line ${n + 2}`, `has ${cells.length} values, the header names ${header.length} columns`);
    let i = n * inputs;
    let j = n * targets;
    for (const [column, cell] of cells.entries()) {
      const value = cell.trim() === '' ? Number.NaN : Number(cell);
      if (column === weightColumn) weights[n] = value;
      else if (isTarget[column] === true) y[j++] = value;
      else x[i++] = value;
    }
  }
  return { source: path, rows, inputs, x, y: targets === 0 ? undefined : y, targets, ...(weightColumn < 0 ? {} : { sampleWeights: weights }) };
}

async function readText(path: string): Promise<string> {
  try {
    const info = await stat(path);
    if (!info.isFile()) throw new WeightFileError(path, '', 'is not a regular file');
    if (info.size > MAX_CSV_BYTES) throw new WeightFileError(path, '', `has ${info.size} bytes; a .csv may have ${MAX_CSV_BYTES}, use .npz or .safetensors`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof WeightFileError) throw error;
    throw new WeightFileError(path, '', (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : 'cannot be read');
  }
}

/** Where a row is: of a table its line, which editors count from 1 with the header; of an array its index, counted from 0. */
function rowPlace(path: string, array: string, row: number): string {
  return path.toLowerCase().endsWith('.csv') ? `line ${row + 2}, ${array}` : `${array}[${row}]`;
}

function requireFinite(path: string, array: string, values: Float64Array, width: number): void {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new WeightFileError(path, rowPlace(path, array, Math.floor(bad / width)), `holds ${Number.isNaN(values[bad]) ? 'a value that is not a number' : String(values[bad])}; data must be finite`);
  }
}

function requireWeights(path: string, weights: Float64Array): void {
  requireFinite(path, WEIGHTS, weights, 1);
  const bad = weights.findIndex((value) => value < 0);
  if (bad >= 0) throw new WeightFileError(path, rowPlace(path, WEIGHTS, bad), `is ${String(weights[bad])}; weights are zero or positive`);
  if (weights.every((value) => value === 0)) throw new WeightFileError(path, WEIGHTS, 'holds zeros only; some point has to count');
}
