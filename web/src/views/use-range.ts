// SPDX-License-Identifier: MIT
// use-range.ts - choosing a range on a strip of time: drag it, or move it with the arrow keys; a click or Escape clears it.
// Ranges are shares of the width.

import type { RefObject } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { Span } from '../lib/viewport.ts';

const KEY_STEP = 1 / 100;
const DRAG_PX = 3;

export interface RangeDrag {
  /** Where the pointer is; null: elsewhere. */
  readonly pointed: number | null;
  readonly handlers: {
    onPointerDown(event: PointerEvent): void;
    onPointerMove(event: PointerEvent): void;
    onPointerUp(): void;
    onPointerCancel(): void;
    onPointerLeave(): void;
    onKeyDown(event: KeyboardEvent): void;
  };
}

export function useRange(
  measured: RefObject<HTMLElement>,
  range: Span | null,
  setRange: (range: Span | null) => void,
): RangeDrag {
  const [pointed, setPointed] = useState<number | null>(null);
  const drag = useRef<{ from: number; moved: boolean } | null>(null);
  const shareAt = (event: PointerEvent): number => {
    const box = measured.current!.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    drag.current = { from: shareAt(event), moved: false };
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
  };
  const move = (event: PointerEvent): void => {
    const at = shareAt(event);
    setPointed(at);
    if (!drag.current || Math.abs(at - drag.current.from) * measured.current!.clientWidth < DRAG_PX) return;
    drag.current.moved = true;
    setRange({ from: Math.min(at, drag.current.from), to: Math.max(at, drag.current.from) });
  };
  const up = (): void => {
    if (drag.current && !drag.current.moved) setRange(null);
    drag.current = null;
  };
  const keys = (event: KeyboardEvent): void => {
    const step = { ArrowLeft: -KEY_STEP, ArrowRight: KEY_STEP }[event.key];
    const now = range ?? { from: 0, to: 0.1 };
    if (event.key === 'Escape' && range) setRange(null);
    else if (!step) return;
    else if (event.shiftKey)
      setRange({ from: now.from, to: Math.min(1, Math.max(now.from + KEY_STEP, now.to + step)) });
    else {
      const by = Math.max(-now.from, Math.min(1 - now.to, step));
      setRange(range ? { from: now.from + by, to: now.to + by } : now);
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return {
    pointed,
    handlers: {
      onPointerDown: down,
      onPointerMove: move,
      onPointerUp: up,
      onPointerCancel: up,
      onPointerLeave: () => setPointed(null),
      onKeyDown: keys,
    },
  };
}

/** What a screen reader is told of such a strip. */
export function rangeSlider(range: Span | null, text: string): object {
  return {
    tabIndex: 0,
    role: 'slider',
    'aria-label': 'Time range. Arrow keys move it, with Shift they change its end, Escape clears it.',
    'aria-valuemin': 0,
    'aria-valuemax': 100,
    'aria-valuenow': Math.round((range?.from ?? 0) * 100),
    'aria-valuetext': text,
  };
}
