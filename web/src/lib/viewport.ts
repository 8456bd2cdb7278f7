// SPDX-License-Identifier: MIT
// viewport.ts - the part of a long line that is on screen. Pure arithmetic; units are the caller's.

export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Zooms further than this and doubles run out of digits. */
const MIN_SHARE = 1e-7;

/** The same size, moved inside [0, total]. */
export function clampSpan(span: Span, total: number): Span {
  const size = Math.min(Math.max(span.to - span.from, total * MIN_SHARE), total);
  const from = Math.min(Math.max(span.from, 0), total - size);
  return { from, to: from + size };
}

export function panSpan(span: Span, by: number, total: number): Span {
  return clampSpan({ from: span.from + by, to: span.to + by }, total);
}

/** Factor < 1 zooms in; the point `at` stays where it is. */
export function zoomSpan(span: Span, factor: number, at: number, total: number): Span {
  const size = Math.min((span.to - span.from) * factor, total);
  const share = (at - span.from) / (span.to - span.from);
  const from = at - size * share;
  return clampSpan({ from, to: from + size }, total);
}

/** Between two spans: sizes move evenly on a logarithmic scale, which is what eyes take for even. */
export function mixSpans(a: Span, b: Span, t: number): Span {
  if (t <= 0) return a;
  if (t >= 1) return b;
  const sizeA = a.to - a.from;
  const sizeB = b.to - b.from;
  const size = Math.exp(Math.log(sizeA) * (1 - t) + Math.log(sizeB) * t);
  const progress = sizeA === sizeB ? t : (size - sizeA) / (sizeB - sizeA);
  const from = a.from + (b.from - a.from) * progress;
  return { from, to: from + size };
}

export function easeOut(t: number): number {
  return 1 - (1 - t) ** 3;
}
