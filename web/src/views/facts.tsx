// SPDX-License-Identifier: MIT
// facts.tsx - what is known about one box or function, in words: tooltip, details bar and screen readers use the same.

import type { JSX } from 'preact';
import { formatPoints, formatShare } from '../lib/text.ts';
import { changeOf } from '../model/change.ts';
import { functionLabel } from '../model/profile.ts';
import type { Func } from '../model/profile.ts';
import type { Tree } from '../model/tree.ts';
import { formatWeight } from '../model/units.ts';
import type { Metric } from '../model/weights.ts';
import type { Analysis } from './use-analysis.ts';

export interface Facts {
  readonly name: string;
  readonly place: string;
  readonly total: string;
  readonly self: string;
  readonly change: string;
  readonly note: string;
}

const KIND_NOTES: Partial<Record<Func['kind'], string>> = {
  gc: 'A garbage collection ran here.',
  changing: 'Only the part below was proven: the innermost frames changed while being read.',
  native: 'Native code.',
  kernel: 'Kernel code.',
};

export function factsOf(analysis: Analysis, tree: Tree, node: number, metric: Metric): Facts {
  const { profile, entries, weights } = analysis;
  const entry = tree.entry[node];
  const sum = tree.total[0];
  const amount = (w: number): string => `${formatShare(sum > 0 ? w / sum : 0)} · ${formatWeight(metric, w)}`;
  const func = entry < 0 ? null : profile.functions[entries.functionOf[entry]];
  const line = entries.byLine && entry >= 0 ? profile.frameLine[entry] : (func?.firstLine ?? 0);
  return {
    name: func ? func.name : 'all',
    place: func && func.file !== '' ? (line > 0 ? `${func.file}:${line}` : func.file) : '',
    total: amount(tree.total[node]),
    self: amount(tree.self[node]),
    change: tree.baseTotal
      ? changeText(tree.total[node] / (sum || 1), tree.baseTotal[node] / (sum || 1), weights)
      : '',
    note: func ? (KIND_NOTES[func.kind] ?? '') : '',
  };
}

export function changeText(
  now: number,
  before: number,
  weights: { evidence: number; baseEvidence: number },
): string {
  const { delta, noise } = changeOf(now, before, weights.evidence, weights.baseEvidence);
  const what = before === 0 ? 'new' : now === 0 ? 'gone' : `${formatShare(before)} → ${formatShare(now)}`;
  return `${what} (${formatPoints(delta)}${noise ? ', within noise' : ''})`;
}

export function inWords(facts: Facts): string {
  const parts = [
    facts.name,
    facts.place,
    `total ${facts.total}`,
    `self ${facts.self}`,
    facts.change,
    facts.note,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

export function FactRows({ facts }: { facts: Facts }): JSX.Element {
  return (
    <>
      <div class="fact-name">{facts.name}</div>
      {facts.place && <div class="fact-place">{facts.place}</div>}
      <dl class="fact-numbers">
        <dt>Total</dt>
        <dd>{facts.total}</dd>
        <dt>Self</dt>
        <dd>{facts.self}</dd>
        {facts.change && <dt>Change</dt>}
        {facts.change && <dd>{facts.change}</dd>}
      </dl>
      {facts.note && <div class="fact-note">{facts.note}</div>}
    </>
  );
}

export function shortLabel(func: Func): string {
  return functionLabel(func, func.firstLine);
}
