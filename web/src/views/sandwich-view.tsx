// SPDX-License-Identifier: MIT
// sandwich-view.tsx - one function between what calls it (above) and what it calls (below), beside the list to choose from.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { Theme } from '../draw/theme.ts';
import { formatShare } from '../lib/text.ts';
import { sandwich } from '../model/sandwich.ts';
import type { ViewState } from '../model/view-state.ts';
import { formatWeight } from '../model/units.ts';
import type { Actions } from './actions.ts';
import { changeText } from './facts.tsx';
import { FlameCanvas } from './flame-canvas.tsx';
import { TableView } from './table-view.tsx';
import type { Analysis } from './use-analysis.ts';

interface Props {
  readonly analysis: Analysis;
  readonly state: ViewState;
  readonly theme: Theme;
  readonly actions: Actions;
}

export function SandwichView(props: Props): JSX.Element {
  const { analysis, state, actions } = props;
  const func = useMemo(
    () => (state.focus ? analysis.profile.functions.findIndex((f) => f.hash === state.focus) : -1),
    [analysis.profile, state.focus],
  );
  return (
    <div class={func >= 0 ? 'sandwich-view chosen' : 'sandwich-view'}>
      <div class="sandwich-list">
        <TableView analysis={analysis} state={state} actions={actions} compact />
      </div>
      {func >= 0 ? (
        <Layers {...props} func={func} key={func} />
      ) : (
        <p class="hint">
          Choose a function: this shows everything that calls it, and everything that it calls.
        </p>
      )}
    </div>
  );
}

function Layers({ analysis, state, theme, actions, func }: Props & { func: number }): JSX.Element {
  const { calls, entries, profile, weights } = analysis;
  const { callers, callees } = useMemo(() => sandwich(calls, entries, func), [calls, entries, func]);
  const [above, setAbove] = useState(0);
  const [below, setBelow] = useState(0);
  const { name, file } = profile.functions[func];
  const sum = calls.total[0] || 1;
  const common = { analysis, state, theme, actions, rootName: name };
  const within = (node: number, count: number): number => (node < count ? node : 0);
  return (
    <div class="sandwich-layers">
      <header class="sandwich-title">
        <h2>{name}</h2>
        <span class="dim">{file}</span>
        <span>
          total <b>{formatShare(callees.total[0] / sum)}</b> ({formatWeight(state.metric, callees.total[0])})
          · self <b>{formatShare(callees.self[0] / sum)}</b>
          {callees.baseTotal &&
            ` · ${changeText(callees.total[0] / sum, callees.baseTotal[0] / sum, weights)}`}
        </span>
        <button class="only-narrow" onClick={() => actions.set({ focus: 0 }, true)}>
          Choose another
        </button>
      </header>
      <h3>Callers</h3>
      <FlameCanvas
        {...common}
        tree={callers}
        flame
        zoomed={within(above, callers.parent.length)}
        label={`Callers of ${name}`}
        onZoom={setAbove}
      />
      <h3>Callees</h3>
      <FlameCanvas
        {...common}
        tree={callees}
        flame={false}
        zoomed={within(below, callees.parent.length)}
        label={`Callees of ${name}`}
        onZoom={setBelow}
      />
    </div>
  );
}
