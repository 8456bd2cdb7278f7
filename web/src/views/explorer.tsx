// SPDX-License-Identifier: MIT
// explorer.tsx - the profile explorer as one component: give it a profile and a state, it calls back with new states.
// The saved page and the daemon's page both show this; the latter has a header, a help and a theme switch of its own.

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Theme } from '../draw/theme.ts';
import { quoteForQuery } from '../lib/search.ts';
import type { Profile } from '../model/profile.ts';
import { VIEWS } from '../model/view-state.ts';
import type { ViewState } from '../model/view-state.ts';
import type { Actions } from './actions.ts';
import { copyText } from './clipboard.ts';
import { FlameView } from './flame-view.tsx';
import { Header } from './header.tsx';
import { Help } from './help.tsx';
import { RecordingView } from './recording-view.tsx';
import { SandwichView } from './sandwich-view.tsx';
import { TableView } from './table-view.tsx';
import { TimelineView } from './timeline-view.tsx';
import { hasTime, Toolbar } from './toolbar.tsx';
import { useAnalysis } from './use-analysis.ts';
import { useMessage } from './use-message.ts';

interface Props {
  readonly profile: Profile;
  readonly state: ViewState;
  readonly theme: Theme;
  /** null: inside of a page that has its own header, help and theme switch. */
  readonly toggleTheme: (() => void) | null;
  change(state: ViewState, step: boolean): void;
}

export function Explorer({ profile, state: wanted, theme, toggleTheme, change }: Props): JSX.Element {
  const state = possible(wanted, profile);
  const [help, setHelp] = useState(false);
  const [message, say] = useMessage();
  const latest = useRef(state);
  latest.current = state;
  const shown = useRef({ profile, change });
  shown.current = { profile, change };
  const actions = useRef<Actions>(null as unknown as Actions);
  actions.current ??= {
    set(patch, step = false) {
      latest.current = { ...latest.current, ...patch };
      shown.current.change(latest.current, step);
    },
    say,
    copy: (text, what) =>
      void copyText(text).then((done) =>
        say(done ? `Copied ${what}` : `The browser refused to copy ${what}`),
      ),
    sandwich: (func) =>
      actions.current.set({ view: 'sandwich', focus: shown.current.profile.functions[func].hash }, true),
    searchFor: (func) =>
      actions.current.set({ query: `^${quoteForQuery(shown.current.profile.functions[func].name)}( |$)` }),
  };
  useKeys(
    actions.current,
    () => latest.current,
    toggleTheme,
    () => setHelp(true),
  );
  const analysis = useAnalysis(profile, state);
  const common = { analysis, state, theme, actions: actions.current };
  return (
    <div class="explorer">
      {toggleTheme && (
        <Header
          profile={profile}
          theme={theme}
          toggleTheme={toggleTheme}
          showHelp={() => setHelp(true)}
          showRecording={() => actions.current.set({ view: 'recording' }, true)}
        />
      )}
      <Toolbar {...common} />
      {(toggleTheme || profile.runs || profile.threads.length > 1) && (
        <TimelineView profile={profile} state={state} theme={theme} actions={actions.current} />
      )}
      <main id="view" role="tabpanel" aria-label={state.view}>
        {state.view === 'recording' ? (
          <RecordingView analysis={analysis} state={state} />
        ) : analysis.calls.total[0] > 0 || base(analysis.calls.baseTotal) ? (
          <View {...common} />
        ) : (
          <Empty profile={profile} state={state} actions={actions.current} />
        )}
      </main>
      {help && <Help close={() => setHelp(false)} />}
      <div class={message ? 'toast shown' : 'toast'} role="status">
        {message}
      </div>
    </div>
  );
}

function base(total: Float64Array | null): boolean {
  return total !== null && total[0] > 0;
}

function View(props: Parameters<typeof FlameView>[0]): JSX.Element {
  switch (props.state.view) {
    case 'table':
      return <TableView {...props} />;
    case 'sandwich':
      return <SandwichView {...props} />;
    default:
      return <FlameView {...props} />;
  }
}

/** A link may ask for what this profile does not have. */
function possible(state: ViewState, profile: Profile): ViewState {
  const metric = hasTime(profile) ? state.metric : 'count';
  const known = state.threads?.filter((t) => t < profile.threads.length) ?? null;
  const threads = known?.length === 0 ? null : known;
  const range = profile.runs ? state.range : null;
  const compare = state.compare && !profile.base && (range !== null || threads !== null);
  const colour = profile.base || compare || state.colour !== 'change' ? state.colour : 'module';
  return { ...state, metric, colour, range, threads, compare };
}

function Empty({
  profile,
  state,
  actions,
}: {
  profile: Profile;
  state: ViewState;
  actions: Actions;
}): JSX.Element {
  const filtered = state.range !== null || state.threads !== null;
  const idle = profile.meta.mode === 'cpu' || profile.meta.mode === 'gil';
  return (
    <div class="empty">
      <h2>No samples {filtered ? 'here' : 'in this profile'}</h2>
      {filtered ? (
        <>
          <p>None of the chosen threads was seen in the chosen time.</p>
          <button class="primary" onClick={() => actions.set({ range: null, threads: null }, true)}>
            Show everything
          </button>
        </>
      ) : (
        <p>
          {idle
            ? 'No thread was running while it was recorded. To see waiting threads too, record with --idle.'
            : 'Nothing was recorded.'}
        </p>
      )}
    </div>
  );
}

function useKeys(
  actions: Actions,
  state: () => ViewState,
  toggleTheme: (() => void) | null,
  showHelp: () => void,
): void {
  const toggle = useRef(toggleTheme);
  toggle.current = toggleTheme;
  useEffect(() => {
    const keys = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName))
        return;
      const view = VIEWS[Number(event.key) - 1];
      const graph = state().view === 'flame' || state().view === 'icicle';
      if (view && event.key !== '0') actions.set({ view }, true);
      else if (event.key === '/') document.getElementById('search')?.focus();
      else if (event.key === '?' && toggle.current) showHelp();
      else if (event.key === 'i' && graph) actions.set({ invert: !state().invert, zoom: [] }, true);
      else if (event.key === 't' && toggle.current) toggle.current();
      else if (event.key === 'Escape' && graph && state().zoom.length > 0)
        actions.set({ zoom: state().zoom.slice(0, -1) }, true);
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', keys);
    return () => removeEventListener('keydown', keys);
  }, []);
}
