// SPDX-License-Identifier: MIT
// chart-colours.ts - colours of lines and bands; apart from each other for colour-blind eyes too, and in both themes.

import type { Theme } from './theme.ts';

const LIGHT = [
  '#c2410c',
  '#1f63a8',
  '#2b8a5a',
  '#8a4bb0',
  '#b07d00',
  '#0e8a9c',
  '#b3266b',
  '#5b6470',
  '#7a5230',
];
const DARK = [
  '#ff8f4a',
  '#7cb8f5',
  '#5cc98f',
  '#c79bea',
  '#e6c04d',
  '#4fd0e0',
  '#f58ec0',
  '#9aa4b0',
  '#c9a27c',
];

export function lineColour(index: number, theme: Theme): string {
  const colours = theme.dark ? DARK : LIGHT;
  return colours[index % colours.length]!;
}

/** Translucent: what lies behind shows through. */
export function fillColour(index: number, theme: Theme, share: number): string {
  return (
    lineColour(index, theme) +
    Math.round(share * 255)
      .toString(16)
      .padStart(2, '0')
  );
}
