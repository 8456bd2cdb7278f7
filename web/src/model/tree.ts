// SPDX-License-Identifier: MIT
// tree.ts - trees of calls: what flame graphs, tables and sandwiches are made from.
//
// A profile's nodes are exact (one per line). A tree is a view of them: lines of a function merged or not, direct
// recursion collapsed or not, some kinds of frames left out (their weight stays, on their caller). Its shape depends on
// these choices only, so it is built once; dragging a range only moves weights. Node 0 is the root; a parent's id is
// lower than its children's, so one pass downwards or upwards is a loop.
//
// An entry is what one box stands for: a function, or one line of it.

import { PairMap } from '../lib/pairmap.ts';
import type { FrameKind } from './page-format.ts';
import { functionLabel } from './profile.ts';
import type { Profile } from './profile.ts';
import type { Weights } from './weights.ts';

export interface Entries {
  readonly byLine: boolean;
  readonly functionOf: Int32Array;
  readonly ofFrame: Int32Array;
  readonly names: readonly string[];
}

export interface Shape {
  readonly parent: Int32Array;
  /** Of each tree node; the root's is -1 (everything), or an entry when all starts with it. */
  readonly entry: Int32Array;
  /** Of each profile node. */
  readonly nodeOf: Int32Array;
}

export interface Tree {
  readonly parent: Int32Array;
  readonly entry: Int32Array;
  readonly self: Float64Array;
  readonly total: Float64Array;
  readonly baseSelf: Float64Array | null;
  readonly baseTotal: Float64Array | null;
  /** Weight whose outer (inverted: inner) part was cut by TREE_MAX_NODES. */
  readonly cut: number;
  /** Then a node's total is own time of its path's first function, and self says where stacks begin. */
  readonly leafFirst: boolean;
}

export interface ShapeOptions {
  readonly collapse: boolean;
  readonly hidden: ReadonlySet<FrameKind>;
}

/** An inverted tree can have as many nodes as there are frames on all stacks. */
export const TREE_MAX_NODES = 1_000_000;

export function makeEntries(profile: Profile, byLine: boolean): Entries {
  const { functions, frameFunction, frameLine } = profile;
  if (byLine) {
    const ofFrame = frameFunction.map((_, frame) => frame);
    const names = Array.from(frameFunction, (f, frame) => {
      const line = frameLine[frame];
      return line > 0 ? `${functions[f].name}:${line}` : functions[f].name;
    });
    return { byLine, functionOf: frameFunction, ofFrame, names };
  }
  const functionOf = Int32Array.from(functions, (_, f) => f);
  return { byLine, functionOf, ofFrame: frameFunction, names: functions.map((f) => f.name) };
}

export function entryLabel(profile: Profile, entries: Entries, entry: number): string {
  if (entry < 0) return 'all';
  const func = profile.functions[entries.functionOf[entry]];
  return functionLabel(func, entries.byLine ? profile.frameLine[entry] : func.firstLine);
}

export class Builder {
  readonly parent: number[] = [-1];
  readonly entry: number[];
  private ids: PairMap;

  constructor(rootEntry: number, expected: number) {
    this.entry = [rootEntry];
    this.ids = new PairMap(expected);
  }

  child(parent: number, entry: number): number {
    const known = this.ids.get(parent, entry);
    if (known >= 0) return known;
    const id = this.parent.length;
    this.parent.push(parent);
    this.entry.push(entry);
    this.ids.set(parent, entry, id);
    return id;
  }

  get full(): boolean {
    return this.parent.length >= TREE_MAX_NODES;
  }
}

export function buildShape(profile: Profile, entries: Entries, options: ShapeOptions): Shape {
  const { nodeParent, nodeFrame, functions } = profile;
  const builder = new Builder(-1, nodeParent.length);
  const nodeOf = new Int32Array(nodeParent.length);
  const hidden = functions.map((f) => options.hidden.has(f.kind));
  for (let node = 1; node < nodeParent.length; node++) {
    const above = nodeOf[nodeParent[node]];
    const entry = entries.ofFrame[nodeFrame[node]];
    const func = entries.functionOf[entry];
    const aboveEntry = builder.entry[above];
    const repeats = options.collapse && aboveEntry >= 0 && entries.functionOf[aboveEntry] === func;
    nodeOf[node] = hidden[func] || repeats ? above : builder.child(above, entry);
  }
  return { parent: Int32Array.from(builder.parent), entry: Int32Array.from(builder.entry), nodeOf };
}

export function measure(shape: Shape, weights: Weights): Tree {
  const { parent, entry, nodeOf } = shape;
  const self = gather(parent.length, nodeOf, weights.now);
  const baseSelf = weights.base && gather(parent.length, nodeOf, weights.base);
  return {
    parent,
    entry,
    self,
    total: totals(parent, self),
    baseSelf,
    baseTotal: baseSelf && totals(parent, baseSelf),
    cut: 0,
    leafFirst: false,
  };
}

function gather(count: number, nodeOf: Int32Array, weights: Float64Array): Float64Array {
  const self = new Float64Array(count);
  for (let node = 0; node < nodeOf.length; node++) self[nodeOf[node]] += weights[node];
  return self;
}

export function totals(parent: Int32Array, self: Float64Array): Float64Array {
  const total = self.slice();
  for (let node = parent.length - 1; node > 0; node--) total[parent[node]] += total[node];
  return total;
}

/** Leaf first: the children of the root are the functions in which time was spent, below them their callers. */
export function invert(tree: Tree): Tree {
  const leaves: number[] = [];
  for (let node = 1; node < tree.parent.length; node++)
    if (tree.self[node] > 0 || (tree.baseSelf && tree.baseSelf[node] > 0)) leaves.push(node);
  leaves.sort((a, b) => tree.self[b] - tree.self[a] || a - b); // should it become too large, the least is cut
  return callersOf(tree, leaves, tree.self, tree.baseSelf, -1);
}

/** Merges the ways from each of `starts` up to the root. With a root entry the starts themselves are the root. */
export function callersOf(
  tree: Tree,
  starts: readonly number[],
  amount: Float64Array,
  baseAmount: Float64Array | null,
  rootEntry: number,
): Tree {
  const builder = new Builder(rootEntry, tree.parent.length);
  const self: number[] = [];
  const baseSelf: number[] = [];
  let cut = 0;
  for (const start of starts) {
    let at = 0;
    for (let node = rootEntry < 0 ? start : tree.parent[start]; node > 0; node = tree.parent[node]) {
      if (builder.full) {
        cut += amount[start];
        break;
      }
      at = builder.child(at, tree.entry[node]);
    }
    self[at] = (self[at] ?? 0) + amount[start];
    if (baseAmount) baseSelf[at] = (baseSelf[at] ?? 0) + baseAmount[start];
  }
  return finish(builder, self, baseAmount ? baseSelf : null, cut, true);
}

export function finish(
  builder: Builder,
  self: number[],
  baseSelf: number[] | null,
  cut: number,
  leafFirst: boolean,
): Tree {
  const parent = Int32Array.from(builder.parent);
  const dense = (sparse: number[]): Float64Array => Float64Array.from(parent, (_, i) => sparse[i] ?? 0);
  const now = dense(self);
  const base = baseSelf && dense(baseSelf);
  return {
    parent,
    entry: Int32Array.from(builder.entry),
    self: now,
    total: totals(parent, now),
    baseSelf: base,
    baseTotal: base && totals(parent, base),
    cut,
    leafFirst,
  };
}

/** From the root's child down to the node. */
export function pathTo(tree: Tree, node: number): number[] {
  const path: number[] = [];
  for (let at = node; at > 0; at = tree.parent[at]) path.push(at);
  return path.reverse();
}
