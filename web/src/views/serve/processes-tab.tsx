// SPDX-License-Identifier: MIT
// processes-tab.tsx - the processes of a service, and how each is sampled.

import type { JSX } from 'preact';
import { formatAge, formatBytes, formatCores, formatInteger, formatNumber } from '../../lib/quantity.ts';
import { goTo } from '../../model/address.ts';
import { processes } from '../../model/answers.ts';
import type { Process } from '../../model/answers.ts';
import { DataTable, listQuery, SearchField } from './data-table.tsx';
import type { Column } from './data-table.tsx';
import { instantText, param } from './page.ts';
import type { PageContext } from './page.ts';
import type { TabProps } from './service-view.tsx';
import { Nothing, Show } from './show.tsx';
import { useAnswer } from './use-answer.ts';

function columns(page: PageContext): readonly Column<Process>[] {
  return [
    {
      key: 'pid',
      title: 'Process',
      cell: (row) => (
        <span class={row.ended_s === null ? '' : 'dim'}>
          {row.pid} <span class="place">{row.command}</span>
        </span>
      ),
    },
    { key: 'version', title: 'Version', wide: true, cell: (row) => row.version || '–' },
    { key: 'python', title: 'Python', wide: true, cell: (row) => row.python || '–' },
    {
      key: 'cores',
      title: 'CPU',
      number: true,
      sort: true,
      cell: (row) => formatCores(row.cores),
      bar: (row) => row.cores,
    },
    {
      key: 'rss_bytes',
      title: 'Memory',
      number: true,
      sort: true,
      cell: (row) => formatBytes(row.rss_bytes),
    },
    {
      key: 'threads',
      title: 'Threads',
      number: true,
      sort: true,
      wide: true,
      cell: (row) => formatInteger(row.threads),
    },
    {
      key: 'rate_hz',
      title: 'Sampled at',
      hint: 'Samples per second; less than was asked for when the budget would not have been kept',
      number: true,
      sort: true,
      wide: true,
      cell: (row) => (row.rate_hz === null ? '–' : `${formatNumber(row.rate_hz)} Hz`),
    },
    {
      key: 'samples',
      title: 'Samples',
      number: true,
      sort: true,
      wide: true,
      cell: (row) => formatInteger(row.samples),
    },
    {
      key: 'has_agent',
      title: 'Agent',
      wide: true,
      cell: (row) => (row.has_agent ? 'yes' : <span class="dim">no</span>),
    },
    {
      key: 'started_s',
      title: 'Started',
      number: true,
      cell: (row) => (
        <span title={instantText(page, row.started_s)}>
          {row.ended_s !== null
            ? `ended ${formatAge(page.now - row.ended_s)}`
            : row.started_s === null
              ? '–'
              : formatAge(page.now - row.started_s)}
        </span>
      ),
    },
  ];
}

export function ProcessesTab({ page, service }: TabProps): JSX.Element {
  const query = { service, version: param(page, 'version'), ...listQuery(page, 'cores') };
  const answer = useAnswer(page, 'processes', query, processes);
  return (
    <>
      <div class="view-tools">
        <SearchField page={page} what="processes" />
      </div>
      <Show answer={answer}>
        {({ rows, total }) =>
          rows.length === 0 ? (
            <Nothing title="No process in this time" />
          ) : (
            <DataTable
              page={page}
              label={`Processes of ${service}`}
              columns={columns(page)}
              rows={rows}
              total={total}
              sorted={param(page, 'sort') || 'cores'}
              keyOf={(row) => `${row.host} ${row.pid} ${row.started_s}`}
              to={(row) =>
                goTo(page.place, { page: 'service', service, tab: 'profile' }, { pid: String(row.pid) })
              }
            />
          )
        }
      </Show>
    </>
  );
}
