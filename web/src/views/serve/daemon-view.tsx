// SPDX-License-Identifier: MIT
// daemon-view.tsx - pitviper itself: what it costs, what it keeps, what it could not do.

import type { JSX } from 'preact';
import { formatAge, formatBytes, formatInteger, formatNumber, formatPart } from '../../lib/quantity.ts';
import { status as statusShape } from '../../model/answers.ts';
import type { Status } from '../../model/answers.ts';
import { Card } from '../card.tsx';
import type { Fact } from '../card.tsx';
import { instantText } from './page.ts';
import type { PageContext } from './page.ts';
import { Show } from './show.tsx';
import { useAnswer } from './use-answer.ts';

export function DaemonView({ page }: { page: PageContext }): JSX.Element {
  const answer = useAnswer(page, 'status', { from: '', to: '' }, statusShape);
  return (
    <div class="view">
      <div class="view-head">
        <h1>pitviper</h1>
      </div>
      <Show answer={answer}>{(status) => <Cards page={page} status={page.status ?? status} />}</Show>
    </div>
  );
}

function Cards({ page, status }: { page: PageContext; status: Status }): JSX.Element {
  const { store } = status;
  const over = status.cores !== null && status.budget_cores !== null && status.cores > status.budget_cores;
  const rounds = (status.samples ?? 0) + (status.late ?? 0);
  const cost: Fact[] = [
    ['CPU', <span class={over ? 'is-warn' : ''}>{formatPart(status.cores)} of a core</span>],
    ['Budget', `${formatPart(status.budget_cores)} of a core`],
    ['Memory', formatBytes(status.rss_bytes)],
    ['Samples at', status.rate_hz === null ? '–' : `${formatNumber(status.rate_hz)} Hz`],
  ];
  const work: Fact[] = [
    ['Processes', formatInteger(status.processes)],
    ['Samples', formatInteger(status.samples)],
    [
      'Late',
      `${formatInteger(status.late)}${rounds > 0 && status.late ? ` (${formatPart(status.late / rounds)})` : ''}`,
    ],
    ['Lost', formatInteger(status.lost)],
  ];
  const kept: Fact[] = store
    ? [
        ['On disk', formatBytes(store.bytes)],
        ['Budget', store.budget_bytes ? formatBytes(store.budget_bytes) : 'none'],
        ['Files', formatInteger(store.files)],
        ['Damaged', `${formatInteger(store.damaged_windows)} windows`],
        ['State', store.failing ? <span class="is-bad">cannot write: {store.reason}</span> : 'well'],
      ]
    : [];
  const about: Fact[] = [
    ['Version', status.version],
    ['Host', status.host],
    [
      'Started',
      <span title={instantText(page, status.started_s)}>
        {status.started_s === null ? '–' : formatAge(page.now - status.started_s)}
      </span>,
    ],
  ];
  return (
    <div class="cards">
      {status.warnings.length > 0 && (
        <section class="card troubles">
          <h2>What it could not do</h2>
          <ul>
            {status.warnings.map((warning) => (
              <li>{warning}</li>
            ))}
          </ul>
        </section>
      )}
      <Card title="What it costs" facts={cost} />
      <Card title="What it does" facts={work} />
      {store && <Card title="What it keeps" facts={kept} />}
      <Card
        title="About"
        facts={about}
        below={
          <p class="dim">
            <a href="metrics">/metrics</a> for Prometheus · <a href="api/v1/openapi.json">the API</a>
          </p>
        }
      />
    </div>
  );
}
