// SPDX-License-Identifier: MIT
// traces-tab.tsx - single requests that were kept: slow ones, failed ones, the first of their kind, and one in so many.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { formatInteger, formatSeconds } from '../../lib/quantity.ts';
import { goTo } from '../../model/address.ts';
import { endpoints, traces } from '../../model/answers.ts';
import type { TraceHead } from '../../model/answers.ts';
import { checkDuration } from '../../model/duration.ts';
import { AnswerTable, listQuery, SearchField } from './data-table.tsx';
import type { Column } from './data-table.tsx';
import { NoRequests } from './endpoints-tab.tsx';
import { FilterChips, Select } from './filters.tsx';
import { Link } from './link.tsx';
import { instantText, param, setParams } from './page.ts';
import type { PageContext } from './page.ts';
import type { TabProps } from './service-view.tsx';
import { useAnswer } from './use-answer.ts';

function columns(page: PageContext): readonly Column<TraceHead>[] {
  return [
    {
      key: 'start_s',
      title: 'When',
      cell: (row) => <span class="when">{instantText(page, row.start_s)}</span>,
    },
    { key: 'endpoint', title: 'Endpoint', cell: (row) => row.endpoint || '(none)' },
    {
      key: 'duration_s',
      title: 'Took',
      number: true,
      sort: true,
      cell: (row) => formatSeconds(row.duration_s),
      bar: (row) => row.duration_s,
    },
    {
      key: 'status',
      title: 'Status',
      number: true,
      cell: (row) => (
        <span class={row.error ? 'is-bad' : ''}>
          {row.status === null ? (row.error ? 'error' : '–') : row.status}
        </span>
      ),
    },
    { key: 'spans', title: 'Spans', number: true, wide: true, cell: (row) => formatInteger(row.spans) },
    { key: 'reasons', title: 'Kept as', wide: true, cell: (row) => row.reasons.join(', ') },
    { key: 'version', title: 'Version', wide: true, cell: (row) => row.version || '–' },
    { key: 'pid', title: 'Process', number: true, wide: true, cell: (row) => row.pid ?? '–' },
  ];
}

export function TracesTab({ page, service, agent }: TabProps): JSX.Element {
  const [endpoint, slow] = [param(page, 'endpoint'), param(page, 'min_duration')];
  const query = {
    service,
    endpoint,
    version: param(page, 'version'),
    min_duration: slow,
    status: param(page, 'status'),
    ...listQuery(page, ''),
  };
  const answer = useAnswer(page, 'traces', query, traces);
  const known = useAnswer(page, 'endpoints', { service, limit: 0 }, endpoints);
  return (
    <>
      <div class="view-tools">
        <Select
          page={page}
          name="endpoint"
          title="Endpoint"
          all="all"
          options={(known.data?.rows ?? []).map((row) => [row.endpoint, row.endpoint] as const)}
        />
        <LongerThan page={page} />
        <Select page={page} name="status" title="Status" all="all" options={[['error', 'failed']]} />
        <SearchField page={page} what="traces" />
        <FilterChips page={page} names={['version']} />
        <Link
          page={page}
          class="chip quiet"
          to={goTo(
            page.place,
            { page: 'service', service, tab: 'profile' },
            { endpoint, min_duration: slow || '0ms' },
          )}
        >
          Flame graph of these
        </Link>
      </div>
      <AnswerTable
        page={page}
        label={`Traces of ${service}`}
        columns={columns(page)}
        answer={answer}
        standard=""
        none={<NoRequests page={page} what="kept request" agent={agent} />}
        keyOf={(row) => row.trace}
        to={(row) => goTo(page.place, { page: 'service', service, tab: 'traces', id: row.trace })}
      />
    </>
  );
}

function LongerThan({ page }: { page: PageContext }): JSX.Element {
  const set = param(page, 'min_duration');
  const [wrong, setWrong] = useState(false);
  return (
    <label class={set ? 'select set' : 'select'}>
      <span>Longer than</span>
      <input
        class={wrong ? 'short-field wrong' : 'short-field'}
        type="text"
        placeholder="200ms"
        aria-invalid={wrong}
        defaultValue={set}
        key={set}
        onChange={(event) => {
          const text = event.currentTarget.value;
          const duration = checkDuration(text);
          setWrong(text !== '' && duration === null);
          if (text === '' || duration !== null) setParams(page, { min_duration: duration ?? '' });
        }}
      />
    </label>
  );
}
