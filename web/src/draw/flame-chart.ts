// SPDX-License-Identifier: MIT
// flame-chart.ts - a flame graph that answers to mouse, touch and keys. Owns two canvases: the boxes, and above them the
// outlines of what is pointed at and what is selected, so that moving the pointer repaints two rectangles.
//
// Paints at most once per animation frame, and only when something changed.

import { clampSpan, easeOut, mixSpans, panSpan, zoomSpan } from '../lib/viewport.ts';
import type { Span } from '../lib/viewport.ts';
import { boxAt, rowOf } from '../model/layout.ts';
import { paintFlame, ROW_PX, rowAtPixel, rowTop } from './flame-painter.ts';
import type { FlameScene, FlameWindow } from './flame-painter.ts';
import { attachGestures } from './gestures.ts';

export interface FlameEvents {
  /** node -1: nothing. Positions are relative to the canvas. */
  onHover(node: number, x: number, y: number): void;
  onSelect(node: number): void;
  onZoom(node: number): void;
  onMenu(node: number, x: number, y: number): void;
}

const ZOOM_MS = 200;
const ZOOM_CONTEXT_ROWS = 4;

export class FlameChart {
  private readonly boxes: CanvasRenderingContext2D;
  private readonly marks: CanvasRenderingContext2D;
  private readonly detach: () => void;
  private readonly resizes: ResizeObserver;
  private scene: FlameScene | null = null;
  private span: Span = { from: 0, to: 1 };
  private scroll = 0;
  private width = 0;
  private height = 0;
  private flame = true;
  private zoomed = 0;
  private hovered = -1;
  private selected = -1;
  private frame = 0;
  private dirty = false;
  private animation: { start: number; span: Span; scroll: number; toSpan: Span; toScroll: number } | null =
    null;

  constructor(
    private readonly host: HTMLElement,
    canvas: HTMLCanvasElement,
    overlay: HTMLCanvasElement,
    private readonly events: FlameEvents,
  ) {
    this.boxes = canvas.getContext('2d', { alpha: false })!;
    this.marks = overlay.getContext('2d')!;
    this.resizes = new ResizeObserver(() => this.resize());
    this.resizes.observe(host);
    this.detach = attachGestures(host, {
      pan: (dx, dy) => this.pan(dx, dy),
      zoom: (factor, x) => this.zoomAt(factor, x),
      hover: (x, y) => this.hover(x, y),
      leave: () => this.leave(),
      click: (x, y) => this.click(x, y),
      menu: (x, y) => this.events.onMenu(this.nodeAt(x, y), x, y),
    });
    this.resize();
  }

  destroy(): void {
    cancelAnimationFrame(this.frame);
    this.resizes.disconnect();
    this.detach();
  }

  /** A new scene; the zoomed node is given in its terms. */
  show(scene: FlameScene, flame: boolean, zoomed: number): void {
    const first = this.scene === null;
    const moved =
      first || this.scene!.layout !== scene.layout || this.zoomed !== zoomed || this.flame !== flame;
    const sameTree = !first && this.scene!.layout.tree.parent === scene.layout.tree.parent;
    this.scene = scene;
    this.flame = flame;
    this.zoomed = zoomed;
    if (!sameTree) this.hovered = this.selected = -1;
    if (moved) this.goTo(zoomed, sameTree);
    this.touch();
  }

  select(node: number): void {
    this.selected = node;
    this.touch();
  }

  get selection(): number {
    return this.selected;
  }

  /** Arrow keys: outwards, inwards, to the neighbours. Returns the node now selected. */
  step(direction: 'out' | 'in' | 'left' | 'right'): number {
    if (!this.scene) return -1;
    const { layout } = this.scene;
    const box = this.selected >= 0 ? layout.boxOf[this.selected] : -1;
    let target = this.selected < 0 ? this.zoomed : this.selected;
    if (box >= 0) {
      const row = rowOf(layout, box);
      if (direction === 'out') target = Math.max(0, layout.tree.parent[this.selected]);
      else if (direction === 'in') {
        const child = boxAt(
          layout,
          row + 1,
          Math.max(layout.x[box], Math.min(this.span.from, layout.x[box] + layout.width[box])),
        );
        const first = child >= 0 ? layout.node[child] : -1;
        if (first >= 0 && layout.tree.parent[first] === this.selected) target = first;
      } else {
        const next = box + (direction === 'left' ? -1 : 1);
        if (next >= layout.start[row] && next < layout.start[row + 1]) target = layout.node[next];
      }
    }
    this.selected = target;
    this.reveal(target);
    this.touch();
    return target;
  }

  zoomBy(factor: number): void {
    this.zoomAt(factor, this.width / 2);
  }

  scrollBy(rows: number): void {
    this.pan(0, (this.flame ? 1 : -1) * rows * ROW_PX);
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.host;
    const ratio = window.devicePixelRatio || 1;
    if (clientWidth === 0 || clientHeight === 0) return;
    this.width = clientWidth;
    this.height = clientHeight;
    for (const { canvas } of [this.boxes, this.marks]) {
      canvas.width = Math.round(clientWidth * ratio);
      canvas.height = Math.round(clientHeight * ratio);
    }
    this.boxes.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.marks.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.scroll = this.clampScroll(this.scroll);
    this.dirty = true;
    this.paint(performance.now());
  }

  private pan(dx: number, dy: number): void {
    if (!this.scene) return;
    this.animation = null;
    const perPixel = (this.span.to - this.span.from) / this.width;
    this.span = panSpan(this.span, -dx * perPixel, this.scene.layout.total);
    this.scroll = this.clampScroll(this.scroll + (this.flame ? dy : -dy));
    this.touch();
  }

  private zoomAt(factor: number, x: number): void {
    if (!this.scene) return;
    this.animation = null;
    const at = this.span.from + ((this.span.to - this.span.from) * x) / this.width;
    this.span = zoomSpan(this.span, factor, at, this.scene.layout.total);
    this.touch();
  }

  private hover(x: number, y: number): void {
    const node = this.nodeAt(x, y);
    if (node !== this.hovered) {
      this.hovered = node;
      this.touch(false);
    }
    this.events.onHover(node, x, y);
  }

  private leave(): void {
    this.hovered = -1;
    this.touch(false);
    this.events.onHover(-1, 0, 0);
  }

  private click(x: number, y: number): void {
    const node = this.nodeAt(x, y);
    if (node < 0) return;
    this.selected = node;
    this.events.onSelect(node);
    this.events.onZoom(node);
  }

  private nodeAt(x: number, y: number): number {
    if (!this.scene || this.scene.layout.total <= 0) return -1;
    const at = this.span.from + ((this.span.to - this.span.from) * x) / this.width;
    const box = boxAt(this.scene.layout, rowAtPixel(this.window(), y), at);
    return box < 0 ? -1 : this.scene.layout.node[box];
  }

  private goTo(node: number, animated: boolean): void {
    const { layout } = this.scene!;
    const box = Math.max(0, layout.boxOf[node] ?? -1);
    const toSpan = clampSpan({ from: layout.x[box], to: layout.x[box] + layout.width[box] }, layout.total);
    const toScroll = this.clampScroll((rowOf(layout, box) - ZOOM_CONTEXT_ROWS) * ROW_PX);
    const still =
      !animated ||
      matchMedia('(prefers-reduced-motion: reduce)').matches ||
      this.span.to > layout.total * 1.001;
    if (still) {
      this.animation = null;
      this.span = toSpan;
      this.scroll = toScroll;
    } else {
      this.animation = { start: performance.now(), span: this.span, scroll: this.scroll, toSpan, toScroll };
    }
  }

  /** Scrolls and pans just enough to see the node. */
  private reveal(node: number): void {
    const { layout } = this.scene!;
    const box = layout.boxOf[node];
    if (box < 0) return;
    this.animation = null;
    const near = rowOf(layout, box) * ROW_PX;
    this.scroll = this.clampScroll(
      Math.min(Math.max(this.scroll, near + 2 * ROW_PX - this.height), near - ROW_PX),
    );
    const left = layout.x[box];
    const right = left + layout.width[box];
    if (right <= this.span.from || left >= this.span.to)
      this.span = panSpan(this.span, (left + right) / 2 - (this.span.from + this.span.to) / 2, layout.total);
  }

  private clampScroll(scroll: number): number {
    const content = (this.scene?.layout.rows ?? 0) * ROW_PX + ROW_PX;
    return Math.max(0, Math.min(scroll, content - this.height));
  }

  private window(): FlameWindow {
    const box = this.scene ? this.scene.layout.boxOf[this.zoomed] : -1;
    const zoomRow = box > 0 ? rowOf(this.scene!.layout, box) : 0;
    return {
      span: this.span,
      scroll: Math.round(this.scroll),
      width: this.width,
      height: this.height,
      flame: this.flame,
      zoomRow,
    };
  }

  private touch(boxesToo = true): void {
    this.dirty ||= boxesToo;
    if (this.frame === 0) this.frame = requestAnimationFrame((now) => this.paint(now));
  }

  private paint(now: number): void {
    this.frame = 0;
    if (!this.scene || this.width === 0) return;
    if (this.animation) {
      const { start, span, scroll, toSpan, toScroll } = this.animation;
      const t = easeOut(Math.min(1, Math.max(0, (now - start) / ZOOM_MS)));
      this.span = mixSpans(span, toSpan, t);
      this.scroll = scroll + (toScroll - scroll) * t;
      if (t >= 1) this.animation = null;
      else this.touch();
    }
    const view = this.window();
    if (this.dirty) paintFlame(this.boxes, this.scene, view);
    this.dirty = this.animation !== null;
    this.paintMarks(view);
  }

  private paintMarks(view: FlameWindow): void {
    this.marks.clearRect(0, 0, this.width, this.height);
    this.outline(view, this.selected, 2, this.scene!.theme.accent);
    this.outline(view, this.hovered, 1.5, this.scene!.theme.outline);
  }

  private outline(view: FlameWindow, node: number, line: number, colour: string): void {
    const { layout } = this.scene!;
    const box = node < 0 ? -1 : layout.boxOf[node];
    if (box < 0) return;
    const scale = this.width / (view.span.to - view.span.from);
    const left = Math.max(-4, (layout.x[box] - view.span.from) * scale);
    const right = Math.min(this.width + 4, (layout.x[box] + layout.width[box] - view.span.from) * scale);
    this.marks.strokeStyle = colour;
    this.marks.lineWidth = line;
    this.marks.strokeRect(
      left + line / 2,
      rowTop(view, rowOf(layout, box)) + line / 2,
      Math.max(1, right - left - line - 1),
      ROW_PX - line - 1,
    );
  }
}
