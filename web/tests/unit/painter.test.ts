// SPDX-License-Identifier: MIT
// What the painter asks a canvas for. Speed is measured by the bench; here is what it rests on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paintFlame } from '../../src/draw/flame-painter.ts';
import type { FlameWindow } from '../../src/draw/flame-painter.ts';
import { functionColour, makePalette } from '../../src/draw/palette.ts';
import { LIGHT } from '../../src/draw/theme.ts';
import { layOut, nameRanks } from '../../src/model/layout.ts';
import { loadProfile } from '../../src/model/load.ts';
import type { PageData } from '../../src/model/page-format.ts';
import { buildShape, invert, makeEntries, measure } from '../../src/model/tree.ts';
import { weigh } from '../../src/model/weights.ts';
import { samplePage } from '../sample.ts';
import { synthesise } from '../../scripts/synth.mjs';

interface Call {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly fill: string;
}

function record() {
  const boxes: Call[] = [];
  const labels: string[] = [];
  let fills = 0;
  let fill = '';
  const context = {
    get fillStyle() {
      return fill;
    },
    set fillStyle(value: string) {
      fill = value;
      fills++;
    },
    fillRect: (x: number, y: number, width: number) => boxes.push({ x, y, width, fill }),
    fillText: (text: string) => labels.push(text),
    measureText: (text: string) => ({ width: text.length * 7 }),
    save() {},
    restore() {},
    beginPath() {},
    rect() {},
    clip() {},
    moveTo() {},
    lineTo() {},
    stroke() {},
  };
  return { boxes, labels, fillChanges: () => fills, context: context as unknown as CanvasRenderingContext2D };
}

function paint(
  page: PageData,
  { leafFirst = false, ...change }: Partial<FlameWindow> & { leafFirst?: boolean } = {},
) {
  const profile = loadProfile(page);
  const entries = makeEntries(profile, false);
  const calls = measure(
    buildShape(profile, entries, { collapse: false, hidden: new Set() }),
    weigh(profile, { metric: 'count', threads: null, range: null, compare: false }),
  );
  const tree = leafFirst ? invert(calls) : calls;
  const layout = layOut(tree, 'now', 'size', nameRanks(entries.names));
  const palette = makePalette('module', false);
  const colours = Uint16Array.from(tree.entry, (entry) =>
    entry < 0 ? 0 : functionColour('module', profile.functions[entry]),
  );
  const window: FlameWindow = {
    span: { from: 0, to: layout.total },
    scroll: 0,
    width: 1400,
    height: 760,
    flame: false,
    zoomRow: 0,
    ...change,
  };
  const seen = record();
  paintFlame(
    seen.context,
    { layout, palette, colours, names: entries.names, rootLabel: 'all', theme: LIGHT },
    window,
  );
  return { ...seen, boxes: seen.boxes.slice(1), layout };
}

test('painter: a small profile is painted box by box, with its labels', () => {
  const { boxes, labels, layout } = paint(samplePage());
  assert.equal(boxes.length, layout.node.length);
  for (const name of ['all', 'main', 'load', 'parse', 'fib', 'run', '<GC>'])
    assert.ok(labels.includes(name), name);
});

test('painter: a flame graph is an icicle upside down', () => {
  const [icicle, flame] = [paint(samplePage()), paint(samplePage(), { flame: true })];
  const key = (b: Call, y: number) => `${b.x} ${y} ${b.width}`;
  assert.deepEqual(
    new Set(flame.boxes.map((b) => key(b, 760 - 19 - b.y))),
    new Set(icicle.boxes.map((b) => key(b, b.y))),
  );
});

test('painter: only what is in the window', () => {
  const { boxes, labels } = paint(samplePage(), { span: { from: 0, to: 5 } });
  assert.ok(!labels.includes('run'));
  for (const box of boxes) assert.ok(box.x < 1400 && box.x + box.width > 0);
  const scrolled = paint(samplePage(), { scroll: 19 * 3, height: 19 * 1 });
  assert.ok(scrolled.labels.includes('parse') && !scrolled.labels.includes('load'));
});

test('painter: what the zoomed box lies in is faded', () => {
  const palette = makePalette('module', false);
  const { boxes } = paint(samplePage(), { zoomRow: 1 });
  assert.equal(boxes.find((b) => b.y === 0)!.fill, palette.fill[palette.size]);
});

function dense(): PageData {
  const page = synthesise({ nodes: 100_000, threads: 12 });
  const all = page.nodes.parent.map((_, node) => node).slice(1);
  return {
    ...page,
    samples: { thread: all.map(() => 0), node: all, count: all.map(() => 1), weight_ns: all.map(() => 1e7) },
  };
}

for (const leafFirst of [false, true])
  test(`painter: 100,000 nodes ${leafFirst ? 'leaf first ' : ''}cost a bounded number of boxes and few changes of colour`, () => {
    const { boxes, fillChanges, layout } = paint(dense(), { leafFirst });
    assert.ok(layout.node.length > 60_000, `${layout.node.length} boxes to paint`);
    assert.ok(boxes.length > 1000 && boxes.length <= 14_000, `${boxes.length} painted`);
    assert.ok(fillChanges() < 1200, `${fillChanges()} changes`);
  });

test('painter: dust is visible: wherever a row has weight there is paint', () => {
  const { boxes, layout } = paint(dense());
  for (const row of [3, 9, 12]) {
    const scale = 1400 / layout.total;
    const painted = new Uint8Array(1400);
    for (const b of boxes)
      if (b.y === row * 19) painted.fill(1, Math.max(0, Math.floor(b.x)), Math.ceil(b.x + b.width));
    let bare = 0;
    for (let box = layout.start[row]; box < layout.start[row + 1]; box++) {
      const [from, to] = [layout.x[box] * scale, (layout.x[box] + layout.width[box]) * scale];
      for (let x = Math.floor(from); x < Math.floor(to) - 1; x++) if (!painted[x]) bare++;
    }
    assert.ok(bare < 14, `row ${row}: ${bare} bare pixels`);
  }
});

test('palette: headings of threads are plain, markers are not', () => {
  const page = samplePage();
  const profile = loadProfile({
    ...page,
    kinds: ['thread', 'native', 'kernel', 'thread', 'process', 'gc', 'changing', 'other'],
  });
  const palette = makePalette('module', false);
  assert.equal(functionColour('module', profile.functions[0]), 0);
  assert.ok(functionColour('module', profile.functions[5]) >= palette.hatchedFrom);
});
