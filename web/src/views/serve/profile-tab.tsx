// SPDX-License-Identifier: MIT
// profile-tab.tsx - where a service's time goes: CPU over time to choose a range from, and the explorer of what was
// sampled in it, alone or against another time or release.

import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';
import { download, tell } from '../../api/client.ts';
import { profile as profileShape } from '../../api/profiles.ts';
import { formatInstant } from '../../lib/quantity.ts';
import { FILTERS, goTo } from '../../model/address.ts';
import { series as seriesShape, versions as versionsShape } from '../../model/answers.ts';
import { columnsOf, largest } from '../../model/chart-data.ts';
import { baseInstants, BASES, checkPeriod, fixed, instantsOf } from '../../model/period.ts';
import type { Instants } from '../../model/period.ts';
import type { Profile } from '../../model/profile.ts';
import { Icon } from '../icons.tsx';
import { Explored } from './explored.tsx';
import { ProfileFilters, Select } from './filters.tsx';
import { HeatMap } from './heat-map.tsx';
import { Link } from './link.tsx';
import { instantsShown, param, setParams } from './page.ts';
import type { PageContext } from './page.ts';
import { Nothing, Show } from './show.tsx';
import { useAnswer } from './use-answer.ts';
import { useMarks } from './use-marks.ts';

const HEAT_ROWS = 9;
const BY: readonly (readonly [string, string])[] = [
  ['', 'in all'],
  ['thread', 'by thread'],
  ['process', 'by process'],
  ['endpoint', 'by endpoint'],
  ['version', 'by version'],
];
/** Rows of the heat map that can be turned into a filter. */
const FILTER_OF: Record<string, string> = { thread: 'thread', endpoint: 'endpoint', version: 'version' };

export function ProfileTab({ page, service }: { page: PageContext; service: string }): JSX.Element {
  const shown = instantsShown(page);
  const selected = selectionOf(page);
  const filters = Object.fromEntries(FILTERS.map((name) => [name, param(page, name)]));
  const base = useBase(page, service, selected ?? shown);
  const query = {
    service,
    ...filters,
    type: param(page, 'type'),
    min_duration: param(page, 'min_duration'),
    ...(selected ? fixed(selected) : {}),
    ...base.query,
  };
  const answer = useAnswer(page, base.waiting ? null : 'profile', { format: 'json', ...query }, profileShape);
  return (
    <div class="profile-tab">
      <div class="filters">
        <ProfileFilters page={page} service={service} />
        <Select page={page} name="base" title="Compare with" all={null} options={base.options} />
      </div>
      <SlowOnly page={page} />
      <CpuOverTime page={page} service={service} filters={filters} shown={shown} selected={selected}>
        <Boost page={page} service={service} />
        <Save page={page} query={query} service={service} />
      </CpuOverTime>
      <Show answer={answer} lines={14}>
        {(profile) => <Sampled page={page} profile={profile} service={service} />}
      </Show>
    </div>
  );
}

/** Inside of the range that is shown: "FROM-TO". */
function selectionOf(page: PageContext): Instants | null {
  const [from, to] = param(page, 'sel').split('-');
  if (!from || !to) return null;
  const period = checkPeriod(from, to);
  return period.from === from ? instantsOf(period, page.now) : null;
}

const VERSIONS_FROM = '30d';
const VERSION = 'v:';

/** What the profile is compared with. A release is looked for further back than what is shown. */
function useBase(page: PageContext, service: string, shown: Instants) {
  const chosen = param(page, 'base');
  const known = useAnswer(page, 'versions', { service, from: VERSIONS_FROM, to: 'now' }, versionsShape);
  const rows = known.data?.rows.filter((row) => row.version !== '') ?? [];
  const options = [
    ...BASES,
    ...rows.map((row) => [VERSION + row.version, `release ${row.version}`] as const),
  ];
  const query: Record<string, string> = {};
  const then = baseInstants(chosen, shown);
  if (then) Object.assign(query, { base_from: fixed(then).from, base_to: fixed(then).to });
  else if (chosen.startsWith(VERSION)) {
    const row = rows.find(({ version }) => VERSION + version === chosen);
    query['base_version'] = chosen.slice(VERSION.length);
    if (row?.first_s != null && row.last_s != null) {
      const life = fixed({ from: row.first_s, to: row.last_s });
      Object.assign(query, { base_from: life.from, base_to: life.to });
    }
  }
  return { options, query, waiting: chosen.startsWith(VERSION) && known.data === null && known.loading };
}

interface TimeProps {
  readonly page: PageContext;
  readonly service: string;
  readonly filters: Record<string, string>;
  readonly shown: Instants;
  readonly selected: Instants | null;
  /** What can be done with it. */
  readonly children: ComponentChildren;
}

function CpuOverTime({ page, service, filters, shown, selected, children }: TimeProps): JSX.Element {
  const by = param(page, 'by');
  const answer = useAnswer(
    page,
    'series',
    { what: 'cpu', by: by || 'none', service, ...filters },
    seriesShape,
  );
  const marks = useMarks(page, service);
  const filter = FILTER_OF[by];
  const select = (range: Instants | null): void =>
    setParams(page, { sel: range ? `${fixed(range).from}-${fixed(range).to}` : '' }, false);
  return (
    <section class="over-time" aria-label="CPU over time">
      <div class="over-time-head">
        <h2>CPU</h2>
        <Select page={page} name="by" title="" all={null} options={BY} />
        {selected ? (
          <span class="selection">
            <button
              class="chip"
              onClick={() => setParams(page, { sel: '' })}
              title="Clear the range (Escape)"
            >
              {formatInstant(selected.from, page.now)} – {formatInstant(selected.to, page.now)}{' '}
              <Icon name="close" />
            </button>
            <button class="chip quiet" onClick={() => setParams(page, { ...fixed(selected), sel: '' })}>
              Zoom in
            </button>
          </span>
        ) : (
          <span class="dim only-wide">drag to choose a range</span>
        )}
        <span class="over-time-tools">{children}</span>
      </div>
      <Show answer={answer} lines={2}>
        {(series) =>
          series.times_s.length === 0 || series.series.length === 0 ? (
            <p class="dim">No CPU time was seen here.</p>
          ) : (
            <HeatMap
              columns={largest(columnsOf(series, shown, page.now), HEAT_ROWS)}
              step={series.step_s}
              shown={shown}
              selected={selected}
              marks={marks}
              theme={page.theme}
              choose={filter ? (name) => setParams(page, { [filter]: name, by: '' }) : null}
              select={select}
            />
          )
        }
      </Show>
    </section>
  );
}

function Sampled({
  page,
  profile,
  service,
}: {
  page: PageContext;
  profile: Profile;
  service: string;
}): JSX.Element {
  if (profile.samples.count.length > 0 || profile.base) return <Explored page={page} profile={profile} />;
  return (
    <Nothing title="No samples here">
      {param(page, 'min_duration')
        ? 'No kept request was that slow in this time, or none of them was sampled.'
        : `Nothing of ${service} ran in this time with these filters. Choose a longer range, or take filters away.`}
    </Nothing>
  );
}

function SlowOnly({ page }: { page: PageContext }): JSX.Element | null {
  const slow = param(page, 'min_duration');
  if (slow === '') return null;
  const endpoint = param(page, 'endpoint');
  return (
    <div class="selection">
      <button class="chip" onClick={() => setParams(page, { min_duration: '' })} title="Show all samples">
        only kept requests of {slow} or more <Icon name="close" />
      </button>
      <Link
        page={page}
        class="chip quiet"
        to={goTo(
          page.place,
          { page: 'service', service: page.place.service, tab: 'traces' },
          { min_duration: slow, endpoint },
        )}
      >
        Their traces
      </Link>
    </div>
  );
}

const BOOST_HZ = 1000;
const BOOST_S = 30;

function Boost({ page, service }: { page: PageContext; service: string }): JSX.Element | null {
  const [busy, setBusy] = useState(false);
  if (!page.status) return null;
  const boost = async (): Promise<void> => {
    setBusy(true);
    try {
      await tell('boost', { service, rate_hz: BOOST_HZ, seconds: BOOST_S });
      page.say(`${service} is sampled at 1 kHz for ${BOOST_S} s`);
    } catch (reason) {
      page.say(reason instanceof Error ? reason.message : String(reason));
    }
    setBusy(false);
  };
  return (
    <button
      class="toggle"
      disabled={busy}
      onClick={() => void boost()}
      title="Samples this service at 1 kHz for 30 seconds"
    >
      Boost
    </button>
  );
}

const FORMATS: readonly (readonly [string, string, string])[] = [
  ['pprof', 'pprof', 'pb.gz'],
  ['html', 'one page', 'html'],
  ['flamegraph', 'SVG', 'svg'],
  ['speedscope', 'speedscope', 'speedscope.json'],
  ['folded', 'folded', 'folded'],
];

function Save({
  page,
  query,
  service,
}: {
  page: PageContext;
  query: Record<string, string>;
  service: string;
}): JSX.Element {
  const shown = fixed(instantsShown(page));
  const save = (format: string): void => {
    const row = FORMATS.find(([name]) => name === format);
    if (!row) return;
    const name = `${service.replace(/[^\w.-]+/g, '_')}.${row[2]}`;
    download('profile', { ...shown, ...query, format }, name).catch((reason: unknown) =>
      page.say(reason instanceof Error ? reason.message : String(reason)),
    );
  };
  return (
    <label class="select save">
      <span class="offscreen">Save as</span>
      <select
        value=""
        onChange={(event) => {
          save(event.currentTarget.value);
          event.currentTarget.value = '';
        }}
      >
        <option value="">Save as …</option>
        {FORMATS.map(([format, title]) => (
          <option value={format}>{title}</option>
        ))}
      </select>
    </label>
  );
}
