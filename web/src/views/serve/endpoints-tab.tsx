// SPDX-License-Identifier: MIT
// endpoints-tab.tsx - what is asked of a service: how often, how long, and where the time goes. The chosen one over time
// and as a histogram, of which each bar leads to the flame graph of just those requests.

import type { JSX } from 'preact';
import { fillColour, lineColour } from '../../draw/chart-colours.ts';
import type { Theme } from '../../draw/theme.ts';
import { formatInteger, formatPart, formatSeconds } from '../../lib/quantity.ts';
import { formatCount, formatShare } from '../../lib/text.ts';
import { goTo, withParams } from '../../model/address.ts';
import {
  endpoints as endpointsShape,
  histogram as histogramShape,
  PARTS,
  series as seriesShape,
} from '../../model/answers.ts';
import type { Endpoint, Histogram } from '../../model/answers.ts';
import { barsOf, columnsOf } from '../../model/chart-data.ts';
import { durationParam } from '../../model/duration.ts';
import { fixed } from '../../model/period.ts';
import { Charts } from './chart.tsx';
import { alarming, BARRED, rate, seconds, WIDE, whole } from './columns.tsx';
import { AnswerTable, listQuery, SearchField } from './data-table.tsx';
import type { Column } from './data-table.tsx';
import { FilterChips } from './filters.tsx';
import { Link } from './link.tsx';
import { instantsShown, param, setParams } from './page.ts';
import type { PageContext } from './page.ts';
import type { TabProps } from './service-view.tsx';
import { Nothing, Show } from './show.tsx';
import { useAnswer } from './use-answer.ts';
import { useMarks } from './use-marks.ts';

const COLUMNS: readonly Column<Endpoint>[] = [
  { key: 'endpoint', title: 'Endpoint', cell: (row) => row.endpoint || '(none)' },
  seconds('total_s', 'Total', { hint: 'Time of all its requests together', ...BARRED }),
  whole('requests', 'Requests', WIDE),
  rate('rate', 'Rate'),
  seconds('p50_s', 'p50', WIDE),
  seconds('p95_s', 'p95'),
  seconds('p99_s', 'p99', WIDE),
  seconds('max_s', 'Longest', WIDE),
  alarming('errors', 'Errors', 'bad', { cell: (row) => <Errors row={row} /> }),
  alarming('repeated', 'N+1', 'warn', {
    hint: 'Requests that asked the same of the database again and again',
    ...WIDE,
  }),
];

function Errors({ row }: { row: Endpoint }): JSX.Element {
  if (row.errors === null || row.errors === 0) return <>{formatInteger(row.errors)}</>;
  return (
    <span class="is-bad" title={`${formatCount(row.errors)} of ${formatCount(row.requests)}`}>
      {formatPart(row.errors / row.requests)}
    </span>
  );
}

export function EndpointsTab({ page, service, agent }: TabProps): JSX.Element {
  const answer = useAnswer(
    page,
    'endpoints',
    { service, version: param(page, 'version'), ...listQuery(page, 'total_s') },
    endpointsShape,
  );
  const chosen = param(page, 'endpoint');
  return (
    <>
      <div class="view-tools">
        <SearchField page={page} what="endpoints" />
        <FilterChips page={page} names={['version']} />
      </div>
      {chosen !== '' && <OneEndpoint key={chosen} page={page} service={service} endpoint={chosen} />}
      <AnswerTable
        page={page}
        label={`Endpoints of ${service}`}
        columns={COLUMNS}
        answer={answer}
        standard="total_s"
        none={<NoRequests page={page} what="endpoint" agent={agent} />}
        keyOf={(row) => `${row.kind} ${row.endpoint}`}
        to={(row) => withParams(page.place, { endpoint: row.endpoint === chosen ? '' : row.endpoint })}
        chosen={(row) => row.endpoint === chosen}
      />
    </>
  );
}

/** Of lists that only an application with the agent fills. */
export function NoRequests({
  page,
  what,
  agent,
}: {
  page: PageContext;
  what: string;
  agent: boolean | null;
}): JSX.Element {
  if (param(page, 'search') !== '') return <Nothing title={`No ${what} has this in its name`} />;
  const title = `No ${what} in this time`;
  if (agent)
    return <Nothing title={title}>Its agent has counted none. A longer range may have some.</Nothing>;
  return (
    <Nothing title={title}>
      Requests, statements and traces are known of applications that run with the agent: start them with
      “pitviper run”.
    </Nothing>
  );
}

interface OneProps extends Omit<TabProps, 'agent'> {
  readonly endpoint: string;
}

function OneEndpoint({ page, service, endpoint }: OneProps): JSX.Element {
  const of = { service, endpoint, version: param(page, 'version') };
  const shown = instantsShown(page);
  const latency = useAnswer(page, 'series', { what: 'latency', ...of }, seriesShape);
  const requests = useAnswer(page, 'series', { what: 'requests', ...of }, seriesShape);
  const marks = useMarks(page, service);
  const rows = useAnswer(page, 'endpoints', { ...of, limit: 0 }, endpointsShape);
  const histogram = useAnswer(
    page,
    'histogram',
    { kind: endpoint.startsWith('task ') ? 'task' : 'request', name: endpoint, service },
    histogramShape,
  );
  const row = rows.data?.rows.find((found) => found.endpoint === endpoint);
  const chart = {
    shown,
    marks,
    theme: page.theme,
    setRange: (range: typeof shown) => setParams(page, fixed(range)),
  };
  return (
    <section class="detail" aria-label={endpoint}>
      <div class="detail-head">
        <h2>{endpoint}</h2>
        <Link page={page} class="chip quiet" to={elsewhere(page, service, 'profile', { endpoint })}>
          Flame graph
        </Link>
        <Link page={page} class="chip quiet" to={elsewhere(page, service, 'traces', { endpoint })}>
          Traces
        </Link>
        <button class="round" aria-label="Close" onClick={() => setParams(page, { endpoint: '' })}>
          ×
        </button>
      </div>
      <div class="plots">
        <Show answer={latency} lines={3}>
          {(data) => <Charts title="Latency" columns={columnsOf(data, shown, page.now)} {...chart} />}
        </Show>
        <Show answer={requests} lines={3}>
          {(data) => <Charts title="Requests" columns={columnsOf(data, shown, page.now)} {...chart} area />}
        </Show>
        <Show answer={histogram} lines={3}>
          {(data) => <Buckets page={page} service={service} endpoint={endpoint} histogram={data} />}
        </Show>
        {row?.parts && <PartsBar row={row} theme={page.theme} />}
      </div>
    </section>
  );
}

function elsewhere(
  page: PageContext,
  service: string,
  tab: 'profile' | 'traces',
  params: Record<string, string>,
) {
  return goTo(page.place, { page: 'service', service, tab }, params);
}

const BARS = 28;

function Buckets({
  page,
  service,
  endpoint,
  histogram,
}: OneProps & { readonly histogram: Histogram }): JSX.Element {
  const bars = barsOf(histogram.buckets, BARS);
  const peak = Math.max(1, ...bars.map((bar) => bar.count));
  const above = (low: number): number =>
    bars.reduce((sum, bar) => sum + (bar.low >= low * 0.999 ? bar.count : 0), 0);
  const slow = (seconds: number) => ({ endpoint, min_duration: durationParam(seconds) });
  return (
    <figure class="plot" aria-label="How long requests took">
      <figcaption>
        <h3>How long requests took</h3>
        <span class="dim">a bar leads to the flame graph of what took so long</span>
      </figcaption>
      {bars.length === 0 ? (
        <p class="dim">No requests in this time.</p>
      ) : (
        <div class="buckets">
          {bars.map((bar) => (
            <Link
              page={page}
              class={bar.low >= (histogram.p95_s ?? Infinity) ? 'bucket slow' : 'bucket'}
              to={elsewhere(page, service, 'profile', slow(bar.low))}
              title={`${formatSeconds(bar.low)} – ${formatSeconds(bar.high)}: ${formatCount(bar.count)} requests. Flame graph of the ${formatCount(above(bar.low))} that took this long or longer, as far as they were kept.`}
            >
              <i
                style={{ height: `${bar.count > 0 ? Math.max(2, Math.sqrt(bar.count / peak) * 100) : 0}%` }}
              />
            </Link>
          ))}
        </div>
      )}
      {bars.length > 0 && (
        <div class="bucket-axis">
          <span>{formatSeconds(bars[0]!.low)}</span>
          <span>{formatSeconds(bars[bars.length >> 1]!.low)}</span>
          <span>{formatSeconds(bars.at(-1)!.high)}</span>
        </div>
      )}
      <ul class="slow-links">
        {(
          [
            ['p95', histogram.p95_s],
            ['p99', histogram.p99_s],
          ] as const
        ).map(([name, at]) =>
          at === null ? null : (
            <li>
              beyond {name} ({formatSeconds(at)}):{' '}
              <Link page={page} to={elsewhere(page, service, 'profile', slow(at))}>
                flame graph
              </Link>
              {' · '}
              <Link page={page} to={elsewhere(page, service, 'traces', slow(at))}>
                traces
              </Link>
            </li>
          ),
        )}
      </ul>
    </figure>
  );
}

const PART_TITLES: Record<(typeof PARTS)[number], string> = {
  queue: 'waiting in the server',
  cpu: 'Python',
  database: 'database',
  outbound: 'other services',
  cache: 'cache',
  template: 'templates',
  gc: 'garbage collection',
  loop: 'waiting for the event loop',
  gil: 'waiting for the GIL',
};

function PartsBar({ row, theme }: { row: Endpoint; theme: Theme }): JSX.Element | null {
  const parts = PARTS.map((name, i) => ({ name, i, seconds: row.parts![`${name}_s`] ?? 0 })).filter(
    (part) => part.seconds > 0,
  );
  const known = parts.reduce((sum, part) => sum + part.seconds, 0);
  const whole = Math.max(known, row.total_s ?? 0);
  if (whole <= 0) return null;
  const rest = whole - known;
  return (
    <figure class="plot" aria-label="Where the time goes">
      <figcaption>
        <h3>Where the time goes</h3>
      </figcaption>
      <div class="parts">
        {parts.map(({ i, seconds }) => (
          <i style={{ flexGrow: seconds / whole, background: lineColour(i, theme) }} />
        ))}
        {rest > 0 && <i style={{ flexGrow: rest / whole, background: fillColour(7, theme, 0.3) }} />}
      </div>
      <ul class="parts-legend">
        {parts.map(({ name, i, seconds }) => (
          <li>
            <i class="line-mark" style={{ background: lineColour(i, theme) }} /> {PART_TITLES[name]}{' '}
            <b>{formatShare(seconds / whole)}</b>
          </li>
        ))}
        {rest / whole > 0.005 && (
          <li>
            <i class="line-mark" style={{ background: fillColour(7, theme, 0.3) }} /> other waiting{' '}
            <b>{formatShare(rest / whole)}</b>
          </li>
        )}
      </ul>
    </figure>
  );
}
