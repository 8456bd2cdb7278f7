// SPDX-License-Identifier: MIT
// legend.tsx - what the colours mean, with shares: of modules and kinds by their own time, a scale for heat and change.

import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { changeColour, functionColour, heatColour, isHatched } from '../draw/palette.ts';
import type { ColourBy, Palette } from '../draw/palette.ts';
import type { Theme } from '../draw/theme.ts';
import { quoteForQuery } from '../lib/search.ts';
import { formatShare } from '../lib/text.ts';
import type { Func } from '../model/profile.ts';
import type { ViewState } from '../model/view-state.ts';
import type { Actions } from './actions.ts';
import { usePalette } from './use-analysis.ts';
import type { Analysis } from './use-analysis.ts';

interface Props {
  readonly analysis: Analysis;
  readonly state: ViewState;
  readonly theme: Theme;
  readonly actions: Actions;
}

interface Group {
  readonly name: string;
  readonly func: Func;
  readonly share: number;
}

const GROUPS_MAX = 14;
const KIND_NAMES: Record<string, string> = {
  app: 'application',
  package: 'installed packages',
  stdlib: 'standard library',
  native: 'native code',
  kernel: 'kernel',
};

export function Legend({ analysis, state, theme, actions }: Props): JSX.Element {
  const by: ColourBy = state.colour;
  const palette = usePalette(by, theme.dark);
  if (by === 'self')
    return (
      <Scale
        palette={palette}
        from="no own time"
        to="most own time"
        colours={[0, 0.25, 0.5, 0.75, 1].map(heatColour)}
      />
    );
  if (by === 'change')
    return (
      <Scale
        palette={palette}
        from="takes less"
        to="takes more"
        colours={[-1, -0.5, -0.15, 0, 0.15, 0.5, 1].map((r) => changeColour(r, false))}
      >
        <Swatch palette={palette} colour={changeColour(0, true)} /> within noise
      </Scale>
    );
  return <Groups analysis={analysis} by={by} palette={palette} actions={actions} />;
}

function Groups({
  analysis,
  by,
  palette,
  actions,
}: {
  analysis: Analysis;
  by: ColourBy;
  palette: Palette;
  actions: Actions;
}): JSX.Element {
  const groups = useMemo(() => groupShares(analysis, by), [analysis.calls, by]);
  const shown = groups.slice(0, GROUPS_MAX);
  const find = (group: Group): void => {
    if (by === 'module')
      actions.set({
        query: quoteForQuery(group.func.file === '' ? group.func.name : pathPrefix(group.func)),
      });
  };
  return (
    <ul class="legend" aria-label="Colours, with the share of own time">
      {shown.map((group) => (
        <li>
          <button
            onClick={() => find(group)}
            disabled={by !== 'module'}
            title={by === 'module' ? `Search for ${group.name}` : undefined}
          >
            <Swatch palette={palette} colour={functionColour(by, group.func)} />
            {group.name} <span class="dim">{formatShare(group.share)}</span>
          </button>
        </li>
      ))}
      {groups.length > shown.length && <li class="dim">and {groups.length - shown.length} more</li>}
    </ul>
  );
}

/** What files of the module have in common in their shown paths, as far as that can be told from one. */
function pathPrefix(func: Func): string {
  const at = func.file.indexOf(func.module);
  return at < 0 ? func.file : func.file.slice(0, at + func.module.length);
}

function groupShares({ profile, entries, calls }: Analysis, by: ColourBy): Group[] {
  const groups = new Map<string, { func: Func; weight: number }>();
  for (let node = 1; node < calls.parent.length; node++) {
    if (calls.self[node] <= 0) continue;
    const func = profile.functions[entries.functionOf[calls.entry[node]]];
    const marker = func.origin === 'marker';
    const name = marker
      ? func.name
      : by === 'module'
        ? func.module
        : (KIND_NAMES[func.origin] ?? func.origin);
    const group = groups.get(name);
    if (group) group.weight += calls.self[node];
    else groups.set(name, { func, weight: calls.self[node] });
  }
  const sum = calls.total[0] || 1;
  return [...groups]
    .map(([name, { func, weight }]) => ({ name, func, share: weight / sum }))
    .sort((a, b) => b.share - a.share);
}

function Swatch({ palette, colour }: { palette: Palette; colour: number }): JSX.Element {
  return (
    <span
      class={isHatched(palette, colour) ? 'swatch hatched' : 'swatch'}
      style={{ backgroundColor: palette.fill[colour] }}
    />
  );
}

interface ScaleProps {
  readonly palette: Palette;
  readonly from: string;
  readonly to: string;
  readonly colours: readonly number[];
  readonly children?: JSX.Element | (JSX.Element | string)[];
}

function Scale({ palette, from, to, colours, children }: ScaleProps): JSX.Element {
  return (
    <div class="legend scale">
      {from}
      <span class="scale-bar">
        {colours.map((colour) => (
          <span style={{ backgroundColor: palette.fill[colour] }} />
        ))}
      </span>
      {to}
      {children && <span class="scale-more">{children}</span>}
    </div>
  );
}
