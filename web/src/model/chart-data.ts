// SPDX-License-Identifier: MIT
// chart-data.ts - from an answer's series to columns that can be drawn.

import type { Line, Series } from './answers.ts';
import type { Instants } from './period.ts';

export interface Columns {
  readonly times: readonly number[];
  readonly lines: readonly Line[];
}

/** Windows are 10 s, and what agents counted in them is written up to as long after. */
const WRITTEN_AFTER_S = 20;

/** Lines with one length, whatever came. Steps that are not over yet, or began before the range, are not known: what was
 * counted of them would look like less. Unless there is nothing else. */
export function columnsOf(
  { times_s: times, step_s: step, series }: Series,
  shown?: Instants,
  now = Infinity,
): Columns {
  const end = shown ? Math.min(shown.to, now - WRITTEN_AFTER_S) : Infinity;
  const whole = times.map((at) => at + step <= end && at >= (shown?.from ?? -Infinity));
  const cut = whole.filter(Boolean).length >= WHOLE_MIN;
  const lines = series.map((line) => ({
    ...line,
    values: Array.from(times, (_, i) => (cut && !whole[i] ? null : (line.values[i] ?? null))),
  }));
  return { times, lines };
}

const WHOLE_MIN = 3;

/** The same for a sparkline, which has no times: its ends are cut. */
export function wholeSteps<T>(values: readonly T[]): readonly T[] {
  return values.length > WHOLE_MIN + 1 ? values.slice(1, -1) : values;
}

/** At most `most` lines, the largest first; the rest added up as "others". */
export function largest({ times, lines }: Columns, most: number): Columns {
  const sums = new Map(lines.map((line) => [line, sumOf(line.values)]));
  const sorted = [...lines].sort((a, b) => sums.get(b)! - sums.get(a)! || (a.name < b.name ? -1 : 1));
  if (sorted.length <= most) return { times, lines: sorted };
  const rest = sorted.slice(most - 1);
  const others: Line = {
    name: `${rest.length} others`,
    unit: rest[0]!.unit,
    values: times.map((_, i) => addKnown(rest.map((line) => line.values[i] ?? null))),
  };
  return { times, lines: [...sorted.slice(0, most - 1), others] };
}

/** One chart has one unit. */
export function byUnit({ times, lines }: Columns): Columns[] {
  const units = [...new Set(lines.map((line) => line.unit))];
  return units.map((unit) => ({ times, lines: lines.filter((line) => line.unit === unit) }));
}

export function sumOf(values: readonly (number | null)[]): number {
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}

/** null only when nothing is known. */
function addKnown(values: readonly (number | null)[]): number | null {
  return values.some((value) => value !== null) ? sumOf(values) : null;
}

export function totals({ times, lines }: Columns): (number | null)[] {
  return times.map((_, i) => addKnown(lines.map((line) => line.values[i] ?? null)));
}

/** Part of the range that column i stands for, as shares of the width. */
export function columnSpan(
  times: readonly number[],
  step: number,
  i: number,
  shown: Instants,
): [number, number] {
  const length = shown.to - shown.from;
  const from = (times[i]! - shown.from) / length;
  return [Math.max(0, from), Math.min(1, from + step / length)];
}

/** A histogram's buckets, added up to at most `most` bars so that each is wide enough to be clicked. */
export interface Bar {
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

export function barsOf(
  buckets: readonly { low_s: number; high_s: number; count: number }[],
  most: number,
): Bar[] {
  const filled = buckets.filter((bucket) => bucket.count > 0 && bucket.high_s > bucket.low_s);
  if (filled.length === 0) return [];
  const low = Math.max(1e-9, Math.min(...filled.map((bucket) => bucket.low_s)));
  const high = Math.max(low * 1.01, ...filled.map((bucket) => bucket.high_s));
  const ratio = Math.max((high / low) ** (1 / most), 1.02);
  const bars: { low: number; high: number; count: number }[] = [];
  for (let edge = low; edge < high * 0.999999; edge *= ratio)
    bars.push({ low: edge, high: edge * ratio, count: 0 });
  for (const bucket of filled) {
    const middle = Math.sqrt(Math.max(bucket.low_s, low) * bucket.high_s);
    const at = Math.floor(Math.log(middle / low) / Math.log(ratio));
    bars[Math.min(bars.length - 1, Math.max(0, at))]!.count += bucket.count;
  }
  return bars;
}
