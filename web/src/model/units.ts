// SPDX-License-Identifier: MIT
// units.ts - a weight as text, in the unit that was chosen.

import { formatCount, formatNs } from '../lib/text.ts';
import type { Metric } from './weights.ts';

export function formatWeight(metric: Metric, weight: number): string {
  if (metric === 'time') return formatNs(weight);
  return `${formatCount(weight)} ${Math.round(weight) === 1 ? 'sample' : 'samples'}`;
}

/** What one line of folded output counts: samples, or microseconds. */
export function foldedUnit(metric: Metric): number {
  return metric === 'time' ? 1000 : 1;
}
