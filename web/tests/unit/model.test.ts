// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeOf } from '../../src/model/change.ts';
import { toFolded } from '../../src/model/folded.ts';
import { boxAt, layOut, nameRanks, rowOf } from '../../src/model/layout.ts';
import { loadProfile } from '../../src/model/load.ts';
import type { FrameKind } from '../../src/model/page-format.ts';
import { sandwich } from '../../src/model/sandwich.ts';
import { functionRows, matchedWeight, matchingNodes } from '../../src/model/table.ts';
import { makeTimeline, threadCounts } from '../../src/model/timeline.ts';
import { buildShape, entryLabel, invert, makeEntries, measure, pathTo } from '../../src/model/tree.ts';
import type { Tree } from '../../src/model/tree.ts';
import { weigh } from '../../src/model/weights.ts';
import type { Selection } from '../../src/model/weights.ts';
import { FIB, GC, LOAD, MAIN, PARSE, RUN, sampleDiff, samplePage } from '../sample.ts';
import { synthesise } from '../../scripts/synth.mjs';

const ALL: Selection = { metric: 'count', threads: null, range: null, compare: false };
const PLAIN = { collapse: false, hidden: new Set<FrameKind>() };

function setUp({ page = samplePage(), selection = ALL, options = PLAIN, lines = false } = {}) {
  const profile = loadProfile(page);
  const entries = makeEntries(profile, lines);
  const weights = weigh(profile, selection);
  const tree = measure(buildShape(profile, entries, options), weights);
  return { profile, entries, weights, tree };
}

/** Every node as "main;load total/self", sorted. */
function shown(tree: Tree, names: readonly string[]): string[] {
  return tree.total
    .reduce<string[]>((all, total, node) => {
      const path = pathTo(tree, node)
        .map((n) => names[tree.entry[n]])
        .join(';');
      return total > 0 ? [...all, `${path || 'all'} ${total}/${tree.self[node]}`] : all;
    }, [])
    .sort();
}

test('weights: all samples, by count and by time', () => {
  const profile = loadProfile(samplePage());
  assert.equal(weigh(profile, ALL).total, 19);
  assert.equal(weigh(profile, { ...ALL, metric: 'time' }).total, 19e7);
});

test('weights: one thread', () => {
  const { tree, weights } = setUp({ selection: { ...ALL, threads: new Set([1]) } });
  assert.equal(weights.total, 6);
  assert.equal(tree.total[0], 6);
});

test('weights: a range counts runs by the part that lies inside', () => {
  const profile = loadProfile(samplePage());
  const whole = weigh(profile, { ...ALL, range: { from: 0, to: 200_000 } });
  assert.equal(whole.total, 19);
  const part = weigh(profile, { ...ALL, range: { from: 15_000, to: 40_000 } });
  assert.deepEqual([part.now[2], part.now[3]], [1.5, 1]);
  assert.equal(part.total, 2.5);
  assert.equal(weigh(profile, { ...ALL, metric: 'time', range: { from: 15_000, to: 40_000 } }).total, 25e6);
  assert.equal(
    weigh(profile, { ...ALL, range: { from: 90_000, to: 100_000 } }).total,
    0,
    'in a gap nothing was seen',
  );
});

test('weights: two halves of the time add up to the whole, in every node', () => {
  const profile = loadProfile(synthesise({ nodes: 3000, threads: 5 }));
  const at = 23_456_789;
  const left = weigh(profile, { ...ALL, range: { from: 0, to: at } });
  const right = weigh(profile, { ...ALL, range: { from: at, to: 1e12 } });
  const whole = weigh(profile, ALL);
  whole.now.forEach((w, node) =>
    assert.ok(Math.abs(left.now[node] + right.now[node] - w) < 1e-6, `node ${node}`),
  );
});

test('weights: a base is scaled to the same total', () => {
  const { weights } = setUp({ page: sampleDiff() });
  assert.equal(
    weights.base!.reduce((a, b) => a + b),
    19,
  );
  assert.deepEqual([weights.evidence, weights.baseEvidence], [19, 100]);
});

test('weights: a part compared with the rest, which is everything else', () => {
  const profile = loadProfile(samplePage());
  const { now, base, total, baseEvidence } = weigh(profile, { ...ALL, threads: new Set([1]), compare: true });
  const whole = weigh(profile, ALL);
  assert.equal(baseEvidence * profile.designEffect, 13);
  whole.now.forEach((w, node) => assert.ok(Math.abs(now[node] + (base![node] * 13) / total - w) < 1e-9));
  const part = weigh(profile, { ...ALL, range: { from: 0, to: 80_000 }, compare: true });
  assert.equal(part.base![2] + part.base![3], 0, 'all of it lies in the range');
});

test('tree: lines of a function are merged', () => {
  const { tree, entries } = setUp();
  assert.deepEqual(
    shown(tree, entries.names),
    [
      'all 19/0',
      'main 13/0',
      'main;fib 4/1',
      'main;fib;fib 3/2',
      'main;fib;fib;fib 1/1',
      'main;load 9/3',
      'main;load;parse 6/5',
      'main;load;parse;<GC> 1/1',
      'run 6/0',
      'run;load 6/4',
      'run;load;parse 2/2',
    ].sort(),
  );
});

test('tree: or told apart', () => {
  const { tree, entries } = setUp({ lines: true });
  const worker = shown(tree, entries.names).filter((line) => line.startsWith('run:30;'));
  assert.deepEqual(worker, ['run:30;load:12 5/3', 'run:30;load:12;parse:40 2/2', 'run:30;load:14 1/1']);
});

test('tree: recursion collapses without losing a sample', () => {
  const { tree, entries } = setUp({ options: { ...PLAIN, collapse: true } });
  assert.ok(shown(tree, entries.names).includes('main;fib 4/4'));
  assert.equal(tree.total[0], 19);
});

test('tree: what is left out leaves its samples with the caller', () => {
  const { tree, entries } = setUp({ options: { ...PLAIN, hidden: new Set<FrameKind>(['gc']) } });
  assert.ok(shown(tree, entries.names).includes('main;load;parse 6/6'));
  assert.equal(tree.total[0], 19);
});

test('tree: inverted, leaves come first with their own time', () => {
  const { tree, entries } = setUp();
  const inverted = invert(tree);
  const lines = shown(inverted, entries.names);
  assert.ok(lines.includes('parse 7/0'));
  assert.ok(lines.includes('parse;load 7/0'));
  assert.ok(lines.includes('parse;load;main 5/5'));
  assert.ok(lines.includes('parse;load;run 2/2'));
  assert.ok(lines.includes('fib;fib;fib;main 1/1'));
  assert.equal(inverted.total[0], 19);
  assert.equal(inverted.cut, 0);
});

test('tree: labels are what the other formats write', () => {
  const { profile, entries } = setUp();
  assert.equal(entryLabel(profile, entries, LOAD), 'load (app.py:10)');
  assert.equal(entryLabel(profile, entries, GC), '<GC>');
  assert.equal(entryLabel(profile, entries, -1), 'all');
});

test('table: self adds up to everything, recursion counts once', () => {
  const { tree, entries, profile } = setUp();
  const rows = functionRows(tree, entries, profile.functions.length);
  const get = (func: number) => rows.find((row) => row.func === func)!;
  assert.deepEqual([get(FIB).self, get(FIB).total], [4, 4]);
  assert.deepEqual([get(LOAD).self, get(LOAD).total], [7, 15]);
  assert.deepEqual([get(MAIN).self, get(MAIN).total], [0, 13]);
  assert.equal(
    rows.reduce((sum, row) => sum + row.self, 0),
    19,
  );
});

test('table: agrees with counting stack by stack on a large profile', () => {
  const { tree, entries, profile } = setUp({ page: synthesise({ nodes: 4000, threads: 4 }) });
  const expected = new Float64Array(profile.functions.length);
  for (let node = 1; node < tree.parent.length; node++) {
    const onStack = new Set(pathTo(tree, node).map((n) => entries.functionOf[tree.entry[n]]));
    for (const func of onStack) expected[func] += tree.self[node];
  }
  for (const row of functionRows(tree, entries, profile.functions.length))
    assert.equal(row.total, expected[row.func]);
});

test('table: a sample with two matches is one', () => {
  const { tree, entries } = setUp();
  const matches = new Uint8Array(6);
  matches[LOAD] = matches[PARSE] = 1;
  assert.equal(matchedWeight(tree, entries, matches), 15);
  matches.fill(0);
  matches[FIB] = 1;
  assert.equal(matchedWeight(tree, entries, matches), 4);
});

test('table: matches to visit are the outermost ones, heaviest first', () => {
  const { tree, entries } = setUp();
  const matches = new Uint8Array(6);
  matches[LOAD] = matches[PARSE] = matches[FIB] = 1;
  assert.deepEqual(
    matchingNodes(tree, entries, matches).map((node) => tree.total[node]),
    [9, 6, 4],
  );
});

test('sandwich: callers and callees weigh the same, recursion counts once', () => {
  const { tree, entries } = setUp();
  const { callers, callees } = sandwich(tree, entries, LOAD);
  const named = (t: Tree) => shown(t, entries.names);
  assert.deepEqual(named(callers), ['all 15/0', 'main 9/9', 'run 6/6']);
  assert.deepEqual(named(callees), ['all 15/7', 'parse 8/7', 'parse;<GC> 1/1']);
  const fib = sandwich(tree, entries, FIB);
  assert.equal(fib.callees.total[0], 4);
  assert.deepEqual(named(fib.callers), ['all 4/0', 'main 4/4']);
  assert.deepEqual(
    named(sandwich(tree, entries, RUN).callers),
    ['all 6/6'],
    'nothing calls a thread’s first function',
  );
});

test('sandwich: totals are the table’s, for every function of a large profile', () => {
  const { tree, entries, profile } = setUp({ page: synthesise({ nodes: 3000, threads: 4 }) });
  for (const row of functionRows(tree, entries, profile.functions.length)) {
    const { callers, callees } = sandwich(tree, entries, row.func);
    assert.equal(callees.total[0], row.total);
    assert.equal(callers.total[0], row.total);
  }
});

test('layout: children lie inside their parents, side by side, largest first', () => {
  const { tree, entries } = setUp({ page: synthesise({ nodes: 3000, threads: 4 }) });
  const layout = layOut(tree, 'now', 'size', nameRanks(entries.names));
  for (let row = 1; row < layout.rows; row++)
    for (let box = layout.start[row]; box < layout.start[row + 1]; box++) {
      const parent = layout.boxOf[tree.parent[layout.node[box]]];
      assert.ok(layout.x[box] >= layout.x[parent] - 1e-9);
      assert.ok(layout.x[box] + layout.width[box] <= layout.x[parent] + layout.width[parent] + 1e-6);
      const next = box + 1;
      if (next >= layout.start[row + 1]) continue;
      assert.ok(layout.x[next] >= layout.x[box] + layout.width[box] - 1e-6);
      if (tree.parent[layout.node[next]] === tree.parent[layout.node[box]])
        assert.ok(layout.width[next] <= layout.width[box]);
    }
});

test('layout: a point finds its box, and only it', () => {
  const { tree, entries } = setUp();
  const layout = layOut(tree, 'now', 'size', nameRanks(entries.names));
  for (let box = 0; box < layout.node.length; box++) {
    const row = rowOf(layout, box);
    assert.ok(layout.start[row] <= box && box < layout.start[row + 1]);
    assert.equal(boxAt(layout, row, layout.x[box] + layout.width[box] / 2), box);
  }
  assert.equal(boxAt(layout, 0, -1), -1);
  assert.equal(boxAt(layout, 0, 19), -1);
  assert.equal(boxAt(layout, 99, 1), -1);
});

test('layout: by name', () => {
  const { tree, entries } = setUp();
  const layout = layOut(tree, 'now', 'name', nameRanks(entries.names));
  const names = [layout.start[1], layout.start[1] + 1].map(
    (box) => entries.names[tree.entry[layout.node[box]]],
  );
  assert.deepEqual(names, ['main', 'run']);
});

test('layout: what has gone is visible when widths are of both or of the base', () => {
  const page = sampleDiff();
  const gone = { ...page, samples: { thread: [0], node: [2], count: [10], weight_ns: [1e8] } };
  const { tree, entries } = setUp({ page: gone });
  const parse = tree.entry.indexOf(PARSE);
  const ranks = nameRanks(entries.names);
  assert.equal(layOut(tree, 'now', 'size', ranks).boxOf[parse], -1);
  assert.equal(
    layOut(tree, 'base', 'size', ranks).width[layOut(tree, 'base', 'size', ranks).boxOf[parse]],
    2,
  );
  assert.equal(
    layOut(tree, 'both', 'size', ranks).width[layOut(tree, 'both', 'size', ranks).boxOf[parse]],
    1,
  );
});

test('change: equal shares are noise, large ones are not, few samples prove nothing', () => {
  assert.equal(changeOf(0.1, 0.1, 1000, 1000).noise, true);
  assert.equal(changeOf(0.2, 0.1, 1000, 1000).noise, false);
  assert.equal(changeOf(0.2, 0.1, 20, 20).noise, true);
  assert.deepEqual([changeOf(0.1, 0, 1000, 1000).relative, changeOf(0, 0.1, 1000, 1000).relative], [1, -1]);
});

test('change: two recordings of one program show few false findings in a thousand functions', () => {
  let state = 12345;
  const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const binomial = (n: number, p: number): number => {
    let hits = 0;
    for (let i = 0; i < n; i++) if (random() < p) hits++;
    return hits;
  };
  let found = 0;
  for (let i = 0; i < 1000; i++) {
    const p = 0.002 + 0.3 * random() ** 3;
    if (!changeOf(binomial(2000, p) / 2000, binomial(2000, p) / 2000, 2000, 2000).noise) found++;
  }
  assert.ok(found <= 10, `${found} of 1000`);
});

test('timeline: each bin holds the share of it in which the thread was seen', () => {
  const profile = loadProfile(samplePage());
  const timeline = makeTimeline(profile, profile.runs!, 20);
  assert.equal(timeline.endUs, 200_000);
  const row = (thread: number) => [...timeline.activity.subarray(thread * 20, thread * 20 + 20)];
  assert.deepEqual(row(0), [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
  assert.deepEqual(row(1), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0]);
  assert.equal(timeline.peak, 2);
  assert.deepEqual([...threadCounts(profile)], [13, 6]);
});

test('folded: outermost first, with counts that add up', () => {
  const { profile, entries, tree } = setUp();
  const lines = toFolded(profile, entries, tree, 0, 1).trim().split('\n');
  assert.ok(lines.includes('main (app.py:1);load (app.py:10);parse (json/decoder.py:33) 5'));
  assert.equal(
    lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0),
    19,
  );
});

test('folded: of one part, with the way to it; nothing in a name can break a line', () => {
  const page = samplePage();
  const strings = [...page.strings];
  strings[4] = 'lo;ad\nx';
  const { profile, entries, tree } = setUp({ page: { ...page, strings } });
  const node = tree.entry.indexOf(LOAD);
  const text = toFolded(profile, entries, tree, node, 1);
  assert.deepEqual(
    text
      .trim()
      .split('\n')
      .map((l) => l.split(';').length),
    [2, 3, 4],
  );
  assert.ok(text.startsWith('main (app.py:1);lo,ad\ufffdx (app.py:10) 3\n'));
});
