// SPDX-License-Identifier: MIT
// table.ts - functions with their own and their whole share; recursion is counted once.

import type { Entries, Tree } from './tree.ts';

export interface TableRow {
  readonly func: number;
  readonly self: number;
  readonly total: number;
  readonly baseSelf: number;
  readonly baseTotal: number;
}

export function functionRows(tree: Tree, entries: Entries, functions: number): TableRow[] {
  const self = new Float64Array(functions);
  const baseSelf = new Float64Array(functions);
  const total = new Float64Array(functions);
  const baseTotal = new Float64Array(functions);
  for (let node = 1; node < tree.parent.length; node++) {
    const func = entries.functionOf[tree.entry[node]];
    self[func] += tree.self[node];
    if (tree.baseSelf) baseSelf[func] += tree.baseSelf[node];
  }
  forEachOutermost(tree, entries, functions, (node, func) => {
    total[func] += tree.total[node];
    if (tree.baseTotal) baseTotal[func] += tree.baseTotal[node];
  });
  const rows: TableRow[] = [];
  for (let func = 0; func < functions; func++)
    if (total[func] > 0 || baseTotal[func] > 0)
      rows.push({
        func,
        self: self[func],
        total: total[func],
        baseSelf: baseSelf[func],
        baseTotal: baseTotal[func],
      });
  return rows;
}

/** Visits each node whose function is not already on the way to it. */
function forEachOutermost(
  tree: Tree,
  entries: Entries,
  functions: number,
  visit: (node: number, func: number) => void,
): void {
  const count = tree.parent.length;
  const first = new Int32Array(count).fill(-1);
  const next = new Int32Array(count).fill(-1);
  for (let node = count - 1; node > 0; node--) {
    next[node] = first[tree.parent[node]];
    first[tree.parent[node]] = node;
  }
  const open = new Int32Array(functions);
  for (let node = first[0]; node > 0;) {
    const func = entries.functionOf[tree.entry[node]];
    if (open[func]++ === 0) visit(node, func);
    if (first[node] >= 0) {
      node = first[node];
      continue;
    }
    for (; node > 0; node = tree.parent[node]) {
      open[entries.functionOf[tree.entry[node]]]--;
      if (next[node] >= 0) break;
    }
    node = node > 0 ? next[node] : -1;
  }
}

/** The weight of all samples with a matching function anywhere; each counts once. */
export function matchedWeight(tree: Tree, entries: Entries, matches: Uint8Array): number {
  const inside = new Uint8Array(tree.parent.length);
  let sum = 0;
  for (let node = 1; node < tree.parent.length; node++) {
    const above = inside[tree.parent[node]];
    const hit = matches[entries.functionOf[tree.entry[node]]];
    if (hit && !above) sum += tree.total[node];
    inside[node] = above | hit;
  }
  return sum;
}

/** The outermost matching nodes, heaviest first. */
export function matchingNodes(tree: Tree, entries: Entries, matches: Uint8Array): number[] {
  const inside = new Uint8Array(tree.parent.length);
  const found: number[] = [];
  for (let node = 1; node < tree.parent.length; node++) {
    const hit = matches[entries.functionOf[tree.entry[node]]];
    if (hit && !inside[tree.parent[node]] && tree.total[node] > 0) found.push(node);
    inside[node] = inside[tree.parent[node]] | hit;
  }
  return found.sort((a, b) => tree.total[b] - tree.total[a] || a - b);
}
