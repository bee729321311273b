/**
 * Names in their order, found by name: an open-addressing hash table. A `Map` takes three times as long for a million names, most of the time
 * that reading such a header takes. Names that were made to collide end in a `Map` all the same.
 */
const LEAST_SLOTS = 64;
const LONGEST_SEARCH = 256;

export class NameIndex {
  readonly #longestSearch: number;
  readonly #names: string[] = [];
  #hashes: Int32Array;
  /** Positions, one more than that; 0 where a slot is empty. At most half are taken. */
  #slots: Int32Array;
  #map: Map<string, number> | undefined;

  /**
   * @param expected about how many names will come
   * @param longestSearch slots that are looked at before the table is given up; for tests
   */
  constructor(expected: number, longestSearch = LONGEST_SEARCH) {
    const slots = Math.max(LEAST_SLOTS, 2 ** Math.ceil(Math.log2(2 * expected)));
    this.#slots = new Int32Array(slots);
    this.#hashes = new Int32Array(slots / 2);
    this.#longestSearch = longestSearch;
  }

  /** @returns false when the name is there already; otherwise it has the next position */
  add(name: string): boolean {
    const position = this.#names.length;
    if (this.#map === undefined) {
      const hash = hashOf(name);
      const slot = this.#find(name, hash);
      if (slot >= 0) {
        if (this.#slots[slot] !== 0) return false;
        const grows = 2 * position + 2 > this.#slots.length;
        if (grows) this.#grow();
        this.#hashes[position] = hash;
        this.#slots[grows ? this.#emptySlot(hash) : slot] = position + 1;
        this.#names.push(name);
        return true;
      }
      this.#map = new Map(this.#names.map((known, i) => [known, i]));
    }
    if (this.#map.has(name)) return false;
    this.#map.set(name, position);
    this.#names.push(name);
    return true;
  }

  get(name: string): number | undefined {
    if (this.#map !== undefined) return this.#map.get(name);
    const slot = this.#find(name, hashOf(name));
    const found = slot < 0 ? 0 : this.#slots[slot]!;
    return found === 0 ? undefined : found - 1;
  }

  /** The name's slot, or the empty one where it belongs; −1 when the search is too long. */
  #find(name: string, hash: number): number {
    const mask = this.#slots.length - 1;
    for (let step = 0; step < this.#longestSearch; step++) {
      const slot = (hash + step) & mask;
      const found = this.#slots[slot]!;
      if (found === 0 || (this.#hashes[found - 1] === hash && this.#names[found - 1] === name)) return slot;
    }
    return -1;
  }

  #emptySlot(hash: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const hashes = this.#hashes;
    this.#slots = new Int32Array(2 * this.#slots.length);
    this.#hashes = new Int32Array(2 * hashes.length);
    this.#hashes.set(hashes);
    for (let i = 0; i < this.#names.length; i++) this.#slots[this.#emptySlot(hashes[i]!)] = i + 1;
  }
}

function hashOf(name: string): number {
  let hash = name.length;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  return hash;
}
