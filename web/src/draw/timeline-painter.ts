// SPDX-License-Identifier: MIT
// timeline-painter.ts - one strip of activity over time: bars from the bottom, the part outside the range veiled.

import type { Span } from '../lib/viewport.ts';
import type { Theme } from './theme.ts';

export interface Strip {
  readonly values: Float32Array;
  /** Value of a full bar. */
  readonly peak: number;
  /** Shares of the width; null: everything. */
  readonly range: Span | null;
  readonly on: boolean;
  readonly theme: Theme;
}

export function paintStrip(canvas: HTMLCanvasElement, strip: Strip): void {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (width === 0) return;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext('2d')!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const { values, theme, range } = strip;
  const step = width / values.length;
  const split = (from: number, to: number, colour: string): void => {
    context.fillStyle = colour;
    for (let bin = Math.floor(from * values.length); bin < Math.ceil(to * values.length); bin++) {
      const bar = Math.min(1, values[bin] / strip.peak) * (height - 2);
      if (bar > 0) context.fillRect(bin * step, height - Math.max(1, bar), step + 0.3, Math.max(1, bar));
    }
  };
  const bright = strip.on ? theme.bar : theme.barSoft;
  if (!range) {
    split(0, 1, bright);
    return;
  }
  split(0, range.from, theme.barSoft);
  split(range.to, 1, theme.barSoft);
  split(range.from, range.to, bright);
}
