// SPDX-License-Identifier: MIT
// flame-view.tsx - the flame graph or icicle with the way back: a breadcrumb of what it is zoomed into, and the legend.

import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Theme } from '../draw/theme.ts';
import { formatCount, formatShare } from '../lib/text.ts';
import { pathTo } from '../model/tree.ts';
import { formatWeight } from '../model/units.ts';
import { findByKeys, zoomKeys } from '../model/view-state.ts';
import type { ViewState } from '../model/view-state.ts';
import type { Actions } from './actions.ts';
import { FlameCanvas } from './flame-canvas.tsx';
import { Icon } from './icons.tsx';
import { Legend } from './legend.tsx';
import type { Analysis } from './use-analysis.ts';

interface Props {
  readonly analysis: Analysis;
  readonly state: ViewState;
  readonly theme: Theme;
  readonly actions: Actions;
}

const CRUMBS_MAX = 4;
/** By name, so that what is in both lies in one order. */
const SIDES = [
  ['base', 'base'],
  ['now', 'new'],
] as const;

export function FlameView({ analysis, state, theme, actions }: Props): JSX.Element {
  const { profile, entries, tree } = analysis;
  const zoomed = useMemo(
    () => findByKeys(profile, entries, tree, state.zoom),
    [profile, entries, tree, state.zoom],
  );
  const zoomTo = (node: number): void => actions.set({ zoom: zoomKeys(profile, entries, tree, node) }, true);
  const path = zoomed > 0 ? pathTo(tree, zoomed) : [];
  const shown = path.slice(-CRUMBS_MAX);
  const graph = {
    analysis,
    tree,
    state,
    theme,
    flame: state.view === 'flame',
    zoomed,
    label: state.view === 'flame' ? 'Flame graph' : 'Icicle graph',
    actions,
    onZoom: zoomTo,
  };
  return (
    <div class="flame-view">
      {zoomed > 0 && (
        <nav class="crumbs" aria-label="Zoomed into">
          <button
            class="crumb-back"
            onClick={() => zoomTo(tree.parent[zoomed])}
            title="One step out (Escape)"
          >
            <Icon name="back" /> Out
          </button>
          <button onClick={() => zoomTo(0)}>all</button>
          {path.length > shown.length && (
            <span class="crumb-gap">… {formatCount(path.length - shown.length)} more</span>
          )}
          {shown.map((node) => (
            <button onClick={() => zoomTo(node)} aria-current={node === zoomed ? 'true' : undefined}>
              {entries.names[tree.entry[node]]}
            </button>
          ))}
          <span class="crumb-share">{formatShare(tree.total[zoomed] / tree.total[0])}</span>
        </nav>
      )}
      {state.widthOf === 'side' && tree.baseTotal ? (
        <div class="sides">
          {SIDES.map(([widthOf, title]) => (
            <section aria-label={title}>
              <h3>{title}</h3>
              <FlameCanvas
                {...graph}
                state={{ ...state, widthOf, order: 'name' }}
                label={`${graph.label}, ${title}`}
              />
            </section>
          ))}
        </div>
      ) : (
        <FlameCanvas {...graph} />
      )}
      <Legend analysis={analysis} state={state} theme={theme} actions={actions} />
      {tree.cut > 0 && (
        <p class="warning">
          {formatWeight(state.metric, tree.cut)} have outer frames that are left out here: the leaf-first tree
          is too large.
        </p>
      )}
    </div>
  );
}
