// SPDX-License-Identifier: MIT
// services-view.tsx - all services at a glance, the troubled ones first.

import type { JSX } from 'preact';
import { formatPart, formatRate } from '../../lib/quantity.ts';
import { goTo } from '../../model/address.ts';
import { services } from '../../model/answers.ts';
import type { Service } from '../../model/answers.ts';
import { wholeSteps } from '../../model/chart-data.ts';
import { healthOf, versionsText, worstFirst } from '../../model/health.ts';
import type { Health } from '../../model/health.ts';
import { BARRED, bytes, cores, rate, seconds, WIDE, whole } from './columns.tsx';
import { DataTable, listQuery, SearchField } from './data-table.tsx';
import type { Column } from './data-table.tsx';
import { instantsShown, param } from './page.ts';
import type { PageContext } from './page.ts';
import { Nothing, Show } from './show.tsx';
import { Spark } from './spark.tsx';
import { useAnswer } from './use-answer.ts';

type Judged = Service & { readonly health: Health };

const COLUMNS: readonly Column<Judged>[] = [
  {
    key: 'service',
    title: 'Service',
    cell: (row) => (
      <>
        <i class={`dot dot-${row.health.level}`} />
        <span class="service-name">{row.service}</span>
      </>
    ),
  },
  {
    key: 'health',
    title: 'Health',
    cell: ({ health }) => <span class={`is-${health.level}`}>{health.text}</span>,
  },
  { key: 'versions', title: 'Version', wide: true, cell: (row) => <Versions versions={row.versions} /> },
  whole('processes', 'Processes', WIDE),
  cores('cores', 'CPU', { hint: 'Cores kept busy, on average over the range', ...BARRED }),
  {
    key: 'spark',
    title: 'CPU over time',
    wide: true,
    cell: (row) => <Spark values={wholeSteps(row.spark)} label={`CPU of ${row.service} over time`} />,
  },
  bytes('rss_bytes', 'Memory'),
  rate('rate', 'Requests', { cell: (row) => <Rate row={row} /> }),
  seconds('p95_s', 'p95', { hint: '95 of 100 requests took no longer' }),
  rate('error_rate', 'Errors', {
    cell: (row) => (
      <span class={(row.error_rate ?? 0) >= 0.01 ? 'is-bad' : ''}>{formatPart(row.error_rate)}</span>
    ),
  }),
];

function Rate({ row }: { row: Service }): JSX.Element {
  if (row.has_agent) return <>{formatRate(row.rate)}</>;
  return (
    <span
      class="dim"
      title="Requests are known where the application runs with pitviper’s agent: pitviper run"
    >
      no agent
    </span>
  );
}

function Versions({ versions }: { versions: readonly string[] }): JSX.Element {
  return <span title={versions.join(', ')}>{versionsText(versions)}</span>;
}

export function ServicesView({ page }: { page: PageContext }): JSX.Element {
  const answer = useAnswer(page, 'services', listQuery(page, 'cores'), services);
  const sorted = param(page, 'sort');
  const to = instantsShown(page).to;
  return (
    <div class="view">
      <div class="view-head">
        <h1>Services</h1>
        <SearchField page={page} what="services" />
      </div>
      <Show answer={answer}>
        {({ rows, total }) => {
          const judged = rows.map((row) => ({ ...row, health: healthOf(row, to) }));
          if (sorted === '') judged.sort((a, b) => worstFirst(a.health, b.health));
          return rows.length === 0 ? (
            <NoServices page={page} />
          ) : (
            <DataTable
              page={page}
              label="Services"
              columns={COLUMNS}
              rows={judged}
              total={total}
              sorted={sorted}
              keyOf={(row) => row.service}
              to={(row) => goTo(page.place, { page: 'service', service: row.service })}
            />
          );
        }}
      </Show>
    </div>
  );
}

function NoServices({ page }: { page: PageContext }): JSX.Element {
  if (param(page, 'search') !== '')
    return <Nothing title="No service has this in its name">Clear the search to see all of them.</Nothing>;
  return (
    <Nothing title="No Python process was seen in this time">
      pitviper looks for them by itself: start one, and it appears here within seconds. If one runs that is
      not shown, “pitviper doctor” says what is in the way.
    </Nothing>
  );
}
