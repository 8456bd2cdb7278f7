// SPDX-License-Identifier: MIT
// layout.ts - where each box of a flame graph lies.
//
// Boxes are stored by row, and within a row from left to right, so that drawing reads memory in order and a point is
// found by binary search. x and width are in the tree's unit of weight; screens come later (lib/viewport.ts).
//
//   row 0  |------------------- root -------------------|      start[0] = 0
//   row 1  |-------- a --------|------ b ------|               start[1] = 1
//   row 2  |-- c --|- d -|     |- e -|                         start[2] = 3
//
// The rest of a box that no child covers is its own time.

import type { Tree } from './tree.ts';

export type WidthOf = 'now' | 'base' | 'both';
export type Order = 'size' | 'name';

export interface Layout {
  readonly tree: Tree;
  readonly total: number;
  readonly rows: number;
  /** First box of each row, and one past the last of all. */
  readonly start: Int32Array;
  readonly node: Int32Array;
  readonly x: Float64Array;
  readonly width: Float64Array;
  /** Box of each tree node; -1: it weighs nothing here. */
  readonly boxOf: Int32Array;
}

export function layOut(tree: Tree, widthOf: WidthOf, order: Order, rankOf: Int32Array): Layout {
  const weight = boxWeights(tree, widthOf);
  const { first, next } = childLists(tree, weight);
  const count = tree.parent.length;
  const node = new Int32Array(count);
  const x = new Float64Array(count);
  const boxOf = new Int32Array(count).fill(-1);
  const start: number[] = [0];
  let filled = 1;
  boxOf[0] = 0;
  const children: number[] = [];
  const bySize = (a: number, b: number): number =>
    weight[b] - weight[a] || rankOf[tree.entry[a]] - rankOf[tree.entry[b]];
  const byName = (a: number, b: number): number => rankOf[tree.entry[a]] - rankOf[tree.entry[b]];
  for (let from = 0; from < filled;) {
    const to = filled;
    start.push(to);
    for (let box = from; box < to; box++) {
      children.length = 0;
      for (let child = first[node[box]]; child >= 0; child = next[child]) children.push(child);
      if (children.length > 1) children.sort(order === 'size' ? bySize : byName);
      let at = x[box];
      for (const child of children) {
        node[filled] = child;
        x[filled] = at;
        boxOf[child] = filled++;
        at += weight[child];
      }
    }
    from = to;
  }
  const used = node.slice(0, filled);
  return {
    tree,
    total: weight[0],
    rows: start.length - 1,
    start: Int32Array.from(start),
    node: used,
    x: x.slice(0, filled),
    width: Float64Array.from(used, (n) => weight[n]),
    boxOf,
  };
}

function boxWeights(tree: Tree, widthOf: WidthOf): Float64Array {
  const { total, baseTotal } = tree;
  if (!baseTotal || widthOf === 'now') return total;
  if (widthOf === 'base') return baseTotal;
  return total.map((w, i) => (w + baseTotal[i]) / 2);
}

function childLists(tree: Tree, weight: Float64Array): { first: Int32Array; next: Int32Array } {
  const first = new Int32Array(tree.parent.length).fill(-1);
  const next = new Int32Array(tree.parent.length).fill(-1);
  for (let node = tree.parent.length - 1; node > 0; node--) {
    if (weight[node] <= 0) continue;
    next[node] = first[tree.parent[node]];
    first[tree.parent[node]] = node;
  }
  return { first, next };
}

/** The box of a row that covers x, or -1. */
export function boxAt(layout: Layout, row: number, x: number): number {
  if (row < 0 || row >= layout.rows) return -1;
  const box = firstEndingAfter(layout, layout.start[row], layout.start[row + 1], x);
  return box < layout.start[row + 1] && layout.x[box] <= x ? box : -1;
}

/** The first box in [from, to) whose right edge lies beyond x. */
export function firstEndingAfter(layout: Layout, from: number, to: number, x: number): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (layout.x[middle] + layout.width[middle] > x) high = middle;
    else low = middle + 1;
  }
  return low;
}

export function rowOf(layout: Layout, box: number): number {
  let low = 0;
  let high = layout.rows - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (layout.start[middle] <= box) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Alphabetical position of each entry, for order and for ties. */
export function nameRanks(names: readonly string[]): Int32Array {
  const sorted = names
    .map((_, i) => i)
    .sort((a, b) => (names[a] < names[b] ? -1 : names[a] > names[b] ? 1 : a - b));
  const ranks = new Int32Array(names.length);
  sorted.forEach((entry, rank) => (ranks[entry] = rank));
  return ranks;
}
