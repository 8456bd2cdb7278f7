// SPDX-License-Identifier: MIT
// palette.ts - the colours of boxes. A box has a colour number; a palette turns numbers into fills and inks, so that
// drawing can sort boxes by number and change the canvas's fill a few dozen times instead of once per box.
//
//   0 … size-1          as they are
//   size … 2*size-1     the same, faded (not matched by the search, or outside the zoom)

import { contrast, oklchToRgb } from '../lib/colour.ts';
import { hashText } from '../lib/text.ts';
import type { Origin, Func } from '../model/profile.ts';

export type ColourBy = 'module' | 'kind' | 'self' | 'change';

export interface Palette {
  readonly size: number;
  readonly fill: readonly string[];
  readonly ink: readonly string[];
  /** Of the colours that are hatched: markers, which are no functions. */
  readonly hatchedFrom: number;
  /** What the search found, where colours only tell boxes apart. */
  readonly found: number;
}

type Rgb = [number, number, number];

const ORIGINS: readonly Origin[] = ['app', 'package', 'stdlib', 'native', 'kernel', 'marker'];

/** The application's own code is warm and vivid; what it uses is cooler and calmer the further away it is. */
interface Band {
  readonly fromHue: number;
  readonly toHue: number;
  readonly chroma: number;
}
const BANDS: Record<Origin, Band> = {
  app: { fromHue: 18, toHue: 108, chroma: 0.115 },
  package: { fromHue: 135, toHue: 300, chroma: 0.075 },
  stdlib: { fromHue: 190, toHue: 290, chroma: 0.025 },
  native: { fromHue: 305, toHue: 345, chroma: 0.05 },
  kernel: { fromHue: 0, toHue: 40, chroma: 0.025 },
  marker: { fromHue: 0, toHue: 0, chroma: 0 },
};
const SHADES = 36;
/** Functions of one module differ a little, or a program of one file would be one colour. */
const TINTS = 3;
const STEPS = 17;
const KIND_HUE: Record<Origin, number> = {
  app: 55,
  package: 160,
  stdlib: 240,
  native: 325,
  kernel: 10,
  marker: 0,
};
const GC_HUE = 320;
const FOUND_HUE = 335;

export const ROOT_COLOUR = 0;

/** A module's shade depends on its name alone. */
export function moduleShade(module: string): number {
  const h = Math.imul(hashText(module), 0x9e3779b1);
  return ((h >>> 12) ^ (h >>> 22)) % SHADES;
}

/** The colour number of a function, for the modes in which a function has one. */
export function functionColour(by: ColourBy, func: Func): number {
  if (func.origin === 'marker') return markerColour(by, func);
  if (by === 'kind') return 1 + ORIGINS.indexOf(func.origin);
  return (
    1 +
    (ORIGINS.indexOf(func.origin) * SHADES + moduleShade(func.module)) * TINTS +
    ((func.hash >>> 7) % TINTS)
  );
}

/** Rows of threads and processes are headings, as the root is; <GC> and <changing> are hatched. */
function markerColour(by: ColourBy, func: Func): number {
  if (func.kind !== 'gc' && func.kind !== 'changing') return ROOT_COLOUR;
  const first =
    by === 'kind'
      ? 1 + ORIGINS.length
      : by === 'module'
        ? 1 + ORIGINS.length * SHADES * TINTS
        : 1 + STEPS + 1;
  return func.kind === 'gc' ? first : first + 1;
}

/** heat 0 to 1. */
export function heatColour(heat: number): number {
  return 1 + Math.round(Math.min(1, Math.max(0, heat)) * (STEPS - 1));
}

/** relative -1 to 1. Noise has a colour of its own. */
export function changeColour(relative: number, noise: boolean): number {
  return noise ? STEPS + 1 : 1 + Math.round(((Math.min(1, Math.max(-1, relative)) + 1) / 2) * (STEPS - 1));
}

export function makePalette(by: ColourBy, dark: boolean): Palette {
  const colours: Rgb[] = [oklchToRgb(dark ? 0.34 : 0.91, 0.008, 60)];
  if (by === 'module')
    for (const origin of ORIGINS)
      for (let i = 0; i < SHADES * TINTS; i++)
        colours.push(moduleRgb(BANDS[origin], Math.floor(i / TINTS), (i % TINTS) - 1, dark));
  else if (by === 'kind')
    for (const origin of ORIGINS)
      colours.push(oklchToRgb(dark ? 0.46 : 0.84, origin === 'marker' ? 0 : 0.085, KIND_HUE[origin]));
  else
    for (let step = 0; step < STEPS; step++)
      colours.push(by === 'self' ? heatRgb(step / (STEPS - 1), dark) : changeRgb(step, dark));
  if (by === 'self' || by === 'change') colours.push(oklchToRgb(dark ? 0.36 : 0.9, 0.004, 250));
  const hatchedFrom = colours.length;
  colours.push(oklchToRgb(dark ? 0.42 : 0.86, 0.09, GC_HUE), oklchToRgb(dark ? 0.4 : 0.84, 0.01, 250));
  const found = colours.push(oklchToRgb(dark ? 0.65 : 0.72, 0.19, FOUND_HUE)) - 1;
  return finish(colours, hatchedFrom, found, dark);
}

/** Hues across the band, each in three lightnesses; tint -1 to 1. */
function moduleRgb(band: Band, shade: number, tint: number, dark: boolean): Rgb {
  const hues = SHADES / 3;
  const hue = band.fromHue + ((band.toHue - band.fromHue) * (shade % hues)) / (hues - 1) + tint * 4;
  const level = Math.floor(shade / hues) - 1;
  return dark
    ? oklchToRgb(0.45 + level * 0.04 + tint * 0.018, band.chroma * 0.85, hue)
    : oklchToRgb(0.845 + level * 0.035 + tint * 0.018, band.chroma, hue);
}

function heatRgb(heat: number, dark: boolean): Rgb {
  const hue = 85 - 60 * heat;
  return dark
    ? oklchToRgb(0.36 + 0.26 * heat, 0.012 + 0.16 * heat, hue)
    : oklchToRgb(0.94 - 0.29 * heat, 0.012 + 0.175 * heat, hue);
}

function changeRgb(step: number, dark: boolean): Rgb {
  const relative = (step / (STEPS - 1)) * 2 - 1;
  const size = Math.abs(relative) ** 0.6;
  const hue = relative < 0 ? 245 : 40;
  return dark
    ? oklchToRgb(0.36 + 0.18 * size, 0.006 + 0.13 * size, hue)
    : oklchToRgb(0.93 - 0.2 * size, 0.006 + 0.13 * size, hue);
}

export function isHatched(palette: Palette, colour: number): boolean {
  const plain = colour % palette.size;
  return plain >= palette.hatchedFrom && plain !== palette.found;
}

function finish(colours: readonly Rgb[], hatchedFrom: number, found: number, dark: boolean): Palette {
  const background: Rgb = dark ? [20, 23, 27] : [255, 255, 255];
  const [darkInk, lightInk]: [Rgb, Rgb] = [
    [0, 0, 0],
    [255, 255, 255],
  ];
  const fade = (c: Rgb): Rgb => c.map((v, i) => Math.round(v * 0.24 + background[i]! * 0.76)) as Rgb;
  const css = (c: Rgb): string => `rgb(${c.join(',')})`;
  const inkOn = (c: Rgb): Rgb => (contrast(c, darkInk) >= contrast(c, lightInk) ? darkInk : lightInk);
  const faded = css(dark ? [150, 158, 169] : [90, 98, 108]);
  return {
    size: colours.length,
    fill: [...colours.map(css), ...colours.map((c) => css(fade(c)))],
    ink: [...colours.map((c) => css(inkOn(c))), ...colours.map(() => faded)],
    hatchedFrom,
    found,
  };
}
