// SPDX-License-Identifier: MIT
// icons.tsx - the few pictures of the page.

import type { JSX } from 'preact';

export function Logo(): JSX.Element {
  return (
    <svg class="logo" viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
      <path
        class="logo-body"
        d="M16 2c6 0 11 4 11 10 0 4-3 6-5 8-2 2-2 4-2 6a4 4 0 0 1-8 0c0-2 0-4-2-6-2-2-5-4-5-8C5 6 10 2 16 2Z"
      />
      <path class="logo-eye" d="m9 11 4 2-3.5 2zM23 11l-4 2 3.500 2z" />
      <path class="logo-tongue" d="M16 25v4m0 0-2 2m2-2 2 2" />
    </svg>
  );
}

const PATHS = {
  search: 'M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9ZM10.500 10.500 14 14',
  sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM8 1v1.500M8 13.500V15M1 8h1.500M13.500 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1',
  close: 'M4 4l8 8M12 4l-8 8',
  back: 'M7 3 2 8l5 5M2 8h12',
  down: 'M4 6l4 4 4-4',
  up: 'M4 10l4-4 4 4',
} as const;

export function Icon({ name }: { name: keyof typeof PATHS }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
