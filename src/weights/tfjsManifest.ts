/**
 * The text of a TensorFlow.js model: `model.json` with `modelTopology` and `weightsManifest`, as `ModelJSON` and
 * `WeightsManifestConfig` of `tfjs-core/src/io/types.ts` describe it, for layers models and graph models alike. A group of the manifest names
 * files and the weights that lie in them one behind another.
 */
import { isUtf8 } from 'node:buffer';
import type { Dtype } from './dtype.ts';
import { problemOfName } from './folderTree.ts';
import { JsonScanner } from './jsonScanner.ts';
import { elementsOf, showShape } from './shape.ts';
import { showName, WeightFileError } from './weightFileError.ts';

export interface TfjsWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly elements: number;
  /** What the values are. */
  readonly dtype: Dtype | 'string';
  /** How they are stored: value = stored · scale + min, rounded to the dtype. Half precision has no scale. */
  readonly quantization: Quantization | undefined;
  readonly isOptimizers: boolean;
}

export interface Quantization {
  readonly dtype: 'U8' | 'U16' | 'F16';
  readonly scale: number;
  readonly min: number;
}

export interface TfjsManifest {
  readonly groups: readonly { readonly paths: readonly string[]; readonly weights: readonly TfjsWeight[] }[];
  /** `format`, `generatedBy` and the like as they are, short objects as JSON. */
  readonly metadata: Readonly<Record<string, string>>;
}

const MAX_RANK = 64;
const LONGEST_TOPOLOGY = 256 * 1024;
const LONGEST_OTHER = 10_000;

const dtypes: ReadonlyMap<string, Dtype | 'string'> = new Map<string, Dtype | 'string'>([
  ['float32', 'F32'], ['int32', 'I32'], ['bool', 'BOOL'], ['complex64', 'C64'], ['string', 'string'], ['float16', 'F16'], ['uint8', 'U8'], ['uint16', 'U16'],
]);

const quantized: ReadonlyMap<string, Quantization['dtype']> = new Map([['uint8', 'U8'], ['uint16', 'U16'], ['float16', 'F16']]);

/** @throws WeightFileError naming the byte, the group or the weight */
export function parseTfjsManifest(path: string, bytes: Uint8Array): TfjsManifest {
  const refuse: Refuse = (place, problem) => { throw new WeightFileError(path, place, problem); };
  if (!isUtf8(bytes)) refuse('', 'is not valid UTF-8');
  const scanner = new JsonScanner(bytes, (position, problem) => refuse(`byte ${position}`, problem));
  const metadata = Object.create(null) as Record<string, string>;
  const seen = new Set<string>();
  const names = new Set<string>();
  const files = new Set<string>();
  const groups: TfjsManifest['groups'][number][] = [];
  scanner.object('model.json', (section) => {
    if (seen.has(section)) refuse('', `holds "${showName(section)}" twice`);
    seen.add(section);
    if (section === 'weightsManifest') {
      scanner.array('weightsManifest', (index) => groups.push(parseGroup(scanner, `group ${index + 1}`, files, names, refuse)));
    } else {
      const kept = keptText(scanner, bytes, section === 'modelTopology' ? LONGEST_TOPOLOGY : LONGEST_OTHER);
      if (kept !== undefined) metadata[section] = kept;
    }
  });
  scanner.end();
  if (!seen.has('weightsManifest')) refuse('', 'has no weightsManifest, so it is not a TensorFlow.js model');
  return { groups, metadata };
}

type Refuse = (place: string, problem: string) => never;

/** A value's text, unless it is null or too long. */
function keptText(scanner: JsonScanner, bytes: Uint8Array, longest: number): string | undefined {
  const kind = scanner.next();
  if (kind === 'a string') {
    const text = scanner.string('a value');
    return text.length <= longest ? text : undefined;
  }
  const start = scanner.position;
  scanner.skip();
  if (kind === 'null' || scanner.position - start > longest) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, scanner.position - start).toString('utf8');
}

function parseGroup(scanner: JsonScanner, place: string, files: Set<string>, names: Set<string>, refuse: Refuse): TfjsManifest['groups'][number] {
  let paths: string[] | undefined;
  let weights: TfjsWeight[] | undefined;
  scanner.object(place, (field) => {
    if (field === 'paths') {
      if (paths !== undefined) refuse(place, 'has paths twice');
      const found: string[] = [];
      scanner.array('paths', () => {
        const path = scanner.string('a path');
        const problem = problemOfName(path, 'shards', 'the model') ?? (files.has(path) ? 'is listed twice' : undefined);
        if (problem !== undefined) refuse(place, `shard "${showName(path)}" ${problem}`);
        files.add(path);
        found.push(path);
      });
      paths = found;
    } else if (field === 'weights') {
      if (weights !== undefined) refuse(place, 'has weights twice');
      const found: TfjsWeight[] = [];
      scanner.array('weights', (index) => {
        const weight = parseWeight(scanner, `${place}, weight ${index + 1}`, refuse);
        if (names.has(weight.name)) refuse(`tensor "${showName(weight.name)}"`, 'is listed twice');
        names.add(weight.name);
        found.push(weight);
      });
      weights = found;
    } else scanner.skip();
  });
  if (paths === undefined) return refuse(place, 'has no paths');
  if (weights === undefined) return refuse(place, 'has no weights');
  return { paths, weights };
}

function parseWeight(scanner: JsonScanner, place: string, refuse: Refuse): TfjsWeight {
  let name: string | undefined;
  let shape: number[] | undefined;
  let typeName: string | undefined;
  let stored: RawQuantization | undefined;
  let isOptimizers = false;
  const seen = new Set<string>();
  scanner.object('a weight', (field) => {
    if (seen.has(field)) refuse(place, `has "${showName(field)}" twice`);
    seen.add(field);
    if (field === 'name') name = scanner.string('name');
    else if (field === 'dtype') typeName = scanner.string('dtype');
    else if (field === 'group' && scanner.next() === 'a string') isOptimizers = scanner.string('group') === 'optimizer';
    else if (field === 'shape') {
      const lengths: number[] = [];
      scanner.array('shape', (axis) => {
        if (axis === MAX_RANK) refuse(place, `has more than ${MAX_RANK} dimensions`);
        lengths.push(scanner.wholeNumber('shape'));
      });
      shape = lengths;
    } else if (field === 'quantization') stored = parseQuantization(scanner);
    else scanner.skip();
  });
  if (name === undefined) return refuse(place, 'has no name');
  const named = `tensor "${showName(name)}"`;
  if (shape === undefined) return refuse(named, 'has no shape');
  if (typeName === undefined) return refuse(named, 'has no dtype');
  const dtype = dtypes.get(typeName);
  if (dtype === undefined) return refuse(named, `dtype "${showName(typeName)}" is unknown`);
  const elements = elementsOf(shape);
  if (!Number.isSafeInteger(elements * 8)) return refuse(named, `its shape ${showShape(shape)} has more than 2^53 bytes`);
  return { name, shape, elements, dtype, isOptimizers, quantization: stored === undefined ? undefined : checkQuantization(stored, dtype, (problem) => refuse(named, problem)) };
}

interface RawQuantization {
  readonly dtype: string | undefined;
  readonly scale: number | undefined;
  readonly min: number | undefined;
}

function parseQuantization(scanner: JsonScanner): RawQuantization {
  let dtype: string | undefined;
  let scale: number | undefined;
  let min: number | undefined;
  scanner.object('quantization', (field) => {
    if (field === 'dtype') dtype = scanner.string('dtype');
    else if (field === 'scale' && scanner.next() === 'a number') scale = Number(scanner.numberText());
    else if (field === 'min' && scanner.next() === 'a number') min = Number(scanner.numberText());
    else scanner.skip();
  });
  return { dtype, scale, min };
}

function checkQuantization(raw: RawQuantization, values: Dtype | 'string', refuse: (problem: string) => never): Quantization {
  const dtype = quantized.get(raw.dtype ?? '');
  if (dtype === undefined) return refuse(raw.dtype === undefined ? 'its quantization has no dtype' : `its quantization dtype "${showName(raw.dtype)}" is unknown`);
  if (values !== 'F32' && (values !== 'I32' || dtype === 'F16')) return refuse(`is ${values} quantised as ${dtype}, which the format does not have`);
  if (dtype === 'F16') return { dtype, scale: 1, min: 0 };
  const { scale, min } = raw;
  if (scale === undefined || min === undefined || !Number.isFinite(scale) || !Number.isFinite(min)) return refuse('its quantization has no finite scale and min');
  return { dtype, scale, min };
}
