// SPDX-License-Identifier: MIT
// calls-tab.tsx - what requests wait for beside the database: other services, caches, templates, tasks.

import type { JSX } from 'preact';
import { formatInteger, formatSeconds } from '../../lib/quantity.ts';
import { calls } from '../../model/answers.ts';
import type { Call } from '../../model/answers.ts';
import { DataTable, listQuery, SearchField } from './data-table.tsx';
import type { Column } from './data-table.tsx';
import { NoRequests } from './endpoints-tab.tsx';
import { FilterChips } from './filters.tsx';
import { param, setParams } from './page.ts';
import type { TabProps } from './service-view.tsx';
import { Show } from './show.tsx';
import { useAnswer } from './use-answer.ts';

const KINDS = {
  outbound: 'Other services',
  cache: 'Caches',
  templates: 'Templates',
  tasks: 'Tasks',
} as const;
type Kind = keyof typeof KINDS;
const NAMES: Record<Kind, string> = {
  outbound: 'call',
  cache: 'cache access',
  templates: 'template',
  tasks: 'task',
};

const COLUMNS: readonly Column<Call>[] = [
  { key: 'name', title: 'Name', cell: (row) => row.name || '(none)' },
  { key: 'detail', title: 'Detail', wide: true, cell: (row) => row.detail },
  {
    key: 'total_s',
    title: 'Total',
    number: true,
    sort: true,
    cell: (row) => formatSeconds(row.total_s),
    bar: (row) => row.total_s,
  },
  { key: 'count', title: 'Count', number: true, sort: true, cell: (row) => formatInteger(row.count) },
  {
    key: 'mean_s',
    title: 'Mean',
    number: true,
    sort: true,
    wide: true,
    cell: (row) => formatSeconds(row.mean_s),
  },
  { key: 'p95_s', title: 'p95', number: true, sort: true, cell: (row) => formatSeconds(row.p95_s) },
  {
    key: 'p99_s',
    title: 'p99',
    number: true,
    sort: true,
    wide: true,
    cell: (row) => formatSeconds(row.p99_s),
  },
  {
    key: 'max_s',
    title: 'Longest',
    number: true,
    sort: true,
    wide: true,
    cell: (row) => formatSeconds(row.max_s),
  },
  {
    key: 'errors',
    title: 'Errors',
    number: true,
    sort: true,
    cell: (row) => <span class={(row.errors ?? 0) > 0 ? 'is-bad' : ''}>{formatInteger(row.errors)}</span>,
  },
];

export function CallsTab({ page, service, agent }: TabProps): JSX.Element {
  const wanted = param(page, 'kind');
  const kind: Kind = wanted in KINDS ? (wanted as Kind) : 'outbound';
  const query = { service, endpoint: param(page, 'endpoint'), ...listQuery(page, 'total_s') };
  const answer = useAnswer(page, kind, query, calls);
  return (
    <>
      <div class="view-tools">
        <span class="choice" role="group" aria-label="Kind">
          {(Object.keys(KINDS) as Kind[]).map((name) => (
            <button aria-pressed={name === kind} onClick={() => setParams(page, { kind: name, sort: '' })}>
              {KINDS[name]}
            </button>
          ))}
        </span>
        <SearchField page={page} what="names" />
        <FilterChips page={page} names={['endpoint']} />
      </div>
      <Show answer={answer}>
        {({ rows, total }) =>
          rows.length === 0 ? (
            <NoRequests page={page} what={NAMES[kind]} agent={agent} />
          ) : (
            <DataTable
              page={page}
              label={KINDS[kind]}
              columns={COLUMNS}
              rows={rows}
              total={total}
              sorted={param(page, 'sort') || 'total_s'}
              keyOf={(row) => `${row.name}\0${row.detail}`}
            />
          )
        }
      </Show>
    </>
  );
}
