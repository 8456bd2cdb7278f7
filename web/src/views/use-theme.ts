// SPDX-License-Identifier: MIT
// use-theme.ts - light or dark: the system's wish until a person chooses; the choice is kept where the browser allows.

import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { DARK, LIGHT } from '../draw/theme.ts';
import type { Theme } from '../draw/theme.ts';

const KEY = 'pitviper-theme';

export function useTheme(): [Theme, () => void] {
  const [dark, setDark] = useState(() => stored() ?? matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const media = matchMedia('(prefers-color-scheme: dark)');
    const follow = (): void => {
      if (stored() === null) setDark(media.matches);
    };
    media.addEventListener('change', follow);
    return () => media.removeEventListener('change', follow);
  }, []);
  useLayoutEffect(() => {
    document.documentElement.dataset['theme'] = dark ? 'dark' : 'light';
  }, [dark]);
  const toggle = (): void => {
    setDark(!dark);
    try {
      localStorage.setItem(KEY, dark ? 'light' : 'dark');
    } catch {
      /* private windows and some file: pages refuse; the choice then lasts as long as the page */
    }
  };
  return [dark ? DARK : LIGHT, toggle];
}

function stored(): boolean | null {
  try {
    const value = localStorage.getItem(KEY);
    return value === null ? null : value === 'dark';
  } catch {
    return null;
  }
}
