// SPDX-License-Identifier: MIT
// table-view.tsx - all functions, sorted and filtered. Only the rows on screen exist in the document.

import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { formatCount, formatPoints, formatShare } from '../lib/text.ts';
import { changeOf } from '../model/change.ts';
import type { Func } from '../model/profile.ts';
import { functionRows } from '../model/table.ts';
import type { TableRow } from '../model/table.ts';
import { formatWeight } from '../model/units.ts';
import type { ViewState } from '../model/view-state.ts';
import type { Actions } from './actions.ts';
import type { Analysis } from './use-analysis.ts';

interface Props {
  readonly analysis: Analysis;
  readonly state: ViewState;
  readonly actions: Actions;
  readonly compact?: boolean;
}

type SortKey = 'self' | 'total' | 'change' | 'name' | 'file' | 'module';
const ROW_PX = 28;
const SPARE_ROWS = 8;
const CHANGES = ['all', 'changed', 'new', 'gone'] as const;

interface Column {
  readonly key: SortKey;
  readonly title: string;
  readonly number: boolean;
  readonly help: string;
}

const COLUMNS: readonly Column[] = [
  { key: 'self', title: 'Self', number: true, help: 'Share of samples in which it was the innermost' },
  {
    key: 'total',
    title: 'Total',
    number: true,
    help: 'Share of samples in which it was anywhere on the stack',
  },
  { key: 'change', title: 'Change', number: true, help: 'Change of its total share, in percentage points' },
  { key: 'name', title: 'Function', number: false, help: '' },
  { key: 'file', title: 'File', number: false, help: '' },
  { key: 'module', title: 'Module', number: false, help: '' },
];

export function TableView({ analysis, state, actions, compact = false }: Props): JSX.Element {
  const { profile, calls, entries, matches, weights } = analysis;
  const differs = calls.baseTotal !== null;
  const [sort, setSort] = useState<{ key: SortKey; down: boolean }>({
    key: differs ? 'change' : 'self',
    down: true,
  });
  const [only, setOnly] = useState<(typeof CHANGES)[number]>('all');
  const [active, setActive] = useState(0);
  const sum = calls.total[0] || 1;
  const all = useMemo(() => functionRows(calls, entries, profile.functions.length), [calls, entries]);
  const rows = useMemo(() => {
    const noisy = (row: TableRow): boolean =>
      changeOf(row.total / sum, row.baseTotal / sum, weights.evidence, weights.baseEvidence).noise;
    const wanted = (row: TableRow): boolean =>
      (!matches || matches[row.func] === 1) &&
      (only === 'all' ||
        (only === 'new' ? row.baseTotal === 0 : only === 'gone' ? row.total === 0 : !noisy(row)));
    return all.filter(wanted).sort(comparer(profile.functions, sort.key, sort.down));
  }, [all, matches, only, sort.key, sort.down]);
  const columns = COLUMNS.filter(
    (c) => (c.key !== 'change' || differs) && !(compact && (c.key === 'module' || c.key === 'file')),
  );
  const sortBy = (key: SortKey, number: boolean): void =>
    setSort({ key, down: sort.key === key ? !sort.down : number });

  return (
    <div class={compact ? 'table-view compact' : 'table-view'}>
      <div class="table-note">
        {formatCount(rows.length)} of {formatCount(all.length)} functions
        {differs && (
          <span class="choice" role="group" aria-label="Show only">
            {CHANGES.map((name) => (
              <button aria-pressed={only === name} onClick={() => setOnly(name)}>
                {name}
              </button>
            ))}
          </span>
        )}
      </div>
      <Rows
        rows={rows}
        columns={columns}
        sort={sort}
        sortBy={sortBy}
        active={active}
        setActive={setActive}
        focus={state.focus}
        choose={(row) => actions.sandwich(row.func)}
        cell={(row, key) => (
          <Cell
            row={row}
            column={key}
            functions={profile.functions}
            sum={sum}
            metric={state.metric}
            weights={weights}
          />
        )}
        functions={profile.functions}
      />
    </div>
  );
}

function comparer(
  functions: readonly Func[],
  key: SortKey,
  down: boolean,
): (a: TableRow, b: TableRow) => number {
  const sign = down ? -1 : 1;
  const text = (row: TableRow): string => {
    const func = functions[row.func];
    return key === 'name' ? func.name : key === 'file' ? func.file : func.module;
  };
  const number = (row: TableRow): number =>
    key === 'self' ? row.self : key === 'total' ? row.total : Math.abs(row.total - row.baseTotal);
  const ties = (a: TableRow, b: TableRow): number => b.total - a.total || a.func - b.func;
  if (key === 'self' || key === 'total' || key === 'change')
    return (a, b) => sign * (number(a) - number(b)) || ties(a, b);
  return (a, b) => sign * (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0) || ties(a, b);
}

interface CellProps {
  readonly row: TableRow;
  readonly column: SortKey;
  readonly functions: readonly Func[];
  readonly sum: number;
  readonly metric: ViewState['metric'];
  readonly weights: Analysis['weights'];
}

function Cell({ row, column, functions, sum, metric, weights }: CellProps): JSX.Element {
  const func = functions[row.func];
  if (column === 'self' || column === 'total') {
    const weight = column === 'self' ? row.self : row.total;
    return (
      <td class="number share" title={formatWeight(metric, weight)}>
        <span class={`bar bar-${column}`} style={{ width: `${Math.min(100, (weight / sum) * 100)}%` }} />
        <span>{formatShare(weight / sum)}</span>
      </td>
    );
  }
  if (column === 'change') {
    const { delta, noise } = changeOf(
      row.total / sum,
      row.baseTotal / sum,
      weights.evidence,
      weights.baseEvidence,
    );
    const word = row.baseTotal === 0 ? ' new' : row.total === 0 ? ' gone' : '';
    return (
      <td
        class={`number change ${noise ? 'noise' : delta > 0 ? 'more' : 'less'}`}
        title={noise ? 'within noise' : ''}
      >
        {formatPoints(delta)}
        {word && <em>{word}</em>}
      </td>
    );
  }
  const text =
    column === 'name'
      ? func.name
      : column === 'file'
        ? func.firstLine > 0 && func.file
          ? `${func.file}:${func.firstLine}`
          : func.file
        : func.module;
  return (
    <td class={`text ${column}`} title={text}>
      {text}
    </td>
  );
}

interface RowsProps {
  readonly rows: readonly TableRow[];
  readonly columns: readonly Column[];
  readonly sort: { key: SortKey; down: boolean };
  readonly functions: readonly Func[];
  readonly active: number;
  readonly focus: number;
  sortBy(key: SortKey, number: boolean): void;
  setActive(index: number): void;
  choose(row: TableRow): void;
  cell(row: TableRow, key: SortKey): JSX.Element;
}

function Rows({
  rows,
  columns,
  sort,
  sortBy,
  active,
  setActive,
  choose,
  cell,
  functions,
  focus,
}: RowsProps): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  useEffect(() => {
    const watch = new ResizeObserver(() => setHeight(scroller.current?.clientHeight ?? 600));
    watch.observe(scroller.current!);
    return () => watch.disconnect();
  }, []);
  const first = Math.max(0, Math.floor(top / ROW_PX) - SPARE_ROWS);
  const last = Math.min(rows.length, Math.ceil((top + height) / ROW_PX) + SPARE_ROWS);
  const go = (index: number): void => {
    const to = Math.max(0, Math.min(rows.length - 1, index));
    setActive(to);
    const view = scroller.current!;
    const y = to * ROW_PX;
    if (y < view.scrollTop) view.scrollTop = y;
    else if (y + 2 * ROW_PX > view.scrollTop + view.clientHeight)
      view.scrollTop = y + 2 * ROW_PX - view.clientHeight;
  };
  const keys = (event: KeyboardEvent): void => {
    const page = Math.floor(height / ROW_PX) - 2;
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -rows.length,
      End: rows.length,
    };
    if (event.target !== event.currentTarget) return;
    if (event.key in steps) go(active + steps[event.key]!);
    else if (event.key === 'Enter' && rows[active]) choose(rows[active]);
    else return;
    event.preventDefault();
  };
  return (
    <div
      class="table-scroll"
      ref={scroller}
      tabIndex={0}
      onScroll={() => setTop(scroller.current!.scrollTop)}
      onKeyDown={keys}
      aria-label="Functions. Arrow keys move, Enter shows callers and callees."
    >
      <table aria-rowcount={rows.length + 1}>
        <thead>
          <tr>
            {columns.map((c) => (
              <th
                class={c.number ? `number ${c.key}` : `text ${c.key}`}
                aria-sort={sort.key === c.key ? (sort.down ? 'descending' : 'ascending') : 'none'}
                title={c.help}
              >
                <button onClick={() => sortBy(c.key, c.number)}>
                  {c.title}
                  <span class="sort-mark" aria-hidden="true">
                    {sort.key === c.key ? (sort.down ? '▾' : '▴') : ''}
                  </span>
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <tr class="filler" style={{ height: `${first * ROW_PX}px` }} />}
          {rows.slice(first, last).map((row, i) => (
            <tr
              key={row.func}
              aria-rowindex={first + i + 2}
              class={`${first + i === active ? 'active' : ''} ${focus !== 0 && functions[row.func].hash === focus ? 'chosen' : ''}`}
              onClick={() => {
                setActive(first + i);
                choose(row);
              }}
            >
              {columns.map((c) => cell(row, c.key))}
            </tr>
          ))}
          {last < rows.length && (
            <tr class="filler" style={{ height: `${(rows.length - last) * ROW_PX}px` }} />
          )}
        </tbody>
      </table>
      {rows.length === 0 && <p class="table-empty">No function matches.</p>}
    </div>
  );
}
