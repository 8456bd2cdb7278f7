// SPDX-License-Identifier: MIT
// link.tsx - a link within the page: a real address, so that it can be copied and opened in a new tab.

import type { ComponentChildren, JSX } from 'preact';
import { placeHash } from '../../model/address.ts';
import type { Place } from '../../model/address.ts';
import type { PageContext } from './page.ts';

interface Props {
  readonly page: PageContext;
  readonly to: Place;
  readonly class?: string;
  readonly title?: string | undefined;
  readonly current?: boolean;
  readonly children?: ComponentChildren;
}

export function Link({ page, to, title, current = false, children, ...rest }: Props): JSX.Element {
  return (
    <a
      class={rest.class}
      href={placeHash(to)}
      title={title}
      aria-current={current ? 'page' : undefined}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        page.go(to, true);
      }}
    >
      {children}
    </a>
  );
}
