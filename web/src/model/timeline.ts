// SPDX-License-Identifier: MIT
// timeline.ts - how busy each thread was over time: for each bin the share of it in which the thread was seen.

import type { Profile, Runs } from './profile.ts';

export interface Timeline {
  readonly endUs: number;
  readonly bins: number;
  /** [thread * bins + bin], 0 to 1. */
  readonly activity: Float32Array;
  /** Per bin, over all threads: threads busy on average. */
  readonly sum: Float32Array;
  readonly peak: number;
}

export function makeTimeline(profile: Profile, runs: Runs, bins: number): Timeline {
  const endUs = Math.max(runs.endUs, profile.meta.duration_us ?? 0, 1);
  const activity = new Float32Array(profile.threads.length * bins);
  const perUs = bins / endUs;
  for (let i = 0; i < runs.startUs.length; i++) {
    const from = runs.startUs[i] * perUs;
    const to = from + runs.durationUs[i] * perUs;
    const row = runs.thread[i] * bins;
    const last = Math.min(bins - 1, Math.floor(to));
    for (let bin = Math.floor(from); bin <= last; bin++)
      activity[row + bin] += Math.min(to, bin + 1) - Math.max(from, bin);
  }
  const sum = new Float32Array(bins);
  let peak = 0;
  for (let i = 0; i < activity.length; i++) {
    activity[i] = Math.min(1, activity[i]);
    sum[i % bins] += activity[i];
  }
  for (const value of sum) peak = Math.max(peak, value);
  return { endUs, bins, activity, sum, peak };
}

export interface ProcessGroup {
  readonly pid: number;
  readonly name: string;
  readonly count: number;
  /** Busiest first. */
  readonly threads: readonly number[];
}

/** Busiest first. */
export function groupByProcess(profile: Profile, counts: Float64Array): ProcessGroup[] {
  const groups = new Map<number, { pid: number; name: string; count: number; threads: number[] }>();
  profile.threads.forEach(({ pid, process }, thread) => {
    const group = groups.get(pid) ?? { pid, name: process, count: 0, threads: [] };
    group.count += counts[thread];
    group.threads.push(thread);
    groups.set(pid, group);
  });
  for (const { threads } of groups.values()) threads.sort((a, b) => counts[b] - counts[a] || a - b);
  return [...groups.values()].sort((a, b) => b.count - a.count || a.pid - b.pid);
}

/** Samples of each thread, for the list beside the timeline. */
export function threadCounts(profile: Profile): Float64Array {
  const { samples, threads } = profile;
  const counts = new Float64Array(threads.length);
  for (let i = 0; i < samples.thread.length; i++) counts[samples.thread[i]] += samples.count[i];
  return counts;
}
