// SPDX-License-Identifier: MIT
// flame-painter.ts - paints the visible part of a flame graph, in time that depends on the screen, not on the profile.
//
// Only rows on screen are walked, and in each only boxes inside the window, found by binary search. Boxes narrower than
// SLIVER_PX are not drawn one by one: neighbours are painted as one sliver and skipped over by another search. Where that
// still leaves more than BOXES_WANTED (a leaf-first tree can be dust all over) slivers are made twice as wide, and again.
// So a screen costs the same whether the profile has a thousand nodes or a million.
// They are sorted by colour (counting sort in fixed arrays) as changing a canvas's fill costs as much as a box. The
// bench prints what a frame costs; docs/design/0003-web.md has the figures.

import { fitText } from '../lib/text.ts';
import type { Span } from '../lib/viewport.ts';
import { firstEndingAfter } from '../model/layout.ts';
import type { Layout } from '../model/layout.ts';
import { isHatched } from './palette.ts';
import type { Palette } from './palette.ts';
import { LABEL_FONT } from './theme.ts';
import type { Theme } from './theme.ts';

export const ROW_PX = 19;
const GAP_PX = 1;
const SLIVER_PX = 2;
const SLIVER_MAX_PX = 8;
const BOXES_WANTED = 14_000;
const LABEL_MIN_PX = 34;
const LABEL_PAD_PX = 4;
const BOXES_MAX = 1 << 16;

export interface FlameScene {
  readonly layout: Layout;
  readonly palette: Palette;
  /** Colour number of each tree node, fading included. */
  readonly colours: Uint16Array;
  /** Text of each entry; the root's is rootLabel. */
  readonly names: readonly string[];
  readonly rootLabel: string;
  readonly theme: Theme;
}

export interface FlameWindow {
  readonly span: Span;
  /** Pixels between the root's edge and the window's. */
  readonly scroll: number;
  readonly width: number;
  readonly height: number;
  /** The root is at the bottom. */
  readonly flame: boolean;
  /** Boxes of outer rows than this contain the zoomed one: faded. */
  readonly zoomRow: number;
}

const boxX = new Float32Array(BOXES_MAX);
const boxY = new Float32Array(BOXES_MAX);
const boxWidth = new Float32Array(BOXES_MAX);
const boxColour = new Uint16Array(BOXES_MAX);
const byColour = new Uint32Array(BOXES_MAX);
const labelBox = new Uint32Array(BOXES_MAX);
const labelNode = new Uint32Array(BOXES_MAX);

export function rowTop(window: FlameWindow, row: number): number {
  return window.flame ? window.height - (row + 1) * ROW_PX + window.scroll : row * ROW_PX - window.scroll;
}

export function rowAtPixel(window: FlameWindow, y: number): number {
  return Math.floor((window.flame ? window.height - y + window.scroll : y + window.scroll) / ROW_PX);
}

export function paintFlame(canvas: CanvasRenderingContext2D, scene: FlameScene, window: FlameWindow): void {
  canvas.fillStyle = scene.theme.background;
  canvas.fillRect(0, 0, window.width, window.height);
  let sliver = SLIVER_PX;
  let { boxes, labels } = collect(scene, window, sliver);
  while (boxes > BOXES_WANTED && sliver < SLIVER_MAX_PX)
    ({ boxes, labels } = collect(scene, window, (sliver *= 2)));
  paintBoxes(canvas, scene.palette, boxes);
  paintHatching(canvas, scene, boxes);
  paintLabels(canvas, scene, labels);
}

function collect(scene: FlameScene, window: FlameWindow, sliver: number): { boxes: number; labels: number } {
  const { layout, colours, palette } = scene;
  const { x, width, node, start } = layout;
  const { from, to } = window.span;
  const scale = window.width / (to - from);
  const firstRow = Math.max(0, Math.floor(window.scroll / ROW_PX));
  const lastRow = Math.min(layout.rows - 1, Math.floor((window.scroll + window.height) / ROW_PX));
  let boxes = 0;
  let labels = 0;
  for (let row = firstRow; row <= lastRow; row++) {
    const end = start[row + 1];
    const y = rowTop(window, row);
    const fade = row < window.zoomRow ? palette.size : 0;
    for (let box = firstEndingAfter(layout, start[row], end, from); box < end && boxes < BOXES_MAX;) {
      const left = (x[box] - from) * scale;
      if (left >= window.width) break;
      const pixels = width[box] * scale;
      const colour = colours[node[box]];
      boxX[boxes] = Math.max(left, -1);
      boxY[boxes] = y;
      boxColour[boxes] = fade > 0 && colour < palette.size ? colour + fade : colour;
      if (pixels < sliver) {
        const next = firstEndingAfter(layout, box + 1, end, from + (left + sliver) / scale);
        const covered = next > box + 1 ? (x[next - 1] + width[next - 1] - x[box]) * scale : pixels;
        boxWidth[boxes++] = Math.max(0.6, Math.min(covered, sliver));
        box = next;
        continue;
      }
      boxWidth[boxes] = Math.min(left + pixels, window.width + 1) - boxX[boxes] - GAP_PX;
      if (boxWidth[boxes] >= LABEL_MIN_PX) {
        labelBox[labels] = boxes;
        labelNode[labels++] = node[box];
      }
      boxes++;
      box++;
    }
  }
  return { boxes, labels };
}

function paintBoxes(canvas: CanvasRenderingContext2D, palette: Palette, boxes: number): void {
  const place = new Uint32Array(palette.size * 2 + 1);
  for (let i = 0; i < boxes; i++) place[boxColour[i] + 1]++;
  for (let c = 1; c < place.length; c++) place[c] += place[c - 1];
  for (let i = 0; i < boxes; i++) byColour[place[boxColour[i]]++] = i;
  let colour = -1;
  for (let k = 0; k < boxes; k++) {
    const i = byColour[k];
    if (boxColour[i] !== colour) {
      colour = boxColour[i];
      canvas.fillStyle = palette.fill[colour];
    }
    canvas.fillRect(boxX[i], boxY[i], boxWidth[i], ROW_PX - GAP_PX);
  }
}

/** Stripes over markers: they say something about the sample, they are not code. */
function paintHatching(
  canvas: CanvasRenderingContext2D,
  { palette, theme }: FlameScene,
  boxes: number,
): void {
  canvas.strokeStyle = theme.veil;
  canvas.lineWidth = 2;
  for (let i = 0; i < boxes; i++) {
    if (!isHatched(palette, boxColour[i]) || boxWidth[i] < 3) continue;
    canvas.save();
    canvas.beginPath();
    canvas.rect(boxX[i], boxY[i], boxWidth[i], ROW_PX - GAP_PX);
    canvas.clip();
    canvas.beginPath();
    for (let x = boxX[i] - ROW_PX; x < boxX[i] + boxWidth[i]; x += 7) {
      canvas.moveTo(x, boxY[i] + ROW_PX);
      canvas.lineTo(x + ROW_PX, boxY[i]);
    }
    canvas.stroke();
    canvas.restore();
  }
}

let charWidth = 0;

function paintLabels(canvas: CanvasRenderingContext2D, scene: FlameScene, labels: number): void {
  canvas.font = LABEL_FONT;
  canvas.textBaseline = 'middle';
  if (charWidth === 0) charWidth = canvas.measureText('0'.repeat(50)).width / 50;
  let ink = '';
  for (let k = 0; k < labels; k++) {
    const i = labelBox[k];
    const entry = scene.layout.tree.entry[labelNode[k]];
    const left = Math.max(boxX[i], 0) + LABEL_PAD_PX;
    const room = boxX[i] + boxWidth[i] - left - 2;
    const text = fitText(entry < 0 ? scene.rootLabel : scene.names[entry], Math.floor(room / charWidth));
    if (text === '') continue;
    const wanted = scene.palette.ink[boxColour[i]];
    if (wanted !== ink) canvas.fillStyle = ink = wanted;
    if (isNarrow(text)) canvas.fillText(text, left, boxY[i] + ROW_PX / 2);
    else canvas.fillText(text, left, boxY[i] + ROW_PX / 2, room);
  }
}

/** Characters that all have the one width of the font; others are squeezed by the canvas if need be. */
function isNarrow(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x2fff) return false;
  return true;
}
