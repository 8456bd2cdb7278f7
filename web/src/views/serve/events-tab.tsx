// SPDX-License-Identifier: MIT
// events-tab.tsx - what happened: starts, exits, releases, alerts, what was dropped; and a form that marks a release.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { tell } from '../../api/client.ts';
import { formatAge } from '../../lib/quantity.ts';
import { goTo } from '../../model/address.ts';
import { events } from '../../model/answers.ts';
import type { Event } from '../../model/answers.ts';
import { DataTable, SearchField } from './data-table.tsx';
import type { Column } from './data-table.tsx';
import { Select } from './filters.tsx';
import { Link } from './link.tsx';
import { instantText, param } from './page.ts';
import type { PageContext } from './page.ts';
import { Nothing, Show } from './show.tsx';
import { useAnswer } from './use-answer.ts';

const KINDS: readonly (readonly [string, string])[] = [
  ['deploy', 'releases'],
  ['start', 'starts'],
  ['exit', 'exits'],
  ['rate', 'sampling rate'],
  ['boost', 'boosts'],
  ['alert', 'alerts'],
  ['drop', 'drops'],
  ['damage', 'damage'],
];
const LIMIT = '500';

function columns(page: PageContext, service: string): readonly Column<Event>[] {
  const all: (Column<Event> | null)[] = [
    {
      key: 'at_s',
      title: 'When',
      cell: (row) => (
        <span class="when" title={formatAge(page.now - row.at_s)}>
          {instantText(page, row.at_s)}
        </span>
      ),
    },
    {
      key: 'kind',
      title: 'What',
      cell: (row) => <b class={`event event-${row.kind.replace(/\W/g, '')}`}>{row.kind}</b>,
    },
    service !== ''
      ? null
      : {
          key: 'service',
          title: 'Service',
          cell: (row) =>
            row.service === '' ? (
              ''
            ) : (
              <Link page={page} to={goTo(page.place, { page: 'service', service: row.service })}>
                {row.service}
              </Link>
            ),
        },
    { key: 'text', title: '', cell: (row) => <span class="event-text">{row.text}</span> },
    { key: 'version', title: 'Version', wide: true, cell: (row) => row.version },
    { key: 'pid', title: 'Process', number: true, wide: true, cell: (row) => row.pid || '' },
    { key: 'host', title: 'Host', wide: true, cell: (row) => row.host },
  ];
  return all.filter((column) => column !== null);
}

/** service "": of all. */
export function EventsTab({ page, service }: { page: PageContext; service: string }): JSX.Element {
  const query = { service, kind: param(page, 'kind'), search: param(page, 'search'), limit: LIMIT };
  const answer = useAnswer(page, 'events', query, events);
  return (
    <>
      <div class="view-tools">
        <Select page={page} name="kind" title="Only" all="everything" options={KINDS} />
        <SearchField page={page} what="events" />
        {service !== '' && page.status && <MarkRelease page={page} service={service} />}
      </div>
      <Show answer={answer}>
        {({ rows, total }) =>
          rows.length === 0 ? (
            <Nothing title="Nothing happened in this time" />
          ) : (
            <DataTable
              page={page}
              label="Events"
              columns={columns(page, service)}
              rows={[...rows].sort((a, b) => b.at_s - a.at_s)}
              total={total}
              sorted="at_s"
              keyOf={(row) => `${row.at_s} ${row.kind} ${row.pid} ${row.text}`}
            />
          )
        }
      </Show>
    </>
  );
}

function MarkRelease({ page, service }: { page: PageContext; service: string }): JSX.Element {
  const [version, setVersion] = useState('');
  const send = async (): Promise<void> => {
    try {
      await tell('deploys', { service, version, text: 'marked on the page' });
      page.say(`Marked the release of ${version}`);
      setVersion('');
    } catch (reason) {
      page.say(reason instanceof Error ? reason.message : String(reason));
    }
  };
  return (
    <form
      class="select"
      onSubmit={(event) => {
        event.preventDefault();
        if (version !== '') void send();
      }}
    >
      <label class="offscreen" for="release">
        Version that was released
      </label>
      <input
        id="release"
        class="short-field"
        type="text"
        placeholder="version"
        maxLength={200}
        value={version}
        onInput={(event) => setVersion(event.currentTarget.value)}
      />
      <button class="toggle" type="submit" disabled={version === ''}>
        Mark a release
      </button>
    </form>
  );
}
