// SPDX-License-Identifier: MIT
// toolbar.tsx - which view, what to search for, and how to draw.

import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { formatCount, formatShare } from '../lib/text.ts';
import { toFolded } from '../model/folded.ts';
import type { FrameKind } from '../model/page-format.ts';
import type { Profile } from '../model/profile.ts';
import { matchingNodes } from '../model/table.ts';
import { foldedUnit } from '../model/units.ts';
import { VIEWS, zoomKeys } from '../model/view-state.ts';
import type { ColourChoice, ViewName, ViewState, WidthChoice } from '../model/view-state.ts';
import type { Actions } from './actions.ts';
import { Icon } from './icons.tsx';
import type { Analysis } from './use-analysis.ts';
import { useOutside } from './use-outside.ts';

interface Props {
  readonly analysis: Analysis;
  readonly state: ViewState;
  readonly actions: Actions;
}

const VIEW_TITLES: Record<ViewName, string> = {
  flame: 'Flame',
  icicle: 'Icicle',
  table: 'Table',
  sandwich: 'Sandwich',
  recording: 'Recording',
};

export function Toolbar(props: Props): JSX.Element {
  const { state, actions } = props;
  const graph = state.view !== 'table' && state.view !== 'recording';
  const tabs = (event: KeyboardEvent): void => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const next = VIEWS[(VIEWS.indexOf(state.view) + step + VIEWS.length) % VIEWS.length]!;
    actions.set({ view: next }, true);
    (event.currentTarget as HTMLElement).querySelector<HTMLElement>(`[data-view=${next}]`)?.focus();
  };
  return (
    <div class="toolbar">
      <div class="tabs" role="tablist" aria-label="View" onKeyDown={tabs}>
        {VIEWS.map((view) => (
          <button
            role="tab"
            data-view={view}
            aria-selected={state.view === view}
            aria-controls="view"
            tabIndex={state.view === view ? 0 : -1}
            onClick={() => actions.set({ view }, true)}
          >
            {VIEW_TITLES[view]}
          </button>
        ))}
      </div>
      <SearchBox {...props} />
      <div class="tools">
        {(state.view === 'flame' || state.view === 'icicle') && (
          <button
            class="toggle"
            aria-pressed={state.invert}
            title="Leaf first: what ran innermost, then its callers (I)"
            onClick={() => actions.set({ invert: !state.invert, zoom: [] }, true)}
          >
            Invert
          </button>
        )}
        {graph && <ColourSelect {...props} />}
        <Options {...props} />
      </div>
    </div>
  );
}

function SearchBox({ analysis, state, actions }: Props): JSX.Element {
  const { query, profile, entries, tree, matches } = analysis;
  const found = useMemo(
    () => (matches ? matchingNodes(tree, entries, matches) : []),
    [tree, entries, matches],
  );
  const at = useRef(-1);
  useEffect(() => void (at.current = -1), [found]);
  const visit = (step: number): void => {
    if (found.length === 0 || (state.view !== 'flame' && state.view !== 'icicle')) return;
    at.current = (at.current + step + found.length) % found.length;
    actions.set({ zoom: zoomKeys(profile, entries, tree, found[at.current]) }, true);
    actions.say(`Match ${at.current + 1} of ${formatCount(found.length)}, heaviest first`);
  };
  return (
    <div class={query?.error ? 'search plain' : 'search'}>
      <Icon name="search" />
      <input
        id="search"
        type="search"
        placeholder="Search: a regular expression  ( / )"
        aria-label="Search functions and files, as a regular expression"
        aria-describedby="search-result"
        spellcheck={false}
        autocomplete="off"
        value={state.query}
        onInput={(event) => actions.set({ query: event.currentTarget.value })}
        onKeyDown={(event) => {
          if (event.key === 'Enter') visit(event.shiftKey ? -1 : 1);
          if (event.key !== 'Escape') return;
          actions.set({ query: '' });
          event.currentTarget.blur();
        }}
      />
      <span
        id="search-result"
        role="status"
        title={query?.error ?? 'Share of all samples with a match somewhere on the stack'}
      >
        {query && <b>{formatShare(analysis.matchedShare)}</b>}
        {query?.error && ' as text'}
      </span>
    </div>
  );
}

const COLOUR_TITLES: Record<ColourChoice, string> = {
  module: 'by module',
  kind: 'by kind',
  self: 'by self share',
  change: 'by change',
};

function ColourSelect({ analysis, state, actions }: Props): JSX.Element {
  const choices = (Object.keys(COLOUR_TITLES) as ColourChoice[]).filter(
    (c) => c !== 'change' || analysis.weights.base,
  );
  return (
    <label class="select">
      <span>Colour</span>
      <select
        value={state.colour}
        onChange={(event) => actions.set({ colour: event.currentTarget.value as ColourChoice })}
      >
        {choices.map((c) => (
          <option value={c}>{COLOUR_TITLES[c]}</option>
        ))}
      </select>
    </label>
  );
}

const HIDEABLE: readonly (readonly [FrameKind, string])[] = [
  ['gc', '<GC> markers'],
  ['changing', '<changing> markers'],
  ['native', 'native frames'],
  ['kernel', 'kernel frames'],
  ['thread', 'thread rows'],
  ['process', 'process rows'],
];
const WIDTH_TITLES: Record<WidthChoice, string> = {
  both: 'both',
  now: 'new',
  base: 'base',
  side: 'side by side',
};

function Options({ analysis, state, actions }: Props): JSX.Element {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useOutside(box, open, () => setOpen(false));
  const { profile } = analysis;
  const hide = (kind: FrameKind, on: boolean): void =>
    actions.set({ hidden: on ? [...state.hidden, kind] : state.hidden.filter((k) => k !== kind), zoom: [] });
  return (
    <div class="options" ref={box} onKeyDown={(event) => event.key === 'Escape' && setOpen(false)}>
      <button class="toggle" aria-expanded={open} aria-haspopup="true" onClick={() => setOpen(!open)}>
        Options {state.hidden.length > 0 && <span class="count">{state.hidden.length} hidden</span>}{' '}
        <Icon name="down" />
      </button>
      {open && (
        <div class="panel">
          <Choice
            title="Count"
            value={state.metric}
            choices={{ count: 'samples', time: 'time' }}
            disabled={!hasTime(profile)}
            pick={(metric) => actions.set({ metric })}
          />
          <Choice
            title="Order"
            value={state.order}
            choices={{ size: 'largest first', name: 'by name' }}
            pick={(order) => actions.set({ order })}
          />
          {analysis.weights.base && (
            <Choice
              title="Widths"
              value={state.widthOf}
              choices={WIDTH_TITLES}
              pick={(widthOf) => actions.set({ widthOf })}
            />
          )}
          <Check
            label="Collapse recursion"
            on={state.collapse}
            set={(collapse) => actions.set({ collapse, zoom: [] })}
          />
          <Check
            label="Tell lines of a function apart"
            on={state.lines}
            set={(lines) => actions.set({ lines, zoom: [] })}
          />
          <fieldset>
            <legend>Leave out (their samples stay, with the caller)</legend>
            {HIDEABLE.filter(([kind]) => profile.functions.some((f) => f.kind === kind)).map(
              ([kind, title]) => (
                <Check label={title} on={state.hidden.includes(kind)} set={(on) => hide(kind, on)} />
              ),
            )}
          </fieldset>
          <button
            class="wide"
            onClick={() =>
              actions.copy(
                toFolded(profile, analysis.entries, analysis.calls, 0, foldedUnit(state.metric)),
                'folded stacks',
              )
            }
          >
            Copy the selection as folded stacks
          </button>
        </div>
      )}
    </div>
  );
}

export function hasTime(profile: Profile): boolean {
  return profile.samples.weightNs.some((weight) => weight > 0);
}

interface ChoiceProps<T extends string> {
  readonly title: string;
  readonly value: T;
  readonly choices: Record<T, string>;
  readonly disabled?: boolean;
  pick(value: T): void;
}

function Choice<T extends string>({
  title,
  value,
  choices,
  disabled = false,
  pick,
}: ChoiceProps<T>): JSX.Element {
  return (
    <div class="option" role="group" aria-label={title}>
      <span>{title}</span>
      <span class="choice">
        {(Object.keys(choices) as T[]).map((key) => (
          <button aria-pressed={value === key} disabled={disabled} onClick={() => pick(key)}>
            {choices[key]}
          </button>
        ))}
      </span>
    </div>
  );
}

function Check({ label, on, set }: { label: string; on: boolean; set: (on: boolean) => void }): JSX.Element {
  return (
    <label class="check">
      <input type="checkbox" checked={on} onChange={(event) => set(event.currentTarget.checked)} /> {label}
    </label>
  );
}
