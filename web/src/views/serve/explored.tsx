// SPDX-License-Identifier: MIT
// explored.tsx - the explorer inside of the served page: its state is part of the page's address.

import type { JSX } from 'preact';
import type { Span } from '../../lib/viewport.ts';
import type { Profile } from '../../model/profile.ts';
import { defaultState, fromHash, STATE_KEYS, toHash } from '../../model/view-state.ts';
import { Explorer } from '../explorer.tsx';
import { setParams } from './page.ts';
import type { PageContext } from './page.ts';

const NOTHING_SET = Object.fromEntries(STATE_KEYS.map((key) => [key, '']));

interface Props {
  readonly page: PageContext;
  readonly profile: Profile;
  /** The range when the address has none, and the parameter that it came from. */
  readonly range?: Span | null;
  readonly rangeOf?: string;
}

export function Explored({ page, profile, range = null, rangeOf = '' }: Props): JSX.Element {
  const defaults = defaultState(profile);
  const asked = fromHash(new URLSearchParams(page.place.params).toString(), defaults);
  return (
    <Explorer
      profile={profile}
      state={{ ...asked, range: asked.range ?? range }}
      theme={page.theme}
      toggleTheme={null}
      change={(next, step) => {
        const set = Object.fromEntries(new URLSearchParams(toHash(next, defaults)));
        const freed = range && !next.range ? { [rangeOf]: '' } : {};
        setParams(page, { ...NOTHING_SET, ...set, ...freed }, step);
      }}
    />
  );
}
