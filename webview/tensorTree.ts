/**
 * Tensor names as a tree: `model.layers.0.attn.q.weight` splits at `.` and `/`, chains of single children are joined again, and a
 * group carries the sums of its tensors. Flattened to rows for a virtual list, so that 100,000 tensors cost one pass.
 */
import { compareCells } from './tableOrder.ts';

/** What the outline needs to know of a row, be it a tensor or the difference of two. */
export interface OutlineRow {
  readonly name: string;
  readonly elements: number;
  readonly bytes: number;
}

export interface TensorLeaf<T extends OutlineRow> {
  readonly kind: 'tensor';
  /** The part of the name below the group. */
  readonly label: string;
  /** Position in the file. */
  readonly index: number;
  readonly tensor: T;
}

export interface TensorGroup<T extends OutlineRow> {
  readonly kind: 'group';
  readonly label: string;
  /** The full prefix: what the state remembers. */
  readonly path: string;
  readonly children: readonly TensorNode<T>[];
  readonly tensors: number;
  readonly elements: number;
  readonly bytes: number;
}

export type TensorNode<T extends OutlineRow> = TensorLeaf<T> | TensorGroup<T>;

/** Deeper than this a name is no hierarchy any more; the rest of it stays one label. */
const deepest = 24;

interface Growing<T extends OutlineRow> {
  readonly label: string;
  readonly path: string;
  readonly groups: Map<string, Growing<T>>;
  readonly children: (Growing<T> | TensorLeaf<T>)[];
}

/** Groups and tensors in order of first appearance; only those tensors that `keep` accepts. */
export function tensorTree<T extends OutlineRow>(tensors: readonly T[], keep: (tensor: T, index: number) => boolean = () => true): readonly TensorNode<T>[] {
  const root: Growing<T> = { label: '', path: '', groups: new Map(), children: [] };
  tensors.forEach((tensor, index) => {
    if (!keep(tensor, index)) return;
    const parts = tensor.name.split(/(?<=[./])/, deepest + 1);
    // `split` with a limit drops what is left over: the last label takes the rest of the name.
    const prefixes = parts.slice(0, Math.min(parts.length - 1, deepest));
    let group = root;
    for (const prefix of prefixes) {
      let next = group.groups.get(prefix);
      if (next === undefined) {
        next = { label: prefix, path: group.path + prefix, groups: new Map(), children: [] };
        group.groups.set(prefix, next);
        group.children.push(next);
      }
      group = next;
    }
    group.children.push({ kind: 'tensor', label: tensor.name.slice(group.path.length), index, tensor });
  });
  return root.children.map((node) => finish(node));
}

function finish<T extends OutlineRow>(node: Growing<T> | TensorLeaf<T>): TensorNode<T> {
  if ('kind' in node) return node;
  const children = node.children.map((child) => finish(child));
  const only = children[0];
  if (children.length === 1 && only !== undefined) return { ...only, label: node.label + only.label };
  let [tensors, elements, bytes] = [0, 0, 0];
  for (const child of children) {
    tensors += child.kind === 'group' ? child.tensors : 1;
    elements += child.kind === 'group' ? child.elements : child.tensor.elements;
    bytes += child.kind === 'group' ? child.bytes : child.tensor.bytes;
  }
  return { kind: 'group', label: node.label, path: node.path, children, tensors, elements, bytes };
}

export interface VisibleRow<T extends OutlineRow> {
  readonly node: TensorNode<T>;
  /** 1 for the outermost, as `aria-level` counts. */
  readonly level: number;
  readonly expanded: boolean;
  readonly position: number;
  readonly siblings: number;
}

/** The rows that an outline with these groups closed shows, siblings in the order of `compare`. */
export function visibleRows<T extends OutlineRow>(roots: readonly TensorNode<T>[], isClosed: (path: string) => boolean, compare: ((a: TensorNode<T>, b: TensorNode<T>) => number) | null): VisibleRow<T>[] {
  const rows: VisibleRow<T>[] = [];
  const visit = (nodes: readonly TensorNode<T>[], level: number): void => {
    const ordered = compare === null ? nodes : [...nodes].sort(compare);
    ordered.forEach((node, i) => {
      const expanded = node.kind === 'group' && !isClosed(node.path);
      rows.push({ node, level, expanded, position: i + 1, siblings: nodes.length });
      if (node.kind === 'group' && expanded) visit(node.children, level + 1);
    });
  };
  visit(roots, 1);
  return rows;
}

/** Which groups to close at first so that the outline opens with at most `limit` rows: whole levels, innermost first. */
export function initiallyClosed<T extends OutlineRow>(roots: readonly TensorNode<T>[], limit: number): Set<string> {
  let closed: readonly TensorGroup<T>[] = roots.filter((node) => node.kind === 'group');
  let rows = roots.length;
  for (;;) {
    const next = closed.flatMap((group) => group.children);
    if (closed.length === 0 || rows + next.length > limit) break;
    rows += next.length;
    closed = next.filter((node) => node.kind === 'group');
  }
  const paths = new Set<string>();
  const close = (group: TensorGroup<T>): void => {
    paths.add(group.path);
    for (const child of group.children) if (child.kind === 'group') close(child);
  };
  closed.forEach(close);
  return paths;
}

export type TensorKey<T extends OutlineRow> = (node: TensorNode<T>) => string | number | null;

/** Empty keys stay last in both directions; equal ones keep the order of the file. */
export function nodeComparison<T extends OutlineRow>(key: TensorKey<T>, descending: boolean): (a: TensorNode<T>, b: TensorNode<T>) => number {
  return (a, b) => {
    const [x, y] = [key(a), key(b)];
    const missing = (value: string | number | null): boolean => value === null || Number.isNaN(value);
    if (missing(x) || missing(y)) return Number(missing(x)) - Number(missing(y));
    return descending ? compareCells(y, x) : compareCells(x, y);
  };
}

/** Words that must all occur in a row's text; upper and lower case alike. */
export function wordFilter(query: string): (text: string) => boolean {
  const words = query.toLowerCase().split(/\s+/).filter((word) => word !== '');
  return (text) => words.every((word) => text.includes(word));
}
