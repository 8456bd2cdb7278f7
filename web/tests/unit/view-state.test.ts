// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contrast } from '../../src/lib/colour.ts';
import { functionColour, makePalette, moduleShade } from '../../src/draw/palette.ts';
import { loadProfile } from '../../src/model/load.ts';
import { buildShape, makeEntries, measure } from '../../src/model/tree.ts';
import { defaultState, findByKeys, fromHash, toHash, zoomKeys } from '../../src/model/view-state.ts';
import type { ViewState } from '../../src/model/view-state.ts';
import { weigh } from '../../src/model/weights.ts';
import { samplePage } from '../sample.ts';

const profile = loadProfile(samplePage());
const defaults = defaultState(profile);

test('link: the default view needs no link', () => {
  assert.equal(toHash(defaults, defaults), '');
  assert.deepEqual(fromHash('', defaults), defaults);
});

test('link: everything that can be set comes back', () => {
  const state: ViewState = {
    view: 'sandwich',
    zoom: [1, 4294967295, 77],
    focus: 123456,
    query: 'a&b=c #é|\\d+',
    range: { from: 1000, to: 2_000_000 },
    threads: [0, 3],
    compare: true,
    metric: 'time',
    colour: 'self',
    widthOf: 'both',
    order: 'name',
    invert: true,
    collapse: true,
    lines: true,
    hidden: ['gc', 'native'],
  };
  assert.deepEqual(fromHash(`#${toHash(state, defaults)}`, defaults), state);
});

test('link: nonsense is ignored', () => {
  const state = fromHash(
    '#view=%00&zoom=..!!.zz&range=9-3&threads=&metric=<script>&hide=all&fn=-1&x=y',
    defaults,
  );
  assert.deepEqual({ ...state, zoom: [], threads: null }, defaults);
  assert.deepEqual(state.zoom, [parseInt('zz', 36)]);
});

test('link: a zoom finds its box in any tree that has it, or stops where the way ends', () => {
  const entries = makeEntries(profile, false);
  const tree = measure(
    buildShape(profile, entries, { collapse: false, hidden: new Set() }),
    weigh(profile, { metric: 'count', threads: null, range: null, compare: false }),
  );
  for (let node = 0; node < tree.parent.length; node++)
    assert.equal(findByKeys(profile, entries, tree, zoomKeys(profile, entries, tree, node)), node);
  const keys = zoomKeys(profile, entries, tree, 2);
  assert.equal(findByKeys(profile, entries, tree, [...keys, 42]), 2);
  assert.equal(findByKeys(profile, entries, tree, [42, ...keys]), 0);
});

test('palette: text is readable on every colour, light and dark', () => {
  const rgb = (css: string) => css.match(/\d+/g)!.map(Number) as [number, number, number];
  for (const by of ['module', 'kind', 'self', 'change'] as const)
    for (const dark of [false, true]) {
      const palette = makePalette(by, dark);
      assert.equal(palette.fill.length, palette.size * 2);
      palette.fill.forEach((fill, i) => {
        const ratio = contrast(rgb(fill), rgb(palette.ink[i]));
        assert.ok(
          ratio >= (i < palette.size ? 4.5 : 3.9),
          `${by} ${dark ? 'dark' : 'light'} ${i}: ${ratio.toFixed(2)}`,
        );
      });
    }
});

test('palette: a function’s colour is within the palette and depends on its module alone', () => {
  const palette = makePalette('module', false);
  for (const func of profile.functions) assert.ok(functionColour('module', func) < palette.size);
  assert.equal(moduleShade('orders'), moduleShade('orders'));
  assert.ok(
    new Set(['orders', 'flask', 'json', 're', 'search', 'plugins', 'shop', 'redis'].map(moduleShade)).size >=
      6,
  );
});
