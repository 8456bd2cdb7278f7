// SPDX-License-Identifier: MIT
// use-analysis.ts - from the profile and what is set on the page to trees, layout and colours. Each step is kept until
// something that it depends on changes: dragging a range weighs and lays out again, but rebuilds no shape.

import { useMemo } from 'preact/hooks';
import { compileQuery } from '../lib/search.ts';
import type { Query } from '../lib/search.ts';
import { changeColour, functionColour, heatColour, makePalette, ROOT_COLOUR } from '../draw/palette.ts';
import type { ColourBy, Palette } from '../draw/palette.ts';
import { changeOf } from '../model/change.ts';
import { layOut, nameRanks } from '../model/layout.ts';
import type { Layout } from '../model/layout.ts';
import { functionLabel } from '../model/profile.ts';
import type { Profile } from '../model/profile.ts';
import { matchedWeight } from '../model/table.ts';
import { buildShape, invert, makeEntries, measure } from '../model/tree.ts';
import type { Entries, Tree } from '../model/tree.ts';
import type { ViewState } from '../model/view-state.ts';
import { weigh } from '../model/weights.ts';
import type { Weights } from '../model/weights.ts';

export interface Analysis {
  readonly profile: Profile;
  readonly entries: Entries;
  readonly ranks: Int32Array;
  readonly weights: Weights;
  /** Callers first, whatever the view; tables and sandwiches come from it. */
  readonly calls: Tree;
  /** What the flame graph shows: the same, or leaf first. */
  readonly tree: Tree;
  readonly query: Query | null;
  /** Per function; null: nothing is searched for. */
  readonly matches: Uint8Array | null;
  readonly matchedShare: number;
}

export function useAnalysis(profile: Profile, state: ViewState): Analysis {
  const entries = useMemo(() => makeEntries(profile, state.lines), [profile, state.lines]);
  const ranks = useMemo(() => nameRanks(entries.names), [entries]);
  const hidden = state.hidden.join();
  const shape = useMemo(
    () => buildShape(profile, entries, { collapse: state.collapse, hidden: new Set(state.hidden) }),
    [entries, state.collapse, hidden],
  );
  const threads = state.threads?.join();
  const weights = useMemo(
    () =>
      weigh(profile, {
        metric: state.metric,
        threads: state.threads && new Set(state.threads),
        range: state.range,
        compare: state.compare,
      }),
    [profile, state.metric, threads, state.range, state.compare],
  );
  const calls = useMemo(() => measure(shape, weights), [shape, weights]);
  const tree = useMemo(() => (state.invert ? invert(calls) : calls), [calls, state.invert]);
  const query = useMemo(() => compileQuery(state.query), [state.query]);
  const matches = useMemo(
    () =>
      query &&
      Uint8Array.from(profile.functions, (func) => (query.test(functionLabel(func, func.firstLine)) ? 1 : 0)),
    [profile, query],
  );
  const matchedShare = useMemo(
    () => (matches && calls.total[0] > 0 ? matchedWeight(calls, entries, matches) / calls.total[0] : 0),
    [calls, entries, matches],
  );
  return { profile, entries, ranks, weights, calls, tree, query, matches, matchedShare };
}

export function useLayout(analysis: Analysis, tree: Tree, state: ViewState): Layout {
  const widthOf = state.widthOf === 'side' ? 'both' : state.widthOf;
  return useMemo(
    () => layOut(tree, widthOf, state.order, analysis.ranks),
    [tree, widthOf, state.order, analysis.ranks],
  );
}

export function usePalette(by: ColourBy, dark: boolean): Palette {
  return useMemo(() => makePalette(by, dark), [by, dark]);
}

export function useColours(analysis: Analysis, tree: Tree, by: ColourBy, palette: Palette): Uint16Array {
  return useMemo(() => {
    const colours = plainColours(analysis, tree, by);
    const { matches, entries } = analysis;
    if (!matches) return colours;
    for (let node = 0; node < colours.length; node++) {
      const found = tree.entry[node] >= 0 && matches[entries.functionOf[tree.entry[node]]] === 1;
      if (!found) colours[node] += palette.size;
      else if (by === 'module' || by === 'kind') colours[node] = palette.found;
    }
    return colours;
  }, [analysis.profile, analysis.entries, analysis.matches, analysis.weights, tree, by, palette]);
}

function plainColours({ profile, entries, weights }: Analysis, tree: Tree, by: ColourBy): Uint16Array {
  const ofFunction = Uint16Array.from(profile.functions, (func) => functionColour(by, func));
  const colours = new Uint16Array(tree.parent.length);
  const heat = tree.leafFirst ? tree.total : tree.self;
  const hottest = heat.reduce((most, own, node) => (node > 0 ? Math.max(most, own) : most), 0);
  const sum = tree.total[0] || 1;
  for (let node = 0; node < colours.length; node++) {
    const entry = tree.entry[node];
    const func = entry < 0 ? -1 : entries.functionOf[entry];
    if (func < 0) colours[node] = ROOT_COLOUR;
    else if (by === 'module' || by === 'kind' || profile.functions[func].origin === 'marker')
      colours[node] = ofFunction[func];
    else if (by === 'self') colours[node] = heatColour(Math.sqrt(heat[node] / (hottest || 1)));
    else {
      const before = tree.baseTotal ? tree.baseTotal[node] / sum : 0;
      const { relative, noise } = changeOf(
        tree.total[node] / sum,
        before,
        weights.evidence,
        weights.baseEvidence,
      );
      colours[node] = changeColour(relative, noise);
    }
  }
  return colours;
}
