// SPDX-License-Identifier: MIT
// main.tsx - the saved page: reads the profile that it carries, and keeps the state in its own address.

import { render } from 'preact';
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { loadFromPage } from '../api/page-data.ts';
import type { Profile } from '../model/profile.ts';
import { defaultState, fromHash, toHash } from '../model/view-state.ts';
import type { ViewState } from '../model/view-state.ts';
import { Explorer } from '../views/explorer.tsx';
import { Logo } from '../views/icons.tsx';

function App({ profile }: { profile: Profile }): JSX.Element {
  const defaults = defaultState(profile);
  const [state, setState] = useState(() => fromHash(location.hash, defaults));
  useEffect(() => {
    const follow = (): void => {
      clearTimeout(settling);
      setState(fromHash(location.hash, defaults));
    };
    addEventListener('popstate', follow);
    return () => removeEventListener('popstate', follow);
  }, []);
  const change = (next: ViewState, step: boolean): void => {
    remember(toHash(next, defaults), step);
    setState(next);
  };
  return <Explorer profile={profile} state={state} change={change} />;
}

const SETTLE_MS = 120;
let settling = 0;

/** Steps at once; what changes with every movement of the pointer when it comes to rest: browsers refuse to be told
 * a new address hundreds of times. */
function remember(hash: string, step: boolean): void {
  clearTimeout(settling);
  const url = hash === '' ? location.pathname + location.search : `#${hash}`;
  if (step && url !== location.hash) history.pushState(null, '', url);
  else settling = window.setTimeout(() => history.replaceState(null, '', url), SETTLE_MS);
}

function Problem({ text }: { text: string }): JSX.Element {
  return (
    <main class="problem" role="alert">
      <Logo />
      <h1>pitviper</h1>
      <p>{text}</p>
    </main>
  );
}

const loaded = await loadFromPage(document);
const root = document.getElementById('app')!;
if ('profile' in loaded) {
  const { title, command } = loaded.profile.meta;
  document.title = `${title || command || 'profile'} · pitviper`;
  render(<App profile={loaded.profile} />, root);
} else {
  document.documentElement.dataset['theme'] = matchMedia('(prefers-color-scheme: dark)').matches
    ? 'dark'
    : 'light';
  render(<Problem text={loaded.problem} />, root);
}
