// SPDX-License-Identifier: MIT
// frame.tsx - what stands around every view: where one is, the range, live or not, and what pitviper has to complain of.

import type { ComponentChildren, JSX } from 'preact';
import type { LiveState } from '../../api/live.ts';
import { goTo } from '../../model/address.ts';
import { HeaderButtons } from '../header-buttons.tsx';
import { Logo } from '../icons.tsx';
import { Link } from './link.tsx';
import type { PageContext } from './page.ts';
import { RangePicker } from './range-picker.tsx';

interface Props {
  readonly page: PageContext;
  readonly live: LiveState | 'paused';
  readonly children: ComponentChildren;
  toggleLive(): void;
  toggleTheme(): void;
  showHelp(): void;
}

const LIVE_TITLES: Record<Props['live'], string> = {
  live: 'Live: what is shown follows (L pauses it)',
  paused: 'Paused: what is shown stays (L goes on)',
  lost: 'The connection is lost; trying again',
  off: 'A store at rest: nothing new will come',
};

export function Frame({ page, live, children, toggleLive, toggleTheme, showHelp }: Props): JSX.Element {
  const { place, theme, status } = page;
  return (
    <div class="frame">
      <header class="top">
        <Link page={page} to={goTo(place, {})} class="home" title="All services (U)">
          <Logo />
          <span>pitviper</span>
        </Link>
        <nav class="places" aria-label="Places">
          <Link page={page} to={goTo(place, {})} current={place.page === 'services'}>
            Services
          </Link>
          <Link page={page} to={goTo(place, { page: 'events' })} current={place.page === 'events'}>
            Events
          </Link>
          <Link page={page} to={goTo(place, { page: 'daemon' })} current={place.page === 'daemon'}>
            pitviper
          </Link>
        </nav>
        <RangePicker page={page} />
        <button class={`live live-${live}`} onClick={toggleLive} title={LIVE_TITLES[live]}>
          <i /> {live}
        </button>
        <HeaderButtons theme={theme} toggleTheme={toggleTheme} showHelp={showHelp} />
      </header>
      {(status?.warnings.length ?? 0) > 0 && (
        <div class="warnings" role="alert" title={status!.warnings.join('\n')}>
          <Link page={page} to={goTo(place, { page: 'daemon' })}>
            {status!.warnings.join(' · ')}
          </Link>
        </div>
      )}
      <div class="content">{children}</div>
    </div>
  );
}
