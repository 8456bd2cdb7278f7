// SPDX-License-Identifier: MIT
// waterfall.ts - the spans of a trace in the order in which they are read: a parent, then its children by start.

import type { Span } from './answers.ts';

export interface Bar {
  readonly span: Span;
  readonly depth: number;
  /** How many others below it are alike: shown as one line with a count until it is opened. */
  readonly repeated: number;
}

const DEPTH_MAX = 64;
const ALIKE_MIN = 5;

/** Spans whose parent is missing stand at the top; a circle of parents is cut where it closes. */
export function waterfall(spans: readonly Span[], folded: boolean): Bar[] {
  const ids = new Set(spans.map((span) => span.span));
  const children = new Map<string, Span[]>();
  for (const span of spans) {
    const parent = span.parent !== span.span && ids.has(span.parent) ? span.parent : '';
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  for (const list of children.values()) list.sort((a, b) => a.start_s - b.start_s);
  const seen = new Set<Span>();
  const bars: Bar[] = [];
  const visit = (list: readonly Span[], depth: number): void => {
    const counts = folded ? countAlike(list) : new Map<string, number>();
    const shown = new Set<string>();
    for (const span of list) {
      if (seen.has(span)) continue;
      seen.add(span);
      const key = alike(span);
      const repeated = counts.get(key) ?? 0;
      const below = children.get(span.span) ?? [];
      if (repeated >= ALIKE_MIN && below.length === 0) {
        if (shown.has(key)) continue;
        shown.add(key);
        bars.push({ span, depth, repeated });
      } else bars.push({ span, depth, repeated: 0 });
      if (depth < DEPTH_MAX) visit(below, depth + 1);
    }
  };
  visit(children.get('') ?? [], 0);
  visit(spans, 0); // what only a circle leads to
  return bars;
}

const alike = (span: Span): string => `${span.kind}\0${span.name}\0${span.detail}`;

function countAlike(list: readonly Span[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const span of list) counts.set(alike(span), (counts.get(alike(span)) ?? 0) + 1);
  return counts;
}

/** Time of a line that stands for many. */
export function spansLike(spans: readonly Span[], bar: Bar): readonly Span[] {
  if (bar.repeated === 0) return [bar.span];
  return spans.filter((span) => span.parent === bar.span.parent && alike(span) === alike(bar.span));
}
