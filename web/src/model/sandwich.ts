// SPDX-License-Identifier: MIT
// sandwich.ts - everything that calls one function, and everything that it calls.
//
// Where a function recurses, only its outermost call counts, so that no sample is counted twice. Both trees have the
// function itself as their root.

import { Builder, callersOf, finish } from './tree.ts';
import type { Entries, Tree } from './tree.ts';

export interface Sandwich {
  readonly callers: Tree;
  readonly callees: Tree;
}

export function sandwich(tree: Tree, entries: Entries, func: number): Sandwich {
  const rootEntry = entries.byLine ? entries.functionOf.indexOf(func) : func;
  const builder = new Builder(rootEntry, 1024);
  const self: number[] = [];
  const baseSelf: number[] = [];
  const outermost: number[] = [];
  const placed = new Int32Array(tree.parent.length).fill(-1);
  for (let node = 1; node < tree.parent.length; node++) {
    const above = placed[tree.parent[node]];
    if (above >= 0) {
      placed[node] = builder.child(above, tree.entry[node]);
    } else if (entries.functionOf[tree.entry[node]] === func) {
      placed[node] = 0;
      outermost.push(node);
    } else {
      continue;
    }
    const at = placed[node];
    self[at] = (self[at] ?? 0) + tree.self[node];
    if (tree.baseSelf) baseSelf[at] = (baseSelf[at] ?? 0) + tree.baseSelf[node];
  }
  return {
    callers: callersOf(tree, outermost, tree.total, tree.baseTotal, rootEntry),
    callees: finish(builder, self, tree.baseSelf ? baseSelf : null, 0, false),
  };
}
