// SPDX-License-Identifier: MIT
// The style sheet's own colours: whatever is text can be read on whatever it stands on, light and dark.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { contrast } from '../../src/lib/colour.ts';
import { DARK, LIGHT } from '../../src/draw/theme.ts';

const css = readFileSync(new URL('../../../src/app/style.css', import.meta.url), 'utf8');
const PAIRS = [
  ['text', 'bg'], ['text', 'panel'], ['text', 'raised'], ['dim', 'bg'], ['dim', 'panel'], ['dim', 'raised'], ['dim', 'line'],
  ['accent', 'bg'], ['accent', 'panel'], ['accent', 'accent-bg'], ['on-accent', 'accent'], ['good', 'panel'], ['warn', 'panel'],
  ['warn', 'raised'], ['more', 'bg'], ['less', 'bg'], ['bg', 'text'], ['text', 'total'], ['text', 'self'],
] as const; // prettier-ignore

function variables(selector: string): Map<string, [number, number, number]> {
  const block = css.slice(css.indexOf(`${selector} {`));
  const found = block.slice(0, block.indexOf('}')).matchAll(/--([\w-]+): #([0-9a-f]{6});/g);
  return new Map(
    [...found].map(([, name, hex]) => [
      name,
      [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)) as [number, number, number],
    ]),
  );
}

for (const [name, selector, theme] of [
  ['light', ':root', LIGHT],
  ['dark', ':root[data-theme="dark"]', DARK],
] as const) {
  const values = variables(selector);
  test(`style: ${name}: text has a contrast of at least 4.5`, () => {
    const low = PAIRS.map(
      ([ink, ground]) => [`${ink} on ${ground}`, contrast(values.get(ink)!, values.get(ground)!)] as const,
    ).filter(([, ratio]) => ratio < 4.5);
    assert.deepEqual(low, []);
  });
  test(`style: ${name}: canvases use the same colours`, () => {
    const hex = (rgb: readonly number[]): string =>
      `#${rgb.map((v) => v.toString(16).padStart(2, '0')).join('')}`;
    assert.deepEqual(
      [theme.background, theme.text, theme.accent],
      [hex(values.get('bg')!), hex(values.get('text')!), hex(values.get('accent')!)],
    );
  });
}
