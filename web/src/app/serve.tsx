// SPDX-License-Identifier: MIT
// serve.tsx - the page of `pitviper serve`: keeps where one is in the address.

import { render } from 'preact';
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { takeToken } from '../api/client.ts';
import { placeHash, readPlace } from '../model/address.ts';
import type { Place } from '../model/address.ts';
import { TAB_TITLES } from '../views/serve/service-view.tsx';
import { ServedPage } from '../views/serve/served-page.tsx';
import { remember, settle } from './remember.ts';

function App(): JSX.Element {
  const [place, setPlace] = useState(() => readPlace(location.hash));
  useEffect(() => {
    const follow = (): void => {
      settle();
      setPlace(readPlace(location.hash));
    };
    addEventListener('popstate', follow);
    return () => removeEventListener('popstate', follow);
  }, []);
  useEffect(() => void (document.title = titleOf(place)), [place]);
  const go = (next: Place, step = false): void => {
    remember(placeHash(next), step);
    setPlace(next);
    if (step && (next.page !== place.page || next.tab !== place.tab || next.id !== place.id))
      document.querySelector('.content')?.scrollTo(0, 0);
  };
  return <ServedPage place={place} go={go} />;
}

function titleOf({ page, service, tab }: Place): string {
  const names = { services: 'Services', events: 'Events', daemon: 'pitviper', service: '' };
  return page === 'service' ? `${service}: ${TAB_TITLES[tab]} · pitviper` : `${names[page]} · pitviper`;
}

if (takeToken(location.hash) !== null) history.replaceState(null, '', '#/');
render(<App />, document.getElementById('app')!);
