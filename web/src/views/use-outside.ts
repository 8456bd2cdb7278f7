// SPDX-License-Identifier: MIT
// use-outside.ts - what is open closes when something else is pressed.

import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';

export function useOutside(box: RefObject<HTMLElement>, open: boolean, close: () => void): void {
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event): void => {
      if (!box.current?.contains(event.target as Node)) close();
    };
    addEventListener('pointerdown', outside, true);
    return () => removeEventListener('pointerdown', outside, true);
  }, [open]);
}
