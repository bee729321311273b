/**
 * What a pickle becomes here: inert records. A call is a record of the function's name and its arguments; nothing is ever called.
 * Containers may be shared between several places (the pickle's memo), but never contain themselves: `checkTree` holds that, and
 * bounds how large and how deep the values are once every sharing is written out, so that whoever reads them may simply recurse.
 */
export type PickleValue =
  | null | boolean | number | bigint | string
  | PickleBytes | PickleSequence | PickleDict | PickleGlobal | PickleCall | PicklePersistent;

export interface PickleBytes {
  readonly kind: 'bytes';
  readonly bytes: Uint8Array;
}

export class PickleSequence {
  readonly kind: 'list' | 'tuple' | 'set';
  readonly items: PickleValue[];

  constructor(kind: 'list' | 'tuple' | 'set', items: PickleValue[]) {
    this.kind = kind;
    this.items = items;
  }
}

/** A dict or one of its kin (OrderedDict, defaultdict, Counter), in insertion order. */
export class PickleDict {
  readonly kind = 'dict';
  readonly type: string;
  readonly entries: (readonly [key: PickleValue, value: PickleValue])[] = [];
  /** What BUILD set besides the entries: an OrderedDict's attributes. */
  attributes: PickleValue = null;
  readonly #byKey = new Map<PickleValue, PickleValue>();

  constructor(type: string) {
    this.type = type;
  }

  /** @returns false when the key is there already (keys that are records count as different from each other) */
  add(key: PickleValue, value: PickleValue): boolean {
    if (this.#byKey.has(key)) return false;
    this.#byKey.set(key, value);
    this.entries.push([key, value]);
    return true;
  }

  get(key: string): PickleValue | undefined {
    return this.#byKey.get(key);
  }
}

/** A name from the allow-list, "torch._utils._rebuild_tensor_v2". */
export interface PickleGlobal {
  readonly kind: 'global';
  readonly name: string;
}

/** What REDUCE and NEWOBJ would have called. */
export class PickleCall {
  readonly kind = 'call';
  readonly callee: string;
  readonly args: readonly PickleValue[];
  state: PickleValue = null;

  constructor(callee: string, args: readonly PickleValue[]) {
    this.callee = callee;
    this.args = args;
  }
}

/** A reference to something outside the pickle; in a PyTorch file to a storage. */
export class PicklePersistent {
  readonly kind = 'persistent';
  readonly id: PickleValue;

  constructor(id: PickleValue) {
    this.id = id;
  }
}

const DEEPEST = 200;

/**
 * Size and depth of the value as a tree, found in one pass over its distinct parts without recursion.
 * @returns what is wrong, or undefined
 */
export function checkTree(root: PickleValue, mostNodes: number): string | undefined {
  const done = new Map<object, { readonly nodes: number; readonly depth: number }>();
  const open = new Set<object>();
  const pending: PickleValue[] = [root];
  for (let value = pending.at(-1); value !== undefined; value = pending.at(-1)) {
    if (value === null || typeof value !== 'object' || done.has(value)) {
      pending.pop();
      continue;
    }
    const parts = partsOf(value);
    if (open.has(value)) {
      // Second time on top: all parts are done.
      pending.pop();
      open.delete(value);
      let nodes = 1;
      let depth = 0;
      for (const part of parts) {
        const size = part === null || typeof part !== 'object' ? undefined : done.get(part);
        nodes += size?.nodes ?? 1;
        depth = Math.max(depth, size?.depth ?? 0);
      }
      if (nodes > mostNodes) return `expands to more than ${mostNodes} values`;
      if (depth + 1 > DEEPEST) return `is nested more than ${DEEPEST} levels deep`;
      done.set(value, { nodes, depth: depth + 1 });
      continue;
    }
    open.add(value);
    for (const part of parts) {
      if (part !== null && typeof part === 'object') {
        if (open.has(part)) return 'contains itself';
        if (!done.has(part)) pending.push(part);
      }
    }
  }
  return undefined;
}

function partsOf(value: Exclude<PickleValue, null | boolean | number | bigint | string>): readonly PickleValue[] {
  switch (value.kind) {
    case 'list':
    case 'tuple':
    case 'set': return value.items;
    case 'dict': return [...value.entries.flat(), value.attributes];
    case 'call': return [...value.args, value.state];
    case 'persistent': return [value.id];
    case 'bytes':
    case 'global': return [];
  }
}
