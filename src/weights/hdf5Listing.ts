/**
 * What an HDF5 file holds, screened before a single element is read: links into other files, external storage and virtual datasets
 * end the reading; symbolic links and second names of groups are left out, so that no path leads round in a circle; no dataset may be larger
 * than the file's bytes can account for.
 */
import { bytesPerElement } from './dtype.ts';
import { Hdf5Problem, type Hdf5Library } from './hdf5Library.ts';
import type { Hdf5Contents, Hdf5Dataset } from './hdf5Protocol.ts';
import { hdf5Type } from './hdf5Types.ts';
import type { KerasLayer } from './weightFile.ts';
import { elementsOf, showShape } from './shape.ts';
import { showName } from './weightFileError.ts';

/** An error about one object of the file. */
export class Hdf5ObjectProblem extends Error {
  readonly place: string;

  constructor(place: string, problem: string) {
    super(problem);
    this.place = place;
  }
}

// Keras nests some five groups a submodel.
const DEEPEST = 64;
const MOST_OBJECTS = 200_000;
const LONGEST_PATH = 4096;
const MOST_NOTES = 20;
const ALIVE_EVERY = 500;
// Deflate packs at most 1032 bytes into one.
const LARGEST_RATIO = 1100;
const LARGEST_CHUNK = 2 ** 28;
const MOST_DIMENSIONS = 32;
const MOST_ATTRIBUTES = 200;
const MOST_NAMES = 100_000;
// A configuration may be long; the parts of a list of names are at most 64 kB each.
const LONGEST_ATTRIBUTE = 64 * 2 ** 20;

const GROUP = 0;
const DATASET = 1;
const NAMED_TYPE = 2;

/**
 * @param alive called now and then, so that whoever waits knows that this goes on
 * @throws Hdf5ObjectProblem, Hdf5Problem
 */
export function listContents(library: Hdf5Library, file: bigint, fileBytes: number, alive: () => void): Hdf5Contents {
  return new Listing(library, file, fileBytes, alive).contents();
}

class Listing {
  readonly #library: Hdf5Library;
  readonly #file: bigint;
  readonly #fileBytes: number;
  readonly #alive: () => void;
  readonly #datasets: Hdf5Dataset[] = [];
  readonly #names = new Set<string>();
  readonly #scales: string[] = [];
  /** Paths of the groups that were entered, by where they lie in the file. */
  readonly #groups = new Map<string, string>();
  readonly #notes: string[] = [];
  #leftOut = 0;
  #objects = 0;
  #compressedBytes = 0;
  #hasDimensions = false;

  constructor(library: Hdf5Library, file: bigint, fileBytes: number, alive: () => void) {
    this.#library = library;
    this.#file = file;
    this.#fileBytes = fileBytes;
    this.#alive = alive;
  }

  contents(): Hdf5Contents {
    const attributes = this.#rootAttributes();
    this.#hasDimensions = attributes['_NCProperties'] !== undefined;
    this.#groups.set(this.#address('/'), '');
    this.#visit('', 0);
    return { datasets: this.#datasets, scales: this.#scales, attributes, kerasLayers: this.#kerasLayers(), notes: this.#notes, leftOut: this.#leftOut };
  }

  #visit(group: string, depth: number): void {
    const names = this.#library.ask((module) => module.get_names(this.#file, `/${group}`, false));
    // The library gives the names that it found before the fault, and no sign but its complaint.
    const complaint = this.#library.complaint('its links cannot be read');
    if (complaint !== undefined) throw complaint;
    for (const name of names) {
      if (++this.#objects > MOST_OBJECTS) throw new Hdf5Problem(`holds more than ${MOST_OBJECTS} objects`);
      if (this.#objects % ALIVE_EVERY === 0) this.#alive();
      const path = group === '' ? name : `${group}/${name}`;
      if (path.length > LONGEST_PATH) throw new Hdf5ObjectProblem(`object "${showName(path)}"`, `its path has more than ${LONGEST_PATH} characters`);
      try {
        this.#object(path, depth);
      } catch (error) {
        throw error instanceof Hdf5Problem ? new Hdf5ObjectProblem(`object "${showName(path)}"`, error.message) : error;
      }
    }
  }

  #object(path: string, depth: number): void {
    const { module } = this.#library;
    const full = `/${path}`;
    const external: { readonly filename?: string } = module.get_external_link(this.#file, full);
    if (external.filename !== undefined) {
      throw new Hdf5ObjectProblem(`link "${showName(path)}"`, `leads into another file ("${showName(external.filename)}"), which is not opened; copy what it leads to into this file`);
    }
    const target = module.get_symbolic_link(this.#file, full) as string | null;
    if (target !== null) {
      this.#note(`Link "${showName(path)}" is a symbolic one (to "${showName(target)}") and is not followed.`);
      return;
    }
    const type = module.get_type(this.#file, full);
    if (type === GROUP) {
      const address = this.#address(full);
      const known = this.#groups.get(address);
      if (known !== undefined) {
        this.#note(`Group "${showName(path)}" is another name of ${known === '' ? 'the root' : `group "${showName(known)}"`} and is left out.`);
        return;
      }
      if (depth >= DEEPEST) throw new Hdf5ObjectProblem(`group "${showName(path)}"`, `groups are nested more than ${DEEPEST} levels deep`);
      this.#groups.set(address, path);
      this.#visit(path, depth + 1);
    } else if (type === DATASET) this.#dataset(path);
    else if (type !== NAMED_TYPE) throw new Hdf5ObjectProblem(`object "${showName(path)}"`, 'is neither a group nor a dataset, or its description is damaged');
  }

  #dataset(path: string): void {
    const fail = (problem: string): never => { throw new Hdf5ObjectProblem(`tensor "${showName(path)}"`, problem); };
    const metadata = this.#library.ask((module) => module.get_dataset_metadata(this.#file, `/${path}`));
    const [virtual] = metadata.virtual_sources ?? [];
    if (metadata.virtual_sources !== undefined) fail(`is a virtual dataset${virtual === undefined ? '' : ` (its elements lie in "${showName(virtual.file_name)}")`}, which is not opened; copy its elements into this file`);
    const { shape } = metadata;
    if (shape === null) {
      this.#note(`Dataset "${showName(path)}" is left out: it has no elements, not even a shape.`);
      return;
    }
    if (shape.length > MOST_DIMENSIONS) fail(`has ${shape.length} dimensions; at most ${MOST_DIMENSIONS} are read`);
    const type = hdf5Type(metadata, this.#library.halfType, this.#declaredType(path));
    if ('leftOut' in type) {
      this.#note(`Dataset "${showName(path)}" is left out: it holds ${type.leftOut}.`);
      return;
    }
    const width = bytesPerElement[type.dtype];
    if (metadata.size !== width) fail(`its elements of ${type.dtype} take ${metadata.size} bytes each`);
    const elements = elementsOf(shape);
    const bytes = elements * width;
    if (!shape.every(Number.isSafeInteger) || !Number.isSafeInteger(bytes)) fail(`its shape ${showShape(shape)} has more than 2^53 bytes`);
    const filters = this.#library.ask((module) => module.get_dataset_filters(this.#file, `/${path}`)).map(({ id, name }) => ({ id, name }));
    const chunkBytes = metadata.chunks === null ? 0 : elementsOf(metadata.chunks) * width;
    if (chunkBytes > LARGEST_CHUNK) fail(`its chunks of ${chunkBytes} bytes are larger than the ${LARGEST_CHUNK} that are read`);
    if (filters.length === 0 && bytes > this.#fileBytes) fail(`its shape ${showShape(shape)} of ${type.dtype} takes ${bytes} bytes, but the whole file has ${this.#fileBytes}`);
    if (filters.length > 0) this.#compressedBytes += bytes;
    if (this.#compressedBytes > LARGEST_RATIO * this.#fileBytes) {
      fail(`its shape ${showShape(shape)} of ${type.dtype} takes ${bytes} bytes, more than a file of ${this.#fileBytes} can hold in compressed form`);
    }
    const foreign = filters.find(({ id }) => !(id in knownFilters));
    if (foreign !== undefined) {
      this.#note(`Dataset "${showName(path)}" is left out: it is compressed with ${foreign.name === '' ? `filter ${foreign.id}` : showName(foreign.name)}, which HDF5 itself does not have; save it with gzip, or uncompressed.`);
      return;
    }
    if (this.#names.has(path)) fail('is there twice');
    this.#names.add(path);
    if (this.#hasDimensions && this.#isScale(path)) this.#scales.push(path);
    const dimensions = this.#hasDimensions ? this.#dimensions(path, shape.length) : [];
    // External storage shows itself only when it is used; the first element is enough, and the file system opens nothing.
    if (metadata.chunks === null && elements > 0) {
      const origin = shape.map(() => 0);
      try {
        this.#library.read(this.#file, path, origin, origin.map(() => 1), width, () => undefined);
      } catch (error) {
        fail(error instanceof Hdf5Problem ? error.message : 'cannot be read');
      }
    }
    this.#datasets.push({ name: path, dtype: type.dtype, shape, compressed: filters.length > 0, chunkBytes, dimensions });
  }

  /** A group is known by the address of its header, which an object reference consists of. */
  #address(full: string): string {
    return Buffer.from(this.#library.ask((module) => module.create_object_reference(this.#file, full))).toString('hex');
  }

  #note(sentence: string): void {
    if (this.#notes.length < MOST_NOTES) this.#notes.push(sentence);
    else this.#leftOut++;
  }

  /** The attribute's value, when it is there and of a size to be read. */
  #attribute(path: string, name: string): unknown {
    const { size, total_size: count, vlen } = this.#library.ask((module) => module.get_attribute_metadata(this.#file, path, name));
    // A text of varying length is stored elsewhere in the file, and several attributes may share it.
    if (!(size * count <= Math.min(this.#fileBytes, LONGEST_ATTRIBUTE)) || (vlen && count > MOST_NAMES)) return undefined;
    const value = this.#library.ask(() => this.#library.attributeValue(this.#file, path, name));
    // The wrapping of the library gives whatever lies in memory where an attribute cannot be read.
    const complaint = this.#library.complaint('cannot be read');
    if (complaint === undefined) return value;
    this.#note(`Attribute "${showName(name)}" of ${path === '/' ? 'the file' : `"${showName(path.slice(1))}"`} is left out: it ${complaint.message}.`);
    return undefined;
  }

  #attributeNames(path: string): readonly string[] {
    return this.#library.ask((module) => module.get_attribute_names(this.#file, path)).slice(0, MOST_ATTRIBUTES);
  }

  #rootAttributes(): Record<string, string> {
    const attributes = Object.create(null) as Record<string, string>;
    for (const name of this.#attributeNames('/')) {
      const value = this.#attribute('/', name);
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') attributes[name] = value.toString();
    }
    return attributes;
  }

  #declaredType(path: string): string | undefined {
    if (!this.#attributeNames(`/${path}`).includes('dtype')) return undefined;
    const value = this.#attribute(`/${path}`, 'dtype');
    return typeof value === 'string' ? value : undefined;
  }

  #isScale(path: string): boolean {
    return this.#attributeNames(`/${path}`).includes('CLASS') && this.#attribute(`/${path}`, 'CLASS') === 'DIMENSION_SCALE';
  }

  #dimensions(path: string, rank: number): string[] {
    if (!this.#attributeNames(`/${path}`).includes('DIMENSION_LIST')) return [];
    return Array.from({ length: rank }, (_, axis) => {
      const [scale = ''] = this.#library.ask((module) => module.get_attached_scales(this.#file, `/${path}`, axis));
      return scale.slice(scale.lastIndexOf('/') + 1);
    });
  }

  /**
   * Keras 2 keeps the order that HDF5 loses in `layer_names` of the group of weights and `weight_names` of each layer's group
   * (`keras/src/legacy/saving/legacy_h5_format.py`). Keras 3 numbers the variables of a layer in a group `vars`, whose
   * attribute `name` is the layer's (`keras/src/saving/saving_lib.py`).
   */
  #kerasLayers(): KerasLayer[] {
    const groups = new Set(this.#groups.values());
    const root = groups.has('model_weights') ? 'model_weights' : '';
    const named = this.#texts(root, 'layer_names').map((name) => ({ name, folder: root === '' ? name : `${root}/${name}` })).filter(({ folder }) => groups.has(folder));
    if (named.length > 0) {
      return named.map(({ name, folder }) => ({ name, group: folder, weights: this.#texts(folder, 'weight_names').map((weight) => `${folder}/${weight}`).filter((weight) => this.#names.has(weight)) }));
    }
    return [...groups].filter((group) => /(^|\/)vars$/.test(group)).flatMap((group) => {
      const weights: string[] = [];
      for (let i = 0; this.#names.has(`${group}/${i}`); i++) weights.push(`${group}/${i}`);
      const name = this.#attributeNames(`/${group}`).includes('name') ? this.#attribute(`/${group}`, 'name') : undefined;
      if (typeof name !== 'string' && weights.length === 0) return [];
      return [{ ...(typeof name === 'string' ? { name } : {}), group: group.slice(0, -'/vars'.length), weights }];
    });
  }

  /** A list of texts, which Keras cuts into `layer_names0`, `layer_names1`, … when it is long. */
  #texts(group: string, attribute: string): string[] {
    const names = this.#attributeNames(`/${group}`);
    const texts: string[] = [];
    for (const name of names.includes(attribute) ? [attribute] : names.filter((candidate) => candidate.startsWith(attribute) && /^\d+$/.test(candidate.slice(attribute.length)))) {
      const value = this.#attribute(`/${group}`, name);
      if (Array.isArray(value)) for (const item of value) if (typeof item === 'string' && texts.length < MOST_NAMES) texts.push(item);
    }
    return texts;
  }
}

/** Built into the library: deflate, shuffle, fletcher32, szip, nbit, scaleoffset. */
const knownFilters: Readonly<Record<number, true>> = { 1: true, 2: true, 3: true, 4: true, 5: true, 6: true };
