// SPDX-License-Identifier: MIT
// folded.ts - a tree as lines "outer;inner;innermost weight": what flamegraph.pl, speedscope and py-spy's users paste.

import { entryLabel } from './tree.ts';
import type { Entries, Tree } from './tree.ts';
import type { Profile } from './profile.ts';

/** Of the node and all below it, with the way to it. ';' and line ends inside names become ','. */
export function toFolded(profile: Profile, entries: Entries, tree: Tree, from: number, unit: number): string {
  const lines: string[] = [];
  const prefix: string[] = [];
  const labels = new Map<number, string>();
  const label = (entry: number): string => {
    let text = labels.get(entry);
    if (text === undefined) {
      text = entryLabel(profile, entries, entry).replace(/[;\r\n]/g, ',');
      labels.set(entry, text);
    }
    return text;
  };
  const inside = new Uint8Array(tree.parent.length);
  inside[from] = 1;
  for (let node = 0; node < tree.parent.length; node++) {
    if (node > 0 && inside[tree.parent[node]]) inside[node] = 1;
    const weight = Math.round(tree.self[node] / unit);
    if (!inside[node] || weight <= 0) continue;
    prefix.length = 0;
    for (let at = node; at >= 0; at = tree.parent[at])
      if (tree.entry[at] >= 0) prefix.push(label(tree.entry[at]));
    if (prefix.length > 0) lines.push(`${prefix.reverse().join(';')} ${weight}`);
  }
  return lines.join('\n') + (lines.length > 0 ? '\n' : '');
}
