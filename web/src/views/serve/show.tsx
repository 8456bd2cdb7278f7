// SPDX-License-Identifier: MIT
// show.tsx - an answer, or why there is none: loading, nothing there, failed; and what was missing in it.

import type { ComponentChildren, JSX } from 'preact';
import { formatSeconds } from '../../lib/quantity.ts';
import type { Answer } from './use-answer.ts';

interface Props<T> {
  readonly answer: Answer<T>;
  /** Height of what will come, so that nothing jumps. */
  readonly lines?: number;
  children(data: T): ComponentChildren;
}

export function Show<T>({ answer, lines = 6, children }: Props<T>): JSX.Element {
  const { data, problem, loading } = answer;
  if (data === null && problem) return <Failed text={problem.message} again={answer.again} />;
  if (data === null) return <Loading lines={lines} />;
  return (
    <div class={loading ? 'answer stale' : 'answer'} aria-busy={loading}>
      {problem && (
        <p class="notice" role="alert">
          {problem.message} What you see is from before.{' '}
          <button class="link" onClick={answer.again}>
            Try again
          </button>
        </p>
      )}
      <Gaps data={data} />
      {children(data)}
    </div>
  );
}

function Failed({ text, again }: { text: string; again: () => void }): JSX.Element {
  return (
    <div class="empty failed" role="alert">
      <h2>This could not be shown</h2>
      <p>{text}</p>
      <button class="primary" onClick={again}>
        Try again
      </button>
    </div>
  );
}

export function Loading({ lines }: { lines: number }): JSX.Element {
  return (
    <div class="loading" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, i) => (
        <span key={i} class={`ghost ghost-${i % 4}`} />
      ))}
    </div>
  );
}

export function Nothing({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children && <p>{children}</p>}
    </div>
  );
}

/** Never hidden: parts of the range that could not be read. */
function Gaps({ data }: { data: unknown }): JSX.Element | null {
  const { damaged_windows: damaged, missing_s: missing } = data as Partial<Record<string, number>>;
  if (!damaged && !missing) return null;
  return (
    <p class="notice">
      {missing ? `${formatSeconds(missing)} of this range are missing. ` : ''}
      {damaged ? `${damaged} damaged windows were left out. ` : ''}
      <span class="dim">“pitviper store check” says more.</span>
    </p>
  );
}
