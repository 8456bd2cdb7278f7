// SPDX-License-Identifier: MIT
// weights.ts - how much each stack weighs within what is selected: some threads, some part of the time.
//
// Without a time range the sums (samples) answer; with one, the runs do. A run that is cut by the range's edge counts
// by the part of its duration inside. The threads chosen apply to a base as well, the range does not.

import type { Span } from '../lib/viewport.ts';
import type { Profile, Runs, Samples } from './profile.ts';

export type Metric = 'count' | 'time';

export interface Selection {
  readonly metric: Metric;
  /** Rows of profile.threads; null: all. */
  readonly threads: ReadonlySet<number> | null;
  /** Microseconds since the start; null: all. */
  readonly range: Span | null;
  /** With the rest of the recording, where there is no other recording to compare with. */
  readonly compare: boolean;
}

export interface Weights {
  /** Per node: samples, or nanoseconds. */
  readonly now: Float64Array;
  readonly total: number;
  /** Samples that it is worth for telling changes from chance, whatever the metric. */
  readonly evidence: number;
  /** Scaled so that its total equals ours: what is left are differences of share. */
  readonly base: Float64Array | null;
  readonly baseEvidence: number;
}

export function weigh(profile: Profile, selection: Selection): Weights {
  const nodes = profile.nodeParent.length;
  const wanted = threadMask(profile.threads.length, selection.threads);
  const { range, metric } = selection;
  const now =
    range && profile.runs
      ? weighRuns(profile.runs, nodes, wanted, metric, range)
      : weighSamples(profile.samples, nodes, wanted, metric);
  const evidence = now.samples / profile.designEffect;
  const base = weighBase(profile, selection, wanted, now);
  if (!base) return { now: now.now, total: now.total, evidence, base: null, baseEvidence: 0 };
  if (base.total > 0 && now.total > 0) {
    const scale = now.total / base.total;
    for (let i = 0; i < nodes; i++) base.now[i] *= scale;
  }
  const baseEvidence = base.samples / (profile.base ?? profile).designEffect;
  return { now: now.now, total: now.total, evidence, base: base.now, baseEvidence };
}

function weighBase(
  profile: Profile,
  selection: Selection,
  wanted: Uint8Array,
  now: OneWeights,
): OneWeights | null {
  const { metric, compare } = selection;
  const nodes = now.now.length;
  if (profile.base) return weighSamples(profile.base.samples, nodes, wanted, metric);
  if (!compare) return null;
  const rest = weighSamples(profile.samples, nodes, new Uint8Array(profile.threads.length).fill(1), metric);
  rest.total = 0;
  for (let i = 0; i < nodes; i++) rest.total += rest.now[i] = Math.max(0, rest.now[i] - now.now[i]);
  rest.samples = Math.max(0, rest.samples - now.samples);
  return rest;
}

interface OneWeights {
  now: Float64Array;
  total: number;
  samples: number;
}

function weighSamples(samples: Samples, nodes: number, wanted: Uint8Array, metric: Metric): OneWeights {
  const now = new Float64Array(nodes);
  const amount = metric === 'time' ? samples.weightNs : samples.count;
  let total = 0;
  let seen = 0;
  for (let i = 0; i < amount.length; i++) {
    if (!wanted[samples.thread[i]]) continue;
    now[samples.node[i]] += amount[i];
    total += amount[i];
    seen += samples.count[i];
  }
  return { now, total, samples: seen };
}

function weighRuns(runs: Runs, nodes: number, wanted: Uint8Array, metric: Metric, range: Span): OneWeights {
  const now = new Float64Array(nodes);
  const { startUs, durationUs, thread, node, count } = runs;
  let total = 0;
  let seen = 0;
  for (let i = 0; i < startUs.length; i++) {
    if (!wanted[thread[i]]) continue;
    const start = startUs[i];
    const duration = durationUs[i];
    const inside = Math.min(start + duration, range.to) - Math.max(start, range.from);
    const share = duration > 0 ? inside / duration : start >= range.from && start < range.to ? 1 : 0;
    if (share <= 0) continue;
    const amount = metric === 'time' ? inside * 1000 : count[i] * share;
    now[node[i]] += amount;
    total += amount;
    seen += count[i] * share;
  }
  return { now, total, samples: seen };
}

function threadMask(threads: number, chosen: ReadonlySet<number> | null): Uint8Array {
  const mask = new Uint8Array(threads).fill(chosen ? 0 : 1);
  chosen?.forEach((id) => {
    if (id < threads) mask[id] = 1;
  });
  return mask;
}
