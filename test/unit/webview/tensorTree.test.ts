// Laws of the outline: no tensor is lost or invented, sums add up, order is kept, and no name can break it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TensorRow } from '../../../src/protocol/report.ts';
import { tensorText } from '../../../webview/tensorColumns.ts';
import { initiallyClosed, nodeComparison, tensorTree, visibleRows, wordFilter, type TensorNode } from '../../../webview/tensorTree.ts';
import { hostileNames } from './sampleReports.ts';

const tensor = (name: string, elements = 1): TensorRow => ({ name, dtype: 'F32', shape: [elements], elements, bytes: 4 * elements });
const leaves = (nodes: readonly TensorNode<TensorRow>[]): { name: string; label: string; index: number }[] =>
  nodes.flatMap((node) => (node.kind === 'tensor' ? [{ name: node.tensor.name, label: node.label, index: node.index }] : leaves(node.children)));
const name = fc.array(fc.constantFrom('a', 'b', '.', '/', '0', '__proto__', '<b>', ''), { maxLength: 8 }).map((parts) => parts.join(''));
const tensors = fc.uniqueArray(name, { maxLength: 40 }).chain((names) => fc.tuple(...names.map((n) => fc.nat(1000).map((elements) => tensor(n, elements)))));

describe('tensorTree', () => {
  it('holds every tensor once, with sums that add up', () => {
    fc.assert(fc.property(tensors, (rows) => {
      const tree = tensorTree(rows);
      expect(leaves(tree).map((leaf) => leaf.index).sort((a, b) => a - b)).toEqual(rows.map((_, i) => i));
      const check = (node: TensorNode<TensorRow>): [number, number, number] => {
        if (node.kind === 'tensor') return [1, node.tensor.elements, node.tensor.bytes];
        const sums = node.children.map(check).reduce((a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]]);
        expect([node.tensors, node.elements, node.bytes]).toEqual(sums);
        expect(node.children.length).toBeGreaterThan(1);
        return sums;
      };
      tree.forEach(check);
    }));
  });

  it('spells every full name as its labels from the root down', () => {
    fc.assert(fc.property(tensors, (rows) => {
      const walk = (nodes: readonly TensorNode<TensorRow>[], prefix: string): void => {
        for (const node of nodes) {
          if (node.kind === 'tensor') expect(prefix + node.label).toBe(node.tensor.name);
          else {
            expect(prefix + node.label).toBe(node.path);
            walk(node.children, node.path);
          }
        }
      };
      walk(tensorTree(rows), '');
    }));
  });

  it('takes hostile names, and names a thousand levels deep, as they are', () => {
    const names = [...hostileNames, `${'d.'.repeat(1000)}a`, `${'d.'.repeat(1000)}b`];
    expect(leaves(tensorTree(names.map((n) => tensor(n)))).map((leaf) => leaf.name).sort()).toEqual([...names].sort());
  });

  it('groups as a state dict reads: model.layers.{0,1}.{weight,bias}', () => {
    const tree = tensorTree(['model.layers.0.weight', 'model.layers.0.bias', 'model.layers.1.weight', 'model.layers.1.bias', 'head.weight'].map((n) => tensor(n)));
    expect(tree.map((node) => node.label)).toEqual(['model.layers.', 'head.weight']);
    const [group] = tree;
    expect(group?.kind === 'group' ? group.children.map((node) => node.label) : []).toEqual(['0.', '1.']);
  });
});

describe('visibleRows', () => {
  it('with every group open shows every node once, levels rising by one at most', () => {
    fc.assert(fc.property(tensors, (rows) => {
      const shown = visibleRows(tensorTree(rows), () => false, null);
      expect(shown.filter((row) => row.node.kind === 'tensor')).toHaveLength(rows.length);
      shown.forEach((row, i) => { expect(row.level).toBeLessThanOrEqual((shown[i - 1]?.level ?? 0) + 1); });
    }));
  });

  it('opens with no more rows than asked for, unless the top level alone has more', () => {
    fc.assert(fc.property(tensors, fc.integer({ min: 1, max: 50 }), (rows, limit) => {
      const tree = tensorTree(rows);
      const closed = initiallyClosed(tree, limit);
      expect(visibleRows(tree, (path) => closed.has(path), null).length).toBeLessThanOrEqual(Math.max(limit, tree.length));
    }));
  });

  it('sorts siblings only: a child never leaves its group', () => {
    const tree = tensorTree([tensor('a.x', 1), tensor('a.y', 50), tensor('b.x', 20), tensor('b.y', 2)]);
    const bySize = nodeComparison((node) => (node.kind === 'tensor' ? node.tensor.elements : node.elements), true);
    expect(visibleRows(tree, () => false, bySize).map((row) => row.node.label)).toEqual(['a.', 'y', 'x', 'b.', 'x', 'y']);
  });
});

it('the filter wants every word, in name, type or shape, whatever the case', () => {
  const row: TensorRow = { name: 'model.layers.7.Q_proj.weight', dtype: 'BF16', shape: [16, 4], elements: 64, bytes: 128 };
  for (const [query, found] of [['', true], ['q_PROJ bf16', true], ['16x4', true], ['16×4', true], ['q_proj f64', false], ['.*', false]] as const) expect(wordFilter(query)(tensorText(row))).toBe(found);
});
