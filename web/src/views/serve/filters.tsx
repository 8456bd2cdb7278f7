// SPDX-License-Identifier: MIT
// filters.tsx - which part of a service: version, endpoint, thread, process, and what a sample means.

import type { JSX } from 'preact';
import { withParams } from '../../model/address.ts';
import type { Filter } from '../../model/address.ts';
import { endpoints, processes, threads, versions } from '../../model/answers.ts';
import { Icon } from '../icons.tsx';
import { param, setParams } from './page.ts';
import type { PageContext } from './page.ts';
import { useAnswer } from './use-answer.ts';

export const TYPES: readonly (readonly [string, string])[] = [
  ['', 'CPU'],
  ['wall', 'wall clock'],
  ['gil', 'GIL'],
  ['alloc', 'allocations'],
];

type Options = readonly (readonly [string, string])[];

export function Select({
  page,
  name,
  title,
  all,
  options,
}: {
  page: PageContext;
  name: string;
  title: string;
  all: string | null;
  options: Options;
}): JSX.Element {
  const value = param(page, name);
  const known = value === '' || options.some(([option]) => option === value);
  return (
    <label class={value ? 'select set' : 'select'}>
      <span>{title}</span>
      <select
        value={value}
        aria-label={title || name}
        onChange={(event) => setParams(page, { [name]: event.currentTarget.value })}
      >
        {all !== null && <option value="">{all}</option>}
        {!known && <option value={value}>{value}</option>}
        {options.map(([option, text]) => (
          <option value={option}>{text}</option>
        ))}
      </select>
    </label>
  );
}

const SHORT = 48;
const short = (text: string): string => (text.length > SHORT ? `${text.slice(0, SHORT - 1)}…` : text);

export function ProfileFilters({ page, service }: { page: PageContext; service: string }): JSX.Element {
  const ofService = { service, limit: 0 };
  const known = {
    endpoint: useAnswer(page, 'endpoints', ofService, endpoints).data?.rows.map((row) => row.endpoint),
    version: useAnswer(page, 'versions', { service }, versions).data?.rows.map((row) => row.version),
    thread: useAnswer(page, 'threads', ofService, threads).data?.rows.map((row) => row.thread),
  };
  const running = useAnswer(page, 'processes', ofService, processes).data?.rows ?? [];
  return (
    <>
      <Select page={page} name="type" title="Samples" all={null} options={TYPES} />
      {(['endpoint', 'version', 'thread'] as const).map((name) => (
        <Select
          page={page}
          name={name}
          title={name[0]!.toUpperCase() + name.slice(1)}
          all="all"
          options={namesOf(known[name] ?? [])}
        />
      ))}
      <Select
        page={page}
        name="pid"
        title="Process"
        all="all"
        options={running.map((row) => [
          String(row.pid),
          `${row.pid}${row.ended_s === null ? '' : ' (ended)'}`,
        ])}
      />
    </>
  );
}

function namesOf(list: readonly string[]): Options {
  return [...new Set(list)].filter((name) => name !== '').map((name) => [name, short(name)]);
}

/** Filters in effect where they have no fields of their own. */
export function FilterChips({
  page,
  names,
}: {
  page: PageContext;
  names: readonly Filter[];
}): JSX.Element | null {
  const set = names.filter((name) => param(page, name) !== '');
  if (set.length === 0) return null;
  return (
    <span class="selection">
      {set.map((name) => (
        <button
          class="chip"
          title={`Show every ${name}`}
          onClick={() => page.go(withParams(page.place, { [name]: '' }), true)}
        >
          {name}: {short(param(page, name))} <Icon name="close" />
        </button>
      ))}
    </span>
  );
}
