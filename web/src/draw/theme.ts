// SPDX-License-Identifier: MIT
// theme.ts - what canvases need to know about light and dark; style.css says the same for everything else.

export interface Theme {
  readonly dark: boolean;
  readonly background: string;
  readonly text: string;
  readonly faint: string;
  readonly outline: string;
  readonly accent: string;
  readonly bar: string;
  readonly barSoft: string;
  readonly veil: string;
}

export const LIGHT: Theme = {
  dark: false,
  background: '#ffffff',
  text: '#1b1f24',
  faint: '#d8dde3',
  outline: '#0b0d10',
  accent: '#c2410c',
  bar: '#e58b55',
  barSoft: '#f3d6c3',
  veil: 'rgba(255,255,255,0.62)',
};

export const DARK: Theme = {
  dark: true,
  background: '#14171b',
  text: '#e7eaee',
  faint: '#31373f',
  outline: '#ffffff',
  accent: '#ff8f4a',
  bar: '#d97a41',
  barSoft: '#5a3a26',
  veil: 'rgba(20,23,27,0.66)',
};

export const LABEL_FONT =
  '12px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace';
