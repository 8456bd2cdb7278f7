// SPDX-License-Identifier: MIT
// heat-painter.ts - activity over time: the sum as bars, and below it rows of cells, the darker the busier. Idle is empty;
// where nothing is known there is a line through the middle.

import { mixRgb } from '../lib/colour.ts';
import type { Theme } from './theme.ts';

export interface HeatRow {
  readonly values: readonly (number | null)[];
}

export interface Heat {
  readonly sum: readonly (number | null)[];
  readonly sumHeight: number;
  readonly rows: readonly HeatRow[];
  readonly rowHeight: number;
  /** Value of the fullest colour. */
  readonly peak: number;
  /** Left and right edge of each column, shares of the width. */
  readonly spans: readonly (readonly [number, number])[];
  readonly theme: Theme;
}

const STEPS = 24;

function ramp(theme: Theme): string[] {
  const ends = theme.dark ? ['#2a2522', '#d97a41', '#ffe9d6'] : ['#fdf3ec', '#e58b55', '#7a2606'];
  return Array.from({ length: STEPS + 1 }, (_, i) => {
    const at = (i / STEPS) * 2;
    return at <= 1 ? mixRgb(ends[0]!, ends[1]!, at) : mixRgb(ends[1]!, ends[2]!, at - 1);
  });
}

export function paintHeat(canvas: HTMLCanvasElement, heat: Heat): void {
  const { rows, rowHeight, sumHeight, spans, theme } = heat;
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = sumHeight + rowHeight * rows.length;
  if (width === 0) return;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext('2d')!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  paintSum(context, heat, width);
  const colours = ramp(theme);
  rows.forEach(({ values }, row) => {
    spans.forEach(([from, to], i) => {
      const value = values[i] ?? null;
      if (value === 0 || to <= from) return;
      const left = Math.round(from * width);
      const cell = Math.max(1, Math.round(to * width) - left);
      const level = Math.ceil(Math.sqrt(Math.min(1, (value ?? 0) / (heat.peak || 1))) * STEPS);
      context.fillStyle = value === null ? theme.faint : colours[level]!;
      const inset = value === null ? rowHeight / 2 - 0.5 : 0;
      context.fillRect(left, sumHeight + row * rowHeight + inset, cell, value === null ? 1 : rowHeight - 1);
    });
  });
}

function paintSum(
  context: CanvasRenderingContext2D,
  { sum, sumHeight, spans, theme }: Heat,
  width: number,
): void {
  const peak = Math.max(1e-9, ...sum.map((value) => value ?? 0));
  context.fillStyle = theme.bar;
  spans.forEach(([from, to], i) => {
    const value = sum[i] ?? 0;
    const bar = Math.max(1, (value / peak) * (sumHeight - 4));
    if (value > 0 && to > from)
      context.fillRect(from * width, sumHeight - 2 - bar, Math.max(1, (to - from) * width - 0.5), bar);
  });
}
