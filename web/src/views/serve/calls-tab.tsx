// SPDX-License-Identifier: MIT
// calls-tab.tsx - what requests wait for beside the database: other services, caches, templates, tasks.

import type { JSX } from 'preact';
import { calls } from '../../model/answers.ts';
import type { Call } from '../../model/answers.ts';
import { alarming, BARRED, seconds, WIDE, whole } from './columns.tsx';
import { AnswerTable, listQuery, SearchField } from './data-table.tsx';
import type { Column } from './data-table.tsx';
import { NoRequests } from './endpoints-tab.tsx';
import { param, setParams } from './page.ts';
import type { TabProps } from './service-view.tsx';
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
  seconds('total_s', 'Total', BARRED),
  whole('count', 'Count'),
  seconds('mean_s', 'Mean', WIDE),
  seconds('p95_s', 'p95'),
  seconds('p99_s', 'p99', WIDE),
  seconds('max_s', 'Longest', WIDE),
  alarming('errors', 'Errors', 'bad'),
];

export function CallsTab({ page, service, agent }: TabProps): JSX.Element {
  const wanted = param(page, 'kind');
  const kind: Kind = wanted in KINDS ? (wanted as Kind) : 'outbound';
  // These are not counted by endpoint: that filter does not apply.
  const query = { service, ...listQuery(page, 'total_s') };
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
      </div>
      <AnswerTable
        page={page}
        label={KINDS[kind]}
        columns={COLUMNS}
        answer={answer}
        standard="total_s"
        none={<NoRequests page={page} what={NAMES[kind]} agent={agent} />}
        keyOf={(row) => `${row.name}\0${row.detail}`}
      />
    </>
  );
}
