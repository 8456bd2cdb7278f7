// SPDX-License-Identifier: MIT
// card.tsx - facts under a title.

import type { ComponentChildren, JSX } from 'preact';

/** Name, value, and what it means. */
export type Fact = readonly [string, ComponentChildren, string?];

interface Props {
  readonly title: string;
  readonly facts: readonly Fact[];
  /** Above the facts. */
  readonly children?: ComponentChildren;
  readonly below?: ComponentChildren;
}

export function Card({ title, facts, children, below }: Props): JSX.Element {
  return (
    <section class="card">
      <h2>{title}</h2>
      {children}
      <dl>
        {facts.map(([name, value, note]) => (
          <>
            <dt>{name}</dt>
            <dd>
              {value}
              {note && <small>{note}</small>}
            </dd>
          </>
        ))}
      </dl>
      {below}
    </section>
  );
}
