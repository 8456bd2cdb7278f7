// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contrast, oklchToRgb } from '../../src/lib/colour.ts';
import { PairMap } from '../../src/lib/pairmap.ts';
import { compileQuery, quoteForQuery } from '../../src/lib/search.ts';
import {
  fitText,
  formatClock,
  formatCount,
  formatNs,
  formatPoints,
  formatShare,
  hashText,
} from '../../src/lib/text.ts';
import { clampSpan, mixSpans, panSpan, zoomSpan } from '../../src/lib/viewport.ts';

test('text: a share never claims to be nothing or everything', () => {
  assert.equal(formatShare(0), '0 %');
  assert.equal(formatShare(1), '100 %');
  assert.equal(formatShare(0.00001), '<0.01 %');
  assert.equal(formatShare(0.9999), '>99.9 %');
  assert.equal(formatShare(0.1234), '12.3 %');
  assert.equal(formatShare(0.001234), '0.12 %');
  assert.equal(formatShare(NaN), '–');
});

test('text: changes carry a sign, and rounding to nothing says so', () => {
  assert.equal(formatPoints(0.0512), '+5.1 pp');
  assert.equal(formatPoints(-0.0051), '−0.51 pp');
  assert.equal(formatPoints(0.00001), '±0 pp');
});

test('text: durations, clocks and counts', () => {
  assert.equal(formatNs(0), '0 s');
  assert.equal(formatNs(1), '1 ns');
  assert.equal(formatNs(1.5e9), '1.5 s');
  assert.equal(formatNs(90e9), '1.5 min');
  assert.equal(formatNs(123e6), '123 ms');
  assert.equal(formatClock(2_500_000), '2.5 s');
  assert.equal(formatClock(185e6), '3:05');
  assert.equal(formatClock(3723e6), '1:02:03');
  assert.equal(formatCount(1234567), '1,234,567');
});

test('text: a hash stays the same for ever, as links and colours depend on it', () => {
  assert.equal(hashText(''), 0x811c9dc5);
  assert.equal(hashText('a'), 0xe40c292c);
  assert.equal(hashText('main\0app.py'), hashText('main\0app.py'));
});

test('text: labels are cut at the end or left out', () => {
  assert.equal(fitText('abcdef', 6), 'abcdef');
  assert.equal(fitText('abcdef', 5), 'abcd…');
  assert.equal(fitText('abcdef', 3), '');
});

test('pairmap: finds what was put in, through growth, and nothing else', () => {
  const map = new PairMap(4);
  for (let i = 0; i < 5000; i++) map.set(i, i * 7, i);
  assert.equal(map.size, 5000);
  for (let i = 0; i < 5000; i++) {
    assert.equal(map.get(i, i * 7), i);
    assert.equal(map.get(i, i * 7 + 1), -1);
  }
  map.set(3, 21, 99);
  assert.equal(map.get(3, 21), 99);
  assert.equal(map.size, 5000);
});

test('search: lower case finds any case, a capital letter means it', () => {
  assert.equal(compileQuery('json')!.test('JSONDecoder'), true);
  assert.equal(compileQuery('Json')!.test('JSONDecoder'), false);
  assert.equal(compileQuery('\\S+decoder')!.test('JSONDECODER'), true, 'a class is no capital letter');
  assert.equal(compileQuery('  '), null);
});

test('search: what is not yet an expression is text', () => {
  const query = compileQuery('foo(')!;
  assert.equal(query.test('call foo(1)'), true);
  assert.equal(query.test('foo'), false);
  assert.match(query.error!, /as text/);
  assert.equal(compileQuery('a.c')!.error, null);
});

test('search: a quoted name finds only itself', () => {
  for (const name of ['<listcomp>', 'a.b', 'x[0]', 'f(*args)', '^$|\\', 'ключ', 'a/b']) {
    const query = compileQuery(`^${quoteForQuery(name)}$`)!;
    assert.equal(query.error, null, name);
    assert.equal(query.test(name), true, name);
    assert.equal(query.test(`${name}x`), false, name);
  }
});

test('viewport: never leaves the line, keeps its size when moved', () => {
  assert.deepEqual(panSpan({ from: 10, to: 20 }, -50, 100), { from: 0, to: 10 });
  assert.deepEqual(panSpan({ from: 10, to: 20 }, 500, 100), { from: 90, to: 100 });
  assert.deepEqual(clampSpan({ from: -5, to: 500 }, 100), { from: 0, to: 100 });
});

test('viewport: zooming keeps the point under the pointer', () => {
  const span = zoomSpan({ from: 0, to: 100 }, 0.5, 30, 100);
  assert.equal(span.to - span.from, 50);
  assert.equal((30 - span.from) / 50, 0.3);
  const tiny = zoomSpan({ from: 0, to: 100 }, 1e-12, 30, 100);
  assert.ok(tiny.to - tiny.from > 0, 'there is an innermost zoom');
});

test('viewport: an animation begins and ends where it should', () => {
  const [a, b] = [
    { from: 0, to: 100 },
    { from: 20, to: 30 },
  ];
  assert.deepEqual(mixSpans(a, b, 0), a);
  assert.deepEqual(mixSpans(a, b, 1), b);
  const middle = mixSpans(a, b, 0.5);
  assert.ok(middle.from >= 0 && middle.from <= 20 && middle.to <= 100 && middle.to >= 30);
});

test('colour: OKLCH ends are black and white, contrast is WCAG’s', () => {
  assert.deepEqual(oklchToRgb(0, 0, 0), [0, 0, 0]);
  assert.deepEqual(oklchToRgb(1, 0, 0), [255, 255, 255]);
  assert.equal(contrast([0, 0, 0], [255, 255, 255]), 21);
});
