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
  // Made with the first entry: an empty dict takes one byte of a pickle.
  #byKey: Map<PickleValue, PickleValue> | undefined;

  constructor(type: string) {
    this.type = type;
  }

  /** @returns false when the key is there already (keys that are records count as different from each other) */
  add(key: PickleValue, value: PickleValue): boolean {
    this.#byKey ??= new Map();
    if (this.#byKey.has(key)) return false;
    this.#byKey.set(key, value);
    this.entries.push([key, value]);
    return true;
  }

  get(key: string): PickleValue | undefined {
    return this.#byKey?.get(key);
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
  const done = new Map<Container, { readonly nodes: number; readonly depth: number }>();
  const open = new Set<Container>();
  const pending: Container[] = isContainer(root) ? [root] : [];
  for (let value = pending.at(-1); value !== undefined; value = pending.at(-1)) {
    if (done.has(value)) {
      pending.pop();
    } else if (open.has(value)) {
      // Second time on top: all parts are done.
      pending.pop();
      open.delete(value);
      let nodes = 1;
      let depth = 0;
      forEachPart(value, (part) => {
        const size = isContainer(part) ? done.get(part) : undefined;
        nodes += size?.nodes ?? 1;
        depth = Math.max(depth, size?.depth ?? 1);
      });
      if (nodes > mostNodes) return `expands to more than ${mostNodes} values`;
      if (depth + 1 > DEEPEST) return `is nested more than ${DEEPEST} levels deep`;
      done.set(value, { nodes, depth: depth + 1 });
    } else {
      open.add(value);
      let ancestors = 0;
      forEachPart(value, (part) => {
        if (!isContainer(part)) return;
        if (open.has(part)) ancestors++;
        if (!done.has(part)) pending.push(part);
      });
      if (ancestors > 0) return 'contains itself';
    }
  }
  return undefined;
}

type Container = PickleSequence | PickleDict | PickleCall | PicklePersistent;

/** Whether the value has parts; an empty container counts as a leaf. */
function isContainer(value: PickleValue): value is Container {
  if (value === null || typeof value !== 'object') return false;
  switch (value.kind) {
    case 'bytes':
    case 'global': return false;
    case 'list':
    case 'tuple':
    case 'set': return value.items.length > 0;
    case 'dict': return value.entries.length > 0 || value.attributes !== null;
    case 'call':
    case 'persistent': return true;
  }
}

function forEachPart(value: Container, visit: (part: PickleValue) => void): void {
  switch (value.kind) {
    case 'list':
    case 'tuple':
    case 'set':
      for (const item of value.items) visit(item);
      return;
    case 'dict':
      for (const [key, item] of value.entries) {
        visit(key);
        visit(item);
      }
      visit(value.attributes);
      return;
    case 'call':
      for (const arg of value.args) visit(arg);
      visit(value.state);
      return;
    case 'persistent': visit(value.id);
  }
}
