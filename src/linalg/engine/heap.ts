/** Which bytes of the kernels' memory are in use: first fit over a sorted list of blocks. Addresses are multiples of 64. */
interface Block {
  readonly start: number;
  readonly end: number;
}

const LINE = 64;

export class Heap {
  readonly #base: number;
  /** In use, ascending. */
  #blocks: Block[] = [];

  /** @param base first address that may be given out */
  constructor(base: number) {
    this.#base = Math.ceil(base / LINE) * LINE;
  }

  get empty(): boolean {
    return this.#blocks.length === 0;
  }

  /** The lowest address with so many free bytes behind it; the memory may have to grow up to its end. */
  allocate(bytes: number): number {
    const size = Math.max(LINE, Math.ceil(bytes / LINE) * LINE);
    let start = this.#base;
    let at = 0;
    for (const block of this.#blocks) {
      if (block.start - start >= size) break;
      start = block.end;
      at++;
    }
    this.#blocks.splice(at, 0, { start, end: start + size });
    return start;
  }

  release(address: number): void {
    this.#blocks = this.#blocks.filter((block) => block.start !== address);
  }
}
