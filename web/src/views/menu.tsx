// SPDX-License-Identifier: MIT
// menu.tsx - a menu at a point: arrows move, Enter chooses, Escape or a click elsewhere closes.

import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

export interface MenuItem {
  readonly label: string;
  readonly run: () => void;
}

export function Menu({
  items,
  x,
  y,
  close,
}: {
  items: readonly MenuItem[];
  x: number;
  y: number;
  close: () => void;
}): JSX.Element {
  const ref = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const menu = ref.current!;
    const { offsetWidth, offsetHeight } = menu;
    menu.style.left = `${Math.max(4, Math.min(x, innerWidth - offsetWidth - 4))}px`;
    menu.style.top = `${Math.max(4, Math.min(y, innerHeight - offsetHeight - 4))}px`;
    menu.querySelector('button')?.focus();
  }, [x, y]);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    const outside = (event: Event): void => {
      if (!ref.current?.contains(event.target as Node)) close();
    };
    addEventListener('pointerdown', outside, true);
    return () => {
      removeEventListener('pointerdown', outside, true);
      before?.focus?.();
    };
  }, []);
  const keys = (event: KeyboardEvent): void => {
    event.stopPropagation();
    const buttons = [...ref.current!.querySelectorAll('button')];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) buttons[(at + step + buttons.length) % buttons.length]!.focus();
    else if (event.key === 'Escape' || event.key === 'Tab') close();
    else return;
    event.preventDefault();
  };
  return (
    <div class="menu" role="menu" ref={ref} onKeyDown={keys}>
      {items.map((item) => (
        <button
          role="menuitem"
          tabIndex={-1}
          onClick={() => {
            close();
            item.run();
          }}
        >
          {item.label}
        </button>
      ))}
    </div>
  );
}
