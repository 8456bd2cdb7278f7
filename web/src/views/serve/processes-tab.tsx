// SPDX-License-Identifier: MIT
// processes-tab.tsx - the processes of a service, and how each is sampled.

import type { JSX } from 'preact';
import { formatAge, formatNumber } from '../../lib/quantity.ts';
import { goTo } from '../../model/address.ts';
import { processes } from '../../model/answers.ts';
import type { Process } from '../../model/answers.ts';
import { BARRED, bytes, cores, WIDE, whole } from './columns.tsx';
import { AnswerTable, listQuery, SearchField } from './data-table.tsx';
import type { Column } from './data-table.tsx';
import { instantText, param } from './page.ts';
import type { PageContext } from './page.ts';
import type { TabProps } from './service-view.tsx';
import { Nothing } from './show.tsx';
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
    cores('cores', 'CPU', BARRED),
    bytes('rss_bytes', 'Memory'),
    whole('threads', 'Threads', WIDE),
    whole('rate_hz', 'Sampled at', {
      hint: 'Samples per second; less than was asked for when the budget would not have been kept',
      cell: (row) => (row.rate_hz === null ? '–' : `${formatNumber(row.rate_hz)} Hz`),
      ...WIDE,
    }),
    whole('samples', 'Samples', WIDE),
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
      <AnswerTable
        page={page}
        label={`Processes of ${service}`}
        columns={columns(page)}
        answer={answer}
        standard="cores"
        none={<Nothing title="No process in this time" />}
        keyOf={(row) => `${row.host} ${row.pid} ${row.started_s}`}
        to={(row) => goTo(page.place, { page: 'service', service, tab: 'profile' }, { pid: String(row.pid) })}
      />
    </>
  );
}
