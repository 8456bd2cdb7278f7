// SPDX-License-Identifier: MIT
// served-page.tsx - the page of `pitviper serve`: from a place to its view, with what every view needs.

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ask, setToken } from '../../api/client.ts';
import { listen } from '../../api/live.ts';
import type { LiveState } from '../../api/live.ts';
import { goTo, placePeriod, TABS } from '../../model/address.ts';
import type { Place } from '../../model/address.ts';
import { status as statusShape } from '../../model/answers.ts';
import type { Event, Status } from '../../model/answers.ts';
import { instantsOf, isLive, refreshSeconds } from '../../model/period.ts';
import { Help } from '../help.tsx';
import type { Keys } from '../help.tsx';
import { Logo } from '../icons.tsx';
import { useMessage } from '../use-message.ts';
import { useTheme } from '../use-theme.ts';
import { DaemonView } from './daemon-view.tsx';
import { EventsTab } from './events-tab.tsx';
import { Frame } from './frame.tsx';
import type { PageContext } from './page.ts';
import { ServiceView } from './service-view.tsx';
import { ServicesView } from './services-view.tsx';

interface Props {
  readonly place: Place;
  go(place: Place, step?: boolean): void;
}

/** Does not change under the pointer. */
const LOOKED_AT = '.explorer:hover, .plot:hover, .heat:hover, .menu, dialog[open]';
const nowSeconds = (): number => Math.floor(Date.now() / 1000);
const KEYS: Keys = [
  ['[  ]', 'the tab before, the next tab'],
  ['J  K', 'down and up in a list; Enter opens'],
  ['U', 'up: from a trace to the list, from a service to all'],
  ['/', 'search'],
  ['R', 'ask again now'],
  ['L', 'live on or off'],
  ['T', 'light or dark'],
  ['drag over a chart', 'choose a range'],
];

export function ServedPage({ place, go }: Props): JSX.Element {
  const [theme, toggleTheme] = useTheme();
  const [{ now, round }, setAsked] = useState({ now: nowSeconds(), round: 0 });
  const [paused, setPaused] = useState(false);
  const [live, setLive] = useState<LiveState>('lost');
  const [status, setStatus] = useState<Status | null>(null);
  const [denied, setDenied] = useState(false);
  const [help, setHelp] = useState(false);
  const [message, say] = useMessage();
  const page: PageContext = { place, theme, now, round, status, go, say };
  const latest = useRef({ page, paused, now });
  latest.current = { page, paused, now };
  const refresh = (): void => setAsked((before) => ({ now: nowSeconds(), round: before.round + 1 }));
  useEffect(() => {
    void ask('status', {}, statusShape).then(setStatus, (reason: { status?: number }) =>
      setDenied(reason.status === 401),
    );
  }, [denied]);
  useEffect(() => {
    if (denied) return;
    const follow = (): void => {
      const { page: shown, paused: held, now: before } = latest.current;
      const period = placePeriod(shown.place);
      const due = nowSeconds() - before >= refreshSeconds(instantsOf(period, before));
      if (!held && isLive(period) && due && !document.querySelector(LOOKED_AT)) refresh();
    };
    return whileVisible(() => {
      follow();
      return listen({
        state: setLive,
        status: (next) => {
          setStatus(next);
          follow();
        },
        event: (event) => announce(event, say),
      });
    });
  }, [denied]);
  useKeys(latest, {
    toggleTheme,
    refresh,
    toggleLive: () => setPaused(!latest.current.paused),
    help: () => setHelp(true),
  });
  if (denied) return <TokenForm done={() => setDenied(false)} />;
  return (
    <>
      <Frame
        page={page}
        live={paused && live === 'live' ? 'paused' : live}
        toggleLive={() => setPaused(!paused)}
        toggleTheme={toggleTheme}
        showHelp={() => setHelp(true)}
      >
        <View page={page} />
      </Frame>
      {help && <Help close={() => setHelp(false)} page={KEYS} />}
      <div class={message ? 'toast page-toast shown' : 'toast page-toast'} role="status">
        {message}
      </div>
    </>
  );
}

/** A tab that nobody sees holds no connection: browsers have six of them for each server. */
function whileVisible(start: () => () => void): () => void {
  let stop: (() => void) | null = null;
  const turn = (): void => {
    if (document.hidden) stop?.();
    if (document.hidden) stop = null;
    else stop ??= start();
  };
  turn();
  document.addEventListener('visibilitychange', turn);
  return () => {
    document.removeEventListener('visibilitychange', turn);
    stop?.();
  };
}

function View({ page }: { page: PageContext }): JSX.Element {
  switch (page.place.page) {
    case 'service':
      return <ServiceView key={page.place.service} page={page} />;
    case 'events':
      return (
        <div class="view">
          <div class="view-head">
            <h1>Events</h1>
          </div>
          <EventsTab page={page} service="" />
        </div>
      );
    case 'daemon':
      return <DaemonView page={page} />;
    default:
      return <ServicesView page={page} />;
  }
}

const ANNOUNCED = ['deploy', 'alert', 'drop', 'damage'];

function announce(event: Event, say: (text: string) => void): void {
  if (ANNOUNCED.includes(event.kind))
    say([event.service, event.kind, event.version || event.text].filter(Boolean).join(': '));
}

interface Commands {
  toggleTheme(): void;
  refresh(): void;
  toggleLive(): void;
  help(): void;
}

function useKeys(latest: { readonly current: { page: PageContext } }, commands: Commands): void {
  const now = useRef(commands);
  now.current = commands;
  useEffect(() => {
    const keys = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || target.closest('dialog')) return;
      const { page } = latest.current;
      if (event.key === '?') now.current.help();
      else if (event.key === 't') now.current.toggleTheme();
      else if (event.key === 'r') now.current.refresh();
      else if (event.key === 'l') now.current.toggleLive();
      else if (event.key === '[' || event.key === ']') turnTab(page, event.key === ']' ? 1 : -1);
      else if (event.key === 'u') goUp(page);
      else if (event.key === 'j' || event.key === 'k') moveRow(event.key === 'j' ? 1 : -1);
      else if (event.key === '/') document.getElementById('search')?.focus();
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', keys);
    return () => removeEventListener('keydown', keys);
  }, []);
}

function turnTab(page: PageContext, step: number): void {
  const { page: name, service, tab } = page.place;
  if (name !== 'service') return;
  const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length]!;
  page.go(goTo(page.place, { page: 'service', service, tab: next }), true);
}

function goUp(page: PageContext): void {
  const { page: name, service, tab, id } = page.place;
  if (name === 'service' && id !== '') page.go(goTo(page.place, { page: 'service', service, tab }), true);
  else if (name !== 'services') page.go(goTo(page.place, {}), true);
}

function moveRow(step: number): void {
  const links = [...document.querySelectorAll<HTMLElement>('.row-link, .waterfall button.span-row')];
  const at = links.indexOf(document.activeElement as HTMLElement);
  links[Math.max(0, Math.min(links.length - 1, at < 0 ? 0 : at + step))]?.focus();
}

function TokenForm({ done }: { done: () => void }): JSX.Element {
  const [token, set] = useState('');
  return (
    <main class="problem">
      <Logo />
      <h1>pitviper</h1>
      <p>
        This server wants a token, as it listens beyond its own machine. The page keeps it in memory only.
      </p>
      <form
        class="token-form"
        onSubmit={(event) => {
          event.preventDefault();
          setToken(token.trim());
          done();
        }}
      >
        <label class="offscreen" for="token">
          Token
        </label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          value={token}
          onInput={(event) => set(event.currentTarget.value)}
        />
        <button class="primary" type="submit" disabled={token.trim() === ''}>
          Go on
        </button>
      </form>
    </main>
  );
}
