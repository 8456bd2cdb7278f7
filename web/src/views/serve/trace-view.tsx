// SPDX-License-Identifier: MIT
// trace-view.tsx - one request: what it did when, as a waterfall; what Python did meanwhile, as samples on the same axis and
// as a flame graph of them.

import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { profile as profileShape } from '../../api/profiles.ts';
import { lineColour } from '../../draw/chart-colours.ts';
import { paintStrip } from '../../draw/timeline-painter.ts';
import type { Theme } from '../../draw/theme.ts';
import { formatSeconds } from '../../lib/quantity.ts';
import { formatCount } from '../../lib/text.ts';
import type { Span as Range } from '../../lib/viewport.ts';
import { goTo } from '../../model/address.ts';
import { trace as traceShape } from '../../model/answers.ts';
import type { Span, Trace } from '../../model/answers.ts';
import type { Profile } from '../../model/profile.ts';
import { makeTimeline } from '../../model/timeline.ts';
import { spansLike, waterfall } from '../../model/waterfall.ts';
import type { Bar } from '../../model/waterfall.ts';
import { Explored } from './explored.tsx';
import { Link } from './link.tsx';
import { instantText, param, setParams } from './page.ts';
import type { PageContext } from './page.ts';
import type { TabProps } from './service-view.tsx';
import { Show } from './show.tsx';
import { useAnswer } from './use-answer.ts';

export function TraceView({ page, service }: TabProps): JSX.Element {
  const { id } = page.place;
  const answer = useAnswer(page, `traces/${encodeURIComponent(id)}`, { from: '', to: '' }, traceShape);
  return (
    <div class="trace-view">
      <Show answer={answer} lines={10}>
        {(trace) => <OneTrace page={page} service={service} trace={trace} />}
      </Show>
    </div>
  );
}

function readProfile(value: unknown): Profile | string | null {
  if (value === null) return null;
  try {
    return profileShape(value, 'profile');
  } catch (reason) {
    return reason instanceof Error ? reason.message : String(reason);
  }
}

function OneTrace({ page, service, trace }: Omit<TabProps, 'agent'> & { trace: Trace }): JSX.Element {
  const profile = useMemo(() => readProfile(trace.profile), [trace.profile]);
  const [opened, setOpened] = useState(false);
  const bars = useMemo(() => waterfall(trace.spans, !opened), [trace.spans, opened]);
  const whole = Math.max(
    trace.duration_s,
    ...trace.spans.map((span) => span.start_s + span.duration_s),
    1e-9,
  );
  const kinds = [...new Set(trace.spans.map((span) => span.kind))];
  const chosen = param(page, 'span');
  const folds = bars.some((bar) => bar.repeated > 0);
  const span = trace.spans.find((one) => one.span === chosen);
  return (
    <>
      <TraceHead page={page} service={service} trace={trace} />
      <section class="waterfall" aria-label="Waterfall">
        <Axis whole={whole} />
        {profile !== null && typeof profile !== 'string' && (
          <Samples profile={profile} trace={trace} whole={whole} theme={page.theme} />
        )}
        {bars.map((bar) => (
          <SpanRow
            key={bar.span.span}
            page={page}
            trace={trace}
            bar={bar}
            whole={whole}
            colour={lineColour(kinds.indexOf(bar.span.kind), page.theme)}
            chosen={bar.span.span === chosen}
          />
        ))}
      </section>
      {(folds || opened) && (
        <button class="link" onClick={() => setOpened(!opened)}>
          {opened ? 'Fold what repeats' : 'Show each of what repeats'}
        </button>
      )}
      {span && <SpanFacts span={span} />}
      {trace.missing_spans > 0 && (
        <p class="notice">
          {formatCount(trace.missing_spans)} further spans were not kept: there were more than a trace may
          have.
        </p>
      )}
      <Errors page={page} trace={trace} />
      <h2 class="trace-samples">What Python did</h2>
      {profile === null ? (
        <p class="dim">
          No samples: the request was shorter than the time between two, or waited all the while. A boost
          samples more often.
        </p>
      ) : typeof profile === 'string' ? (
        <p class="notice">The samples cannot be shown: {profile}</p>
      ) : (
        <Explored
          page={page}
          profile={profile}
          range={span ? rangeOf(profile, trace, span) : null}
          rangeOf="span"
        />
      )}
    </>
  );
}

function TraceHead({ page, service, trace }: Omit<TabProps, 'agent'> & { trace: Trace }): JSX.Element {
  const { endpoint, version } = trace;
  const facts = [
    instantText(page, trace.start_s),
    trace.status === null ? '' : `status ${trace.status}`,
    version && `version ${version}`,
    trace.pid === null ? '' : `process ${trace.pid}`,
    trace.reasons.length > 0 ? `kept as ${trace.reasons.join(', ')}` : '',
  ].filter(Boolean);
  return (
    <div class="detail-head trace-head">
      <h2>{endpoint || service}</h2>
      <b class={trace.error ? 'is-bad' : ''}>{formatSeconds(trace.duration_s)}</b>
      <span class="dim">{facts.join(' · ')}</span>
      <Link
        page={page}
        class="chip quiet"
        to={goTo(page.place, { page: 'service', service, tab: 'traces' }, { endpoint })}
      >
        All its traces
      </Link>
      <code class="dim trace-id">{trace.trace}</code>
    </div>
  );
}

const TICKS = [0, 0.25, 0.5, 0.75, 1];

function Axis({ whole }: { whole: number }): JSX.Element {
  return (
    <div class="span-row axis" aria-hidden="true">
      <span class="span-name" />
      <span class="span-lane">
        {TICKS.map((at) => (
          <span class={at === 1 ? 'tick last' : 'tick'} style={{ left: `${at * 100}%` }}>
            {formatSeconds(at * whole)}
          </span>
        ))}
      </span>
      <span class="span-time" />
    </div>
  );
}

/** The samples start with the trace unless they say when. */
function offsetSeconds(profile: Profile, trace: Trace): number {
  const start = profile.meta.start_us;
  return start ? start / 1e6 - trace.start_s : 0;
}

const BINS = 400;

function Samples({
  profile,
  trace,
  whole,
  theme,
}: {
  profile: Profile;
  trace: Trace;
  whole: number;
  theme: Theme;
}): JSX.Element | null {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { runs } = profile;
  const bins = useMemo(() => runs && makeTimeline(profile, runs, BINS), [profile]);
  useEffect(() => {
    const paint = (): void => {
      if (bins && canvas.current)
        paintStrip(canvas.current, { values: bins.sum, peak: bins.peak || 1, range: null, on: true, theme });
    };
    const watch = new ResizeObserver(paint);
    if (canvas.current) watch.observe(canvas.current);
    paint();
    return () => watch.disconnect();
  }, [bins, theme]);
  if (!runs || !bins || runs.endUs <= 0) return null;
  const samples = profile.samples.count.reduce((a, b) => a + b, 0);
  const left = Math.max(0, offsetSeconds(profile, trace) / whole);
  const width = Math.min(1 - left, bins.endUs / 1e6 / whole);
  return (
    <div class="span-row samples">
      <span class="span-name dim">Python, sampled</span>
      <span class="span-lane">
        <canvas ref={canvas} style={{ left: `${left * 100}%`, width: `${width * 100}%` }} />
      </span>
      <span class="span-time dim">{formatCount(samples)} ×</span>
    </div>
  );
}

interface RowProps {
  readonly page: PageContext;
  readonly trace: Trace;
  readonly bar: Bar;
  readonly whole: number;
  readonly colour: string;
  readonly chosen: boolean;
}

function SpanRow({ page, trace, bar, whole, colour, chosen }: RowProps): JSX.Element {
  const { span, depth, repeated } = bar;
  const alike = spansLike(trace.spans, bar);
  const total = alike.reduce((sum, one) => sum + one.duration_s, 0);
  return (
    <button
      class={['span-row', chosen && 'chosen', span.error && 'failed'].filter(Boolean).join(' ')}
      aria-pressed={chosen}
      onClick={() => setParams(page, { span: chosen ? '' : span.span, range: '' })}
      title={span.detail || span.name}
    >
      <span class="span-name" style={{ paddingLeft: `${Math.min(depth, 12) * 12}px` }}>
        <i class="line-mark" style={{ background: colour }} />
        <span class="span-text">{span.name || span.kind}</span>
        {repeated > 0 && <b class="is-warn"> × {repeated}</b>}
      </span>
      <span class="span-lane">
        {alike.map((one) => (
          <i
            class={one.error ? 'span-bar failed' : 'span-bar'}
            style={{
              left: `${(one.start_s / whole) * 100}%`,
              width: `${(one.duration_s / whole) * 100}%`,
              background: colour,
            }}
          />
        ))}
      </span>
      <span class="span-time">{formatSeconds(total)}</span>
    </button>
  );
}

function SpanFacts({ span }: { span: Span }): JSX.Element {
  const facts: [string, string][] = [
    ['kind', span.kind],
    ['started', `+${formatSeconds(span.start_s)}`],
    ['took', formatSeconds(span.duration_s)],
  ];
  if (span.rows !== null) facts.push(['rows', formatCount(span.rows)]);
  if (span.status !== null) facts.push(['status', String(span.status)]);
  return (
    <section class="detail" aria-label="Span">
      <div class="detail-head">
        <h2>{span.name || span.kind}</h2>
        <span class="dim">{facts.map(([name, value]) => `${name} ${value}`).join(' · ')}</span>
        {span.error && <b class="is-bad">failed</b>}
      </div>
      {span.detail !== '' && <pre class="sql">{span.detail}</pre>}
    </section>
  );
}

function Errors({ page, trace }: { page: PageContext; trace: Trace }): JSX.Element | null {
  if (trace.errors.length === 0) return null;
  return (
    <ul class="trace-errors">
      {trace.errors.map((error) => (
        <li>
          <b class="is-bad">{error.type}</b> <span class="place">{error.where}</span>{' '}
          {error.at_s !== null && <span class="dim">at +{formatSeconds(error.at_s)}</span>}{' '}
          {error.span !== '' && trace.spans.some((span) => span.span === error.span) && (
            <button class="link" onClick={() => setParams(page, { span: error.span })}>
              in {trace.spans.find((span) => span.span === error.span)!.name}
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}

/** A span that was chosen is the range that is shown, unless another one is. */
function rangeOf(profile: Profile, trace: Trace, span: Span): Range | null {
  const from = Math.max(0, (span.start_s - offsetSeconds(profile, trace)) * 1e6);
  const to = from + span.duration_s * 1e6;
  const end = profile.runs?.endUs ?? 0;
  return from < end && to > from && (from > 0 || to < end) ? { from, to: Math.min(to, end) } : null;
}
