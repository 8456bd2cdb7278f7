// SPDX-License-Identifier: MIT
// queries-tab.tsx - what is asked of databases: how often, how long, by which endpoints, and what is asked again and again.

import type { JSX } from 'preact';
import { formatInteger, formatSeconds } from '../../lib/quantity.ts';
import { goTo, withParams } from '../../model/address.ts';
import { queries as queriesShape, series as seriesShape } from '../../model/answers.ts';
import type { Query } from '../../model/answers.ts';
import { columnsOf } from '../../model/chart-data.ts';
import { fixed } from '../../model/period.ts';
import { Charts } from './chart.tsx';
import { alarming, BARRED, seconds, WIDE, whole } from './columns.tsx';
import { DataTable, listQuery, SearchField } from './data-table.tsx';
import type { Column } from './data-table.tsx';
import { NoRequests } from './endpoints-tab.tsx';
import { FilterChips } from './filters.tsx';
import { Link } from './link.tsx';
import { instantsShown, param, setParams } from './page.ts';
import type { PageContext } from './page.ts';
import type { TabProps } from './service-view.tsx';
import { Show } from './show.tsx';
import { useAnswer } from './use-answer.ts';
import { useMarks } from './use-marks.ts';

const COLUMNS: readonly Column<Query>[] = [
  {
    key: 'statement',
    title: 'Statement',
    cell: (row) => (
      <span class="statement" title={row.statement}>
        {row.statement || row.summary}
      </span>
    ),
  },
  { key: 'system', title: 'Database', wide: true, cell: (row) => row.system },
  seconds('total_s', 'Total', BARRED),
  whole('count', 'Count'),
  seconds('mean_s', 'Mean', WIDE),
  seconds('p95_s', 'p95'),
  whole('rows', 'Rows', WIDE),
  alarming('errors', 'Errors', 'bad', WIDE),
  alarming('repeats', 'N+1', 'warn', { hint: 'Requests that asked this again and again' }),
];

export function QueriesTab({ page, service, agent }: TabProps): JSX.Element {
  const endpoint = param(page, 'endpoint');
  const query = { service, endpoint, ...listQuery(page, 'total_s') };
  const answer = useAnswer(page, 'queries', query, queriesShape);
  const chosen = param(page, 'statement');
  return (
    <>
      <div class="view-tools">
        <SearchField page={page} what="statements" />
        <FilterChips page={page} names={['endpoint']} />
      </div>
      <Show answer={answer}>
        {({ rows, total }) => {
          const row = rows.find((found) => keyOf(found) === chosen);
          return rows.length === 0 ? (
            <NoRequests page={page} what="statement" agent={agent} />
          ) : (
            <>
              {row && <OneQuery key={chosen} page={page} service={service} row={row} />}
              <DataTable
                page={page}
                label={`Statements of ${service}`}
                columns={COLUMNS}
                rows={rows}
                total={total}
                sorted={param(page, 'sort') || 'total_s'}
                keyOf={keyOf}
                to={(one) => withParams(page.place, { statement: keyOf(one) === chosen ? '' : keyOf(one) })}
                chosen={(one) => keyOf(one) === chosen}
              />
            </>
          );
        }}
      </Show>
    </>
  );
}

function keyOf(row: Query): string {
  return row.fingerprint || row.statement;
}

function OneQuery({ page, service, row }: Omit<TabProps, 'agent'> & { row: Query }): JSX.Element {
  const shown = instantsShown(page);
  const answer = useAnswer(page, 'series', { what: 'queries', service, name: row.statement }, seriesShape);
  const marks = useMarks(page, service);
  return (
    <section class="detail" aria-label="Statement">
      <div class="detail-head">
        <h2>{row.summary || row.system || 'Statement'}</h2>
        <button class="round" aria-label="Close" onClick={() => setParams(page, { statement: '' })}>
          ×
        </button>
      </div>
      <pre class="sql">{row.statement}</pre>
      <div class="plots">
        <Show answer={answer} lines={3}>
          {(data) => (
            <Charts
              title="Over time"
              columns={columnsOf(data, shown, page.now)}
              shown={shown}
              marks={marks}
              theme={page.theme}
              setRange={(range) => setParams(page, fixed(range))}
            />
          )}
        </Show>
        <Askers page={page} service={service} row={row} />
      </div>
    </section>
  );
}

function Askers({ page, service, row }: { page: PageContext; service: string; row: Query }): JSX.Element {
  return (
    <figure class="plot">
      <figcaption>
        <h3>Asked by</h3>
      </figcaption>
      {row.endpoints.length === 0 && <p class="dim">Not from within requests.</p>}
      <table class="small">
        <tbody>
          {row.endpoints.map((asker) => (
            <tr>
              <td>
                {asker.endpoint === '' ? (
                  <span class="dim">outside of requests</span>
                ) : (
                  <Link
                    page={page}
                    to={goTo(
                      page.place,
                      { page: 'service', service, tab: 'endpoints' },
                      { endpoint: asker.endpoint },
                    )}
                  >
                    {asker.endpoint}
                  </Link>
                )}
              </td>
              <td class="number">{formatInteger(asker.count)} ×</td>
              <td class="number">{formatSeconds(asker.total_s)}</td>
              <td class="number">
                {(asker.repeated ?? 0) > 0 && (
                  <span class="is-warn">N+1 in {formatInteger(asker.repeated)}</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}
