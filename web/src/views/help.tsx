// SPDX-License-Identifier: MIT
// help.tsx - the keys, on '?': of the explorer, and of the page around it where there is one.

import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

export type Keys = readonly (readonly [string, string])[];

const KEYS: Keys = [
  ['1 … 5', 'flame, icicle, table, sandwich, recording'],
  ['/', 'search; Enter and Shift + Enter visit the matches, heaviest first'],
  ['I', 'invert: leaf first'],
  ['T', 'light or dark'],
  ['click, Enter', 'zoom into a box'],
  ['Esc, Backspace', 'one step out'],
  ['0', 'all the way out'],
  ['arrow keys', 'move from box to box'],
  ['+  −, Ctrl + wheel, pinch', 'scale'],
  ['drag, wheel, Shift + wheel', 'move'],
  ['S', 'callers and callees of the selected box'],
  ['C', 'copy its name'],
  ['M, right click', 'menu'],
  ['drag on the timeline', 'choose a range; a click clears it'],
];

export function Help({ close, page = [] }: { close: () => void; page?: Keys }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current!.showModal(), []);
  return (
    <dialog
      ref={dialog}
      class="help"
      onClose={close}
      onClick={(event) => event.target === dialog.current && dialog.current!.close()}
    >
      <h2>Keys and gestures</h2>
      {page.length > 0 && <KeyList keys={page} />}
      {page.length > 0 && <h3>In a profile</h3>}
      <KeyList keys={KEYS} />
      <p class="dim">
        The address of this page always leads back to what you see: view, zoom, search, range and threads.
      </p>
      <button class="primary" onClick={() => dialog.current!.close()}>
        Close
      </button>
    </dialog>
  );
}

function KeyList({ keys }: { keys: Keys }): JSX.Element {
  return (
    <dl>
      {keys.map(([key, meaning]) => (
        <>
          <dt>{key}</dt>
          <dd>{meaning}</dd>
        </>
      ))}
    </dl>
  );
}
