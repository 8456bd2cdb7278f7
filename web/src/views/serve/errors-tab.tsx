// SPDX-License-Identifier: MIT
// errors-tab.tsx - exceptions: which, where, how often, in which requests.

import type { JSX } from 'preact';
import { formatAge } from '../../lib/quantity.ts';
import { formatCount } from '../../lib/text.ts';
import { goTo } from '../../model/address.ts';
import { errors } from '../../model/answers.ts';
import type { Failure } from '../../model/answers.ts';
import { AnswerTable, listQuery, SearchField } from './data-table.tsx';
import type { Column } from './data-table.tsx';
import { NoRequests } from './endpoints-tab.tsx';
import { FilterChips } from './filters.tsx';
import { Link } from './link.tsx';
import { instantText, param } from './page.ts';
import type { PageContext } from './page.ts';
import type { TabProps } from './service-view.tsx';
import { useAnswer } from './use-answer.ts';

const ENDPOINTS_SHOWN = 3;

function columns(page: PageContext, service: string): readonly Column<Failure>[] {
  return [
    { key: 'type', title: 'Exception', cell: (row) => <b class="error-type">{row.type}</b> },
    { key: 'where', title: 'Raised in', cell: (row) => <span class="place">{row.where}</span> },
    {
      key: 'endpoints',
      title: 'Requests',
      wide: true,
      cell: (row) => (
        <>
          {row.endpoints.slice(0, ENDPOINTS_SHOWN).map(({ endpoint, count }) => (
            <Link
              page={page}
              class="chip quiet"
              to={goTo(
                page.place,
                { page: 'service', service, tab: 'traces' },
                { endpoint, status: 'error' },
              )}
            >
              {endpoint || 'outside of requests'} {formatCount(count)}
            </Link>
          ))}
          {row.endpoints.length > ENDPOINTS_SHOWN && (
            <span class="dim"> +{row.endpoints.length - ENDPOINTS_SHOWN}</span>
          )}
        </>
      ),
    },
    {
      key: 'handled',
      title: '',
      wide: true,
      cell: (row) =>
        row.handled ? <span class="dim">handled</span> : <span class="is-bad">not handled</span>,
    },
    {
      key: 'last_s',
      title: 'Last',
      number: true,
      sort: true,
      cell: (row) =>
        row.last_s === null ? (
          '–'
        ) : (
          <span title={instantText(page, row.last_s)}>{formatAge(page.now - row.last_s)}</span>
        ),
    },
    {
      key: 'count',
      title: 'Count',
      number: true,
      sort: true,
      cell: (row) => formatCount(row.count),
      bar: (row) => row.count,
    },
  ];
}

export function ErrorsTab({ page, service, agent }: TabProps): JSX.Element {
  const query = { service, endpoint: param(page, 'endpoint'), ...listQuery(page, 'count') };
  const answer = useAnswer(page, 'errors', query, errors);
  return (
    <>
      <div class="view-tools">
        <SearchField page={page} what="exceptions" />
        <FilterChips page={page} names={['endpoint']} />
      </div>
      <AnswerTable
        page={page}
        label={`Exceptions of ${service}`}
        columns={columns(page, service)}
        answer={answer}
        standard="count"
        none={<NoRequests page={page} what="exception" agent={agent} />}
        keyOf={(row) => `${row.type}\0${row.where}\0${row.handled}`}
      />
    </>
  );
}
