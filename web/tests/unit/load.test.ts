// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BadData, loadProfile } from '../../src/model/load.ts';
import { placeOf } from '../../src/model/module.ts';
import type { PageData } from '../../src/model/page-format.ts';
import { sampleDiff, samplePage } from '../sample.ts';
import { synthesise } from '../../scripts/synth.mjs';

test('load: lines of one function are one function', () => {
  const profile = loadProfile(samplePage());
  assert.deepEqual(
    profile.functions.map((f) => f.name),
    ['main', 'load', 'parse', 'fib', 'run', '<GC>'],
  );
  assert.equal(profile.frameFunction[1], profile.frameFunction[6]);
  assert.notEqual(profile.frameLine[1], profile.frameLine[6]);
});

test('load: gaps and durations become starts', () => {
  const { runs } = loadProfile(samplePage());
  assert.deepEqual(
    [...runs!.startUs],
    [0, 30_000, 80_000, 110_000, 120_000, 140_000, 100_000, 130_000, 150_000],
  );
  assert.deepEqual([...runs!.thread], [0, 0, 0, 0, 0, 0, 1, 1, 1]);
  assert.equal(runs!.endUs, 160_000);
});

test('load: without a timeline there are no runs, without a base no base', () => {
  const profile = loadProfile({ ...samplePage(), timeline: null });
  assert.equal(profile.runs, null);
  assert.equal(profile.base, null);
  assert.equal(loadProfile(sampleDiff()).base!.meta.title, 'before');
});

test('load: a design effect is taken as given, or assumed', () => {
  const given = loadProfile({ ...sampleDiff(), base: { ...sampleDiff().base!, design_effect: [2, 3] } });
  assert.deepEqual([given.base!.designEffect, given.designEffect], [2, 3]);
  const { design_effect: _, ...without } = sampleDiff().base!;
  assert.equal(loadProfile({ ...sampleDiff(), base: without }).designEffect, 10);
});

test('load: a name cannot hide, turn around or vanish', () => {
  const page = samplePage();
  const strings = page.strings.map((s) => (s === 'load' ? 'a\u202eb\n\u0000' : s === 'fib' ? '' : s));
  const names = loadProfile({ ...page, strings }).functions.map((f) => f.name);
  assert.deepEqual(names, ['main', 'a\ufffdb\ufffd\ufffd', 'parse', '?', 'run', '<GC>']);
});

test('load: functions of the same name in files of the same short name stay apart', () => {
  const page = samplePage();
  const strings = [...page.strings, '/srv/other/app.py'];
  const full = [...page.frames.full_file];
  full[6] = strings.length - 1;
  const profile = loadProfile({ ...page, strings, frames: { ...page.frames, full_file: full } });
  assert.equal(profile.functions.filter((f) => f.name === 'load').length, 2);
});

const BROKEN: readonly (readonly [string, RegExp, (page: PageData) => unknown])[] = [
  ['null', /missing/, () => null],
  ['an array', /missing/, () => []],
  ['another format', /not marked/, (page) => ({ ...page, format: 'speedscope' })],
  ['a newer version', /version 2/, (page) => ({ ...page, version: 2 })],
  ['no strings', /strings is missing/, (page) => ({ ...page, strings: undefined })],
  [
    'columns of different lengths',
    /differ in length/,
    (page) => ({ ...page, nodes: { ...page.nodes, frame: [-1] } }),
  ],
  ['a column that is no array', /missing/, (page) => ({ ...page, nodes: { parent: 3, frame: 4 } })],
  ['no root', /\broot\b/, (page) => ({ ...page, nodes: { parent: [], frame: [] } })],
  [
    'a node before its parent',
    /after its parent/,
    (page) => ({ ...page, nodes: { parent: [-1, 2, 0], frame: [-1, 0, 0] } }),
  ],
  [
    'a node that is its own parent',
    /after its parent/,
    (page) => ({ ...page, nodes: { parent: [-1, 1], frame: [-1, 0] } }),
  ],
  [
    'a frame that does not exist',
    /does not exist/,
    (page) => ({ ...page, nodes: { parent: [-1, 0], frame: [-1, 99] } }),
  ],
  [
    'a string that does not exist',
    /string 99/,
    (page) => ({ ...page, frames: { ...page.frames, name: page.frames.name.map(() => 99) } }),
  ],
  [
    'a sample in a node that does not exist',
    /node does not exist/,
    (page) => ({ ...page, samples: { ...page.samples, node: page.samples.node.map(() => 1e6) } }),
  ],
  [
    'half a node',
    /node does not exist/,
    (page) => ({ ...page, samples: { ...page.samples, node: page.samples.node.map(() => 0.5) } }),
  ],
  [
    'a negative count',
    /not a number/,
    (page) => ({ ...page, samples: { ...page.samples, count: page.samples.count.map(() => -1) } }),
  ],
  [
    'a count that is text',
    /not a number/,
    (page) => ({ ...page, samples: { ...page.samples, count: page.samples.count.map(() => '<b>') } }),
  ],
  [
    'a run of a thread that does not exist',
    /run’s thread/,
    (page) => ({
      ...page,
      timeline: { unit_us: 1, threads: [{ thread: 7, gap: [0], duration: [1], node: [1], count: [1] }] },
    }),
  ],
  ['a timeline without a unit', /unit/, (page) => ({ ...page, timeline: { ...page.timeline!, unit_us: 0 } })],
  ['a base without samples', /base’s samples/, (page) => ({ ...page, base: { meta: {}, stats: {} } })],
];
for (const [name, expected, breakIt] of BROKEN)
  test(`load: ${name} is refused with a reason`, () => {
    assert.throws(
      () => loadProfile(breakIt(samplePage())),
      (error: unknown) => error instanceof BadData && expected.test(error.message),
    );
  });

test('load: whatever one value is replaced by, the answer is a profile or a reason', () => {
  const junk: unknown[] = [null, undefined, -1, 1e9, 0.5, NaN, 'x', [], {}, true];
  const source = JSON.stringify(sampleDiff());
  let refused = 0;
  for (let seed = 0; seed < 3000; seed++) {
    const page = JSON.parse(source) as Record<string, unknown>;
    mutate(page, seed, junk);
    try {
      loadProfile(page);
    } catch (error) {
      assert.ok(error instanceof BadData, `seed ${seed}: ${String(error)}`);
      refused++;
    }
  }
  assert.ok(refused > 500, `${refused} of 3000 refused`);
});

/** Walks down by digits of the seed and puts junk where it ends. */
function mutate(page: Record<string, unknown>, seed: number, junk: readonly unknown[]): void {
  let at = page;
  let state = seed * 2654435761;
  const next = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  for (;;) {
    const keys = Object.keys(at);
    const key = keys[next(keys.length)]!;
    const value = at[key];
    if (typeof value !== 'object' || value === null || Object.keys(value).length === 0 || next(5) === 0) {
      at[key] = junk[next(junk.length)];
      return;
    }
    at = value as Record<string, unknown>;
  }
}

test('load: 100,000 nodes within two seconds', () => {
  const page = synthesise({ nodes: 100_000, threads: 12 });
  const start = performance.now();
  const profile = loadProfile(page);
  assert.equal(profile.nodeParent.length, page.nodes.parent.length);
  assert.ok(performance.now() - start < 2000);
});

test('module: told from the path alone', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['/srv/shop/.venv/lib/python3.12/site-packages/flask/app.py', 'flask', 'package'],
    ['/usr/lib/python3/dist-packages/six.py', 'six', 'package'],
    ['/usr/lib/python3.12/json/decoder.py', 'json', 'stdlib'],
    ['/usr/local/lib/python3.14t/threading.py', 'threading', 'stdlib'],
    ['/usr/lib/python312.zip/abc.py', 'abc', 'stdlib'],
    ['<frozen importlib._bootstrap>', 'importlib', 'stdlib'],
    ['/srv/shop/orders/views.py', 'orders', 'app'],
    ['main.py', 'main', 'app'],
    ['<string>', '<string>', 'app'],
  ];
  for (const [path, module, origin] of cases)
    assert.deepEqual(placeOf('python', 'f', path), { module, origin }, path);
  assert.deepEqual(placeOf('native', 'memcpy', '/lib/x86_64-linux-gnu/libc.so.6'), {
    module: 'libc.so',
    origin: 'native',
  });
  assert.deepEqual(placeOf('gc', '<GC>', ''), { module: '<GC>', origin: 'marker' });
});
