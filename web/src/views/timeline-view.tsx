// SPDX-License-Identifier: MIT
// timeline-view.tsx - activity over time, all threads on top and one strip for each below. Dragging over any strip
// chooses a range, and everything else follows at once; a thread's name chooses the thread.

import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { paintStrip } from '../draw/timeline-painter.ts';
import type { Theme } from '../draw/theme.ts';
import { formatClock, formatCount, formatShare } from '../lib/text.ts';
import type { Span } from '../lib/viewport.ts';
import { threadLabel } from '../model/profile.ts';
import type { Profile } from '../model/profile.ts';
import { groupByProcess, makeTimeline, threadCounts } from '../model/timeline.ts';
import type { ViewState } from '../model/view-state.ts';
import type { Actions } from './actions.ts';
import { Icon } from './icons.tsx';
import { rangeSlider, useRange } from './use-range.ts';

interface Props {
  readonly profile: Profile;
  readonly state: ViewState;
  readonly theme: Theme;
  readonly actions: Actions;
}

const BINS = 600;

export function TimelineView({ profile, state, theme, actions }: Props): JSX.Element {
  const [open, setOpen] = useState(false);
  const { threads, runs } = profile;
  const timeline = useMemo(() => runs && makeTimeline(profile, runs, BINS), [profile]);
  const counts = useMemo(() => threadCounts(profile), [profile]);
  const groups = useMemo(() => groupByProcess(profile, counts), [counts]);
  const processes = groups.length;
  const sum = counts.reduce((a, b) => a + b, 0) || 1;
  const chosen = state.threads && new Set(state.threads);
  const endUs = timeline?.endUs ?? 1;
  const range = state.range && {
    from: Math.min(1, state.range.from / endUs),
    to: Math.min(1, state.range.to / endUs),
  };
  const setRange = (share: Span | null): void =>
    actions.set({ range: share && { from: share.from * endUs, to: share.to * endUs } });

  const toggle = (some: readonly number[], add: boolean): void => {
    const next = new Set(add ? (state.threads ?? []) : []);
    const already =
      chosen !== null && some.every((t) => chosen.has(t)) && (add || chosen.size === some.length);
    for (const thread of some)
      if (already) next.delete(thread);
      else next.add(thread);
    actions.set({ threads: next.size === 0 ? null : [...next].sort((a, b) => a - b) }, true);
  };

  return (
    <section class="timeline" aria-label="Timeline and threads">
      <div class="strip-row all">
        <button class="strip-name" aria-expanded={open} onClick={() => setOpen(!open)}>
          <Icon name={open ? 'up' : 'down'} />
          <span>
            {chosen ? `${chosen.size} of ${threads.length}` : formatCount(threads.length)}{' '}
            {threads.length === 1 ? 'thread' : 'threads'}
            {processes > 1 && <small class="dim">{processes} processes</small>}
          </span>
        </button>
        {timeline ? (
          <Strip
            values={timeline.sum}
            peak={timeline.peak || 1}
            range={range}
            setRange={setRange}
            theme={theme}
            on
            slider
            endUs={endUs}
            tall
          />
        ) : (
          <span class="strip-none">The order in time was not kept in this recording.</span>
        )}
      </div>
      {open && (
        <div class="strips">
          {groups.flatMap((group) => [
            processes > 1 && (
              <div class="strip-row" key={`p${group.pid}`}>
                <button
                  class="strip-process"
                  aria-pressed={chosen !== null && group.threads.every((t) => chosen.has(t))}
                  onClick={(event) => toggle(group.threads, adds(event))}
                >
                  {group.name || 'process'} <span class="dim">pid {group.pid} ·</span>{' '}
                  <span class="strip-share">{formatShare(group.count / sum)}</span>
                </button>
              </div>
            ),
            ...group.threads.map((thread) => (
              <div class="strip-row" key={thread}>
                <button
                  class="strip-name"
                  aria-pressed={chosen?.has(thread) ?? false}
                  title={`${threads[thread].process} · pid ${threads[thread].pid} · tid ${threads[thread].tid}. Click: only this thread; with Ctrl: add or remove it.`}
                  onClick={(event) => toggle([thread], adds(event))}
                >
                  <span class="strip-label">{threadLabel(threads[thread])}</span>
                  <span class="strip-share">{formatShare(counts[thread] / sum)}</span>
                </button>
                {timeline && (
                  <Strip
                    values={timeline.activity.subarray(thread * BINS, (thread + 1) * BINS)}
                    peak={1}
                    range={range}
                    setRange={setRange}
                    theme={theme}
                    on={!chosen || chosen.has(thread)}
                    endUs={endUs}
                  />
                )}
              </div>
            )),
          ])}
        </div>
      )}
      {(state.range || chosen) && (
        <div class="selection">
          {state.range && (
            <button class="chip" onClick={() => actions.set({ range: null }, true)} title="Clear the range">
              {formatClock(state.range.from)} – {formatClock(state.range.to)} <Icon name="close" />
            </button>
          )}
          {chosen && (
            <button
              class="chip"
              onClick={() => actions.set({ threads: null }, true)}
              title="Show all threads"
            >
              {chosen.size === 1
                ? threadLabel(
                    threads[[...chosen][0]!] ?? { pid: 0, tid: 0, name: 'unknown thread', process: '' },
                  )
                : `${chosen.size} threads`}{' '}
              <Icon name="close" />
            </button>
          )}
          {!profile.base && (
            <button
              class="chip quiet"
              aria-pressed={state.compare}
              onClick={() =>
                actions.set({ compare: !state.compare, colour: state.compare ? 'module' : 'change' }, true)
              }
              title="What takes more here than elsewhere in this recording, and what takes less"
            >
              {state.compare ? 'Compared with the rest' : 'Compare with the rest'}
            </button>
          )}
        </div>
      )}
    </section>
  );
}

function adds(event: MouseEvent): boolean {
  return event.ctrlKey || event.metaKey || event.shiftKey;
}

interface StripProps {
  readonly values: Float32Array;
  readonly peak: number;
  readonly range: Span | null;
  readonly theme: Theme;
  readonly on: boolean;
  readonly endUs: number;
  readonly slider?: boolean;
  readonly tall?: boolean;
  setRange(range: Span | null): void;
}

function Strip({
  values,
  peak,
  range,
  setRange,
  theme,
  on,
  slider = false,
  tall = false,
  endUs,
}: StripProps): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const { pointed, handlers } = useRange(canvas, range, setRange);
  useEffect(() => {
    const watch = new ResizeObserver(() => setWidth(canvas.current?.clientWidth ?? 0));
    watch.observe(canvas.current!);
    return () => watch.disconnect();
  }, []);
  useEffect(
    () => paintStrip(canvas.current!, { values, peak, range, on, theme }),
    [values, peak, range?.from, range?.to, on, theme, width],
  );

  const text = range
    ? `${formatClock(range.from * endUs)} to ${formatClock(range.to * endUs)}`
    : 'everything';
  const spoken = slider ? rangeSlider(range, text) : { 'aria-hidden': true };
  return (
    <div class={tall ? 'strip tall' : 'strip'} {...handlers} {...spoken}>
      <canvas ref={canvas} />
      {range && (
        <span
          class="strip-range"
          style={{ left: `${range.from * 100}%`, width: `${(range.to - range.from) * 100}%` }}
        />
      )}
      {tall && pointed !== null && (
        <span
          class={pointed > 0.85 ? 'strip-clock left' : 'strip-clock'}
          style={{ left: `${pointed * 100}%` }}
        >
          {formatClock(pointed * endUs)}
        </span>
      )}
    </div>
  );
}
