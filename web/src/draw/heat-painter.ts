// SPDX-License-Identifier: MIT
// heat-painter.ts - activity over time as rows of cells: the darker, the busier. Nothing known: hatched; idle: empty.

import { mixRgb } from '../lib/colour.ts';
import type { Theme } from './theme.ts';

export interface HeatRow {
  readonly values: readonly (number | null)[];
}

export interface Heat {
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

export function paintHeat(canvas: HTMLCanvasElement, { rows, rowHeight, peak, spans, theme }: Heat): void {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = rowHeight * rows.length;
  if (width === 0) return;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext('2d')!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const colours = ramp(theme);
  rows.forEach(({ values }, row) => {
    spans.forEach(([from, to], i) => {
      const value = values[i] ?? null;
      if (value === 0 || to <= from) return;
      const left = Math.round(from * width);
      const cell = Math.max(1, Math.round(to * width) - left);
      const level = Math.ceil(Math.sqrt(Math.min(1, (value ?? 0) / (peak || 1))) * STEPS);
      context.fillStyle = value === null ? theme.faint : colours[level]!;
      const inset = value === null ? rowHeight / 2 - 0.5 : 0;
      context.fillRect(left, row * rowHeight + inset, cell, value === null ? 1 : rowHeight - 1);
    });
  });
}
