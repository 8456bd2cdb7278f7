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
import { useTheme } from '../views/use-theme.ts';
import { remember, settle } from './remember.ts';

function App({ profile }: { profile: Profile }): JSX.Element {
  const defaults = defaultState(profile);
  const [theme, toggleTheme] = useTheme();
  const [state, setState] = useState(() => fromHash(location.hash, defaults));
  useEffect(() => {
    const follow = (): void => {
      settle();
      setState(fromHash(location.hash, defaults));
    };
    addEventListener('popstate', follow);
    return () => removeEventListener('popstate', follow);
  }, []);
  const change = (next: ViewState, step: boolean): void => {
    const hash = toHash(next, defaults);
    remember(hash && `#${hash}`, step);
    setState(next);
  };
  return <Explorer profile={profile} state={state} theme={theme} toggleTheme={toggleTheme} change={change} />;
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
