// SPDX-License-Identifier: MIT
// service-view.tsx - one service: its figures in a line, and a tab for each question.

import type { JSX } from 'preact';
import { formatBytes, formatCores, formatPart, formatRate, formatSeconds } from '../../lib/quantity.ts';
import { goTo, TABS } from '../../model/address.ts';
import type { Tab } from '../../model/address.ts';
import { services } from '../../model/answers.ts';
import type { Service } from '../../model/answers.ts';
import { healthOf, versionsText } from '../../model/health.ts';
import { CallsTab } from './calls-tab.tsx';
import { EndpointsTab } from './endpoints-tab.tsx';
import { ErrorsTab } from './errors-tab.tsx';
import { EventsTab } from './events-tab.tsx';
import { Link } from './link.tsx';
import { instantsShown } from './page.ts';
import type { PageContext } from './page.ts';
import { ProcessesTab } from './processes-tab.tsx';
import { ProfileTab } from './profile-tab.tsx';
import { QueriesTab } from './queries-tab.tsx';
import { RuntimeTab } from './runtime-tab.tsx';
import { TraceView } from './trace-view.tsx';
import { TracesTab } from './traces-tab.tsx';
import { useAnswer } from './use-answer.ts';

export const TAB_TITLES: Record<Tab, string> = {
  profile: 'Profile',
  endpoints: 'Endpoints',
  queries: 'Queries',
  calls: 'Calls',
  traces: 'Traces',
  errors: 'Errors',
  runtime: 'Runtime',
  processes: 'Processes',
  events: 'Events',
};

export interface TabProps {
  readonly page: PageContext;
  readonly service: string;
  /** null: not known yet. */
  readonly agent: boolean | null;
}

const TAB_VIEWS: Record<Tab, (props: TabProps) => JSX.Element> = {
  profile: ProfileTab,
  endpoints: EndpointsTab,
  queries: QueriesTab,
  calls: CallsTab,
  traces: TracesTab,
  errors: ErrorsTab,
  runtime: RuntimeTab,
  processes: ProcessesTab,
  events: EventsTab,
};

export function ServiceView({ page }: { page: PageContext }): JSX.Element {
  const { service, tab, id } = page.place;
  const answer = useAnswer(page, 'services', { service }, services);
  const row = answer.data?.rows.find((found) => found.service === service);
  const agent = row ? row.has_agent : null;
  const View = TAB_VIEWS[tab];
  return (
    <div class={`view service-view tab-${tab}`}>
      <div class="view-head">
        <h1 title={service}>{service}</h1>
        {row && <Figures page={page} row={row} />}
      </div>
      <nav class="service-tabs" aria-label={`Of ${service}`}>
        {TABS.map((name) => (
          <Link
            key={name}
            page={page}
            to={goTo(page.place, { page: 'service', service, tab: name })}
            current={name === tab}
          >
            {TAB_TITLES[name]}
          </Link>
        ))}
      </nav>
      {tab === 'traces' && id !== '' ? (
        <TraceView key={id} page={page} service={service} agent={agent} />
      ) : (
        <View key={tab} page={page} service={service} agent={agent} />
      )}
    </div>
  );
}

function Figures({ page, row }: { page: PageContext; row: Service }): JSX.Element {
  const health = healthOf(row, instantsShown(page).to);
  const figures: [string, string][] = [
    ['cores', formatCores(row.cores)],
    ['memory', formatBytes(row.rss_bytes)],
    ['processes', String(row.processes)],
  ];
  if (row.has_agent)
    figures.push(
      ['requests', formatRate(row.rate)],
      ['p95', formatSeconds(row.p95_s)],
      ['errors', formatPart(row.error_rate)],
    );
  const version = versionsText(row.versions);
  if (version !== '–') figures.push(['version', version]);
  return (
    <dl class="figures">
      <div class={`is-${health.level}`}>
        <dt class="offscreen">health</dt>
        <dd>
          <i class={`dot dot-${health.level}`} /> {health.text}
        </dd>
      </div>
      {figures.map(([name, value]) => (
        <div>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
