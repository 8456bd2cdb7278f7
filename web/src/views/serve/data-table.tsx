// SPDX-License-Identifier: MIT
// data-table.tsx - rows of an answer: sorted and searched by the server, so that what is beyond the limit counts too.

import type { ComponentChildren, JSX } from 'preact';
import { formatCount } from '../../lib/text.ts';
import { withParams } from '../../model/address.ts';
import type { Place } from '../../model/address.ts';
import { Icon } from '../icons.tsx';
import { Link } from './link.tsx';
import { param, setParams } from './page.ts';
import type { PageContext } from './page.ts';
import { Show } from './show.tsx';
import type { Answer } from './use-answer.ts';

export interface Column<R> {
  readonly key: string;
  readonly title: string;
  readonly hint?: string;
  readonly number?: boolean;
  /** The server can sort by it; the first column that it is true for is the standard. */
  readonly sort?: boolean;
  /** Left out on narrow screens. */
  readonly wide?: boolean;
  cell(row: R): ComponentChildren;
  /** A bar behind the number: its share of the largest. */
  bar?(row: R): number | null;
}

interface Props<R> {
  readonly page: PageContext;
  readonly label: string;
  readonly columns: readonly Column<R>[];
  readonly rows: readonly R[];
  readonly total: number | null;
  readonly sorted: string;
  keyOf(row: R): string;
  /** Where the row's first cell leads. */
  to?(row: R): Place;
  chosen?(row: R): boolean;
}

export const PAGE_SIZE = 100;

export function DataTable<R>(props: Props<R>): JSX.Element {
  const { page, columns, rows, total } = props;
  const peaks = columns.map((column) =>
    column.bar ? rows.reduce((most, row) => Math.max(most, column.bar!(row) ?? 0), 0) : 0,
  );
  const hidden = total === null ? 0 : total - rows.length;
  return (
    <div class="data-table">
      <table aria-label={props.label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.key} page={page} column={column} sorted={props.sorted} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Line key={props.keyOf(row)} {...props} row={row} peaks={peaks} />
          ))}
        </tbody>
      </table>
      {hidden > 0 && (
        <p class="more">
          {formatCount(hidden)} more of {formatCount(total!)}, all smaller.{' '}
          <Link page={page} to={withParams(page.place, { limit: '0' })}>
            Show all
          </Link>
        </p>
      )}
    </div>
  );
}

interface AnswerProps<R> extends Omit<Props<R>, 'rows' | 'total' | 'sorted'> {
  readonly answer: Answer<{ readonly rows: readonly R[]; readonly total: number | null }>;
  /** What it is sorted by unless the address says otherwise. */
  readonly standard: string;
  /** Instead of a table without rows. */
  readonly none: ComponentChildren;
}

/** A list as it was answered. */
export function AnswerTable<R>({ answer, standard, none, ...rest }: AnswerProps<R>): JSX.Element {
  const sorted = param(rest.page, 'sort') || standard;
  return (
    <Show answer={answer}>
      {({ rows, total }) =>
        rows.length === 0 ? none : <DataTable {...rest} rows={rows} total={total} sorted={sorted} />
      }
    </Show>
  );
}

function Line<R>(props: Props<R> & { row: R; peaks: readonly number[] }): JSX.Element {
  const { page, columns, row, peaks, to, chosen } = props;
  const place = to?.(row);
  const classes = [place && 'linked', chosen?.(row) && 'chosen'].filter(Boolean).join(' ');
  return (
    <tr
      class={classes}
      onClick={(event) => {
        const inside = (event.target as Element).closest('a, button, summary, pre');
        if (place && !inside && getSelection()?.isCollapsed !== false) page.go(place, true);
      }}
    >
      {columns.map((column, i) => {
        const share = column.bar && peaks[i] > 0 ? (column.bar(row) ?? 0) / peaks[i] : 0;
        const content = column.cell(row);
        return (
          <td class={cellClass(column)}>
            {share > 0 && <span class="bar bar-total" style={{ width: `${100 * share}%` }} />}
            {i === 0 && place ? (
              <Link page={page} to={place} class="row-link">
                {content}
              </Link>
            ) : (
              <span>{content}</span>
            )}
          </td>
        );
      })}
    </tr>
  );
}

function cellClass<R>(column: Column<R>): string {
  return [column.number ? 'number' : 'words', column.wide ? 'wide' : ''].join(' ').trim();
}

function Head<R>({
  page,
  column,
  sorted,
}: {
  page: PageContext;
  column: Column<R>;
  sorted: string;
}): JSX.Element {
  const active = column.key === sorted;
  return (
    <th
      class={cellClass(column)}
      title={column.hint}
      scope="col"
      aria-sort={active ? 'descending' : undefined}
    >
      {column.sort ? (
        <button onClick={() => setParams(page, { sort: column.key })}>
          {column.title}
          {active && <span aria-hidden="true"> ▾</span>}
        </button>
      ) : (
        <span>{column.title}</span>
      )}
    </th>
  );
}

/** What the list is asked with: the address says it, so that a link shows the same rows. */
export function listQuery(page: PageContext, sorted: string): Record<string, string> {
  return {
    sort: param(page, 'sort') || sorted,
    search: param(page, 'search'),
    limit: param(page, 'limit') === '0' ? '0' : String(PAGE_SIZE),
  };
}

export function SearchField({ page, what }: { page: PageContext; what: string }): JSX.Element {
  return (
    <label class="search">
      <Icon name="search" />
      <input
        id="search"
        type="search"
        placeholder={`Search ${what}  ( / )`}
        aria-label={`Search ${what}`}
        spellcheck={false}
        autocomplete="off"
        value={param(page, 'search')}
        onInput={(event) => setParams(page, { search: event.currentTarget.value }, false)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          setParams(page, { search: '' }, false);
          event.currentTarget.blur();
        }}
      />
    </label>
  );
}
