// SPDX-License-Identifier: MIT
// header-buttons.tsx - light or dark, and help: at the right end of every header.

import type { JSX } from 'preact';
import type { Theme } from '../draw/theme.ts';
import { Icon } from './icons.tsx';

interface Props {
  readonly theme: Theme;
  toggleTheme(): void;
  showHelp(): void;
}

export function HeaderButtons({ theme, toggleTheme, showHelp }: Props): JSX.Element {
  return (
    <span class="header-buttons">
      <button
        class="round"
        onClick={toggleTheme}
        aria-label={theme.dark ? 'Light colours' : 'Dark colours'}
        title="Light or dark (T)"
      >
        <Icon name="sun" />
      </button>
      <button class="round" onClick={showHelp} aria-label="Keys and gestures" title="Keys and gestures (?)">
        ?
      </button>
    </span>
  );
}
