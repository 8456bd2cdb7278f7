// SPDX-License-Identifier: MIT
// heat-map.tsx - CPU over time, one row for each thread, process, endpoint or version. Dragging over it chooses a range;
// a row's name chooses what the row is of.

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { paintHeat } from '../../draw/heat-painter.ts';
import type { Theme } from '../../draw/theme.ts';
import { formatCores, formatInstant } from '../../lib/quantity.ts';
import type { Span } from '../../lib/viewport.ts';
import type { Event } from '../../model/answers.ts';
import { columnSpan, sumOf, totals } from '../../model/chart-data.ts';
import type { Columns } from '../../model/chart-data.ts';
import type { Instants } from '../../model/period.ts';
import { rangeSlider, useRange } from '../use-range.ts';

interface Props {
  readonly columns: Columns;
  readonly step: number;
  readonly shown: Instants;
  readonly selected: Instants | null;
  readonly marks: readonly Event[];
  readonly theme: Theme;
  /** null: rows cannot be chosen. */
  readonly choose: ((name: string) => void) | null;
  select(range: Instants | null): void;
}

const SUM_PX = 46;
const ROW_PX = 18;

export function HeatMap(props: Props): JSX.Element {
  const { columns, step, shown, selected, theme } = props;
  const length = shown.to - shown.from;
  const range: Span | null = selected && {
    from: Math.max(0, (selected.from - shown.from) / length),
    to: Math.min(1, (selected.to - shown.from) / length),
  };
  const host = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const all = totals(columns);
  const rows = columns.lines.length > 1 ? columns.lines : [];
  const { pointed, handlers } = useRange(host, range, (share) =>
    props.select(share && { from: shown.from + share.from * length, to: shown.from + share.to * length }),
  );
  useEffect(() => {
    const watch = new ResizeObserver(() => setWidth(host.current?.clientWidth ?? 0));
    watch.observe(host.current!);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    const spans = columns.times.map((_, i) => columnSpan(columns.times, step, i, shown));
    const peak = Math.max(1e-9, ...columns.lines.flatMap((line) => line.values.map((value) => value ?? 0)));
    paintHeat(canvas.current!, {
      sum: all,
      sumHeight: SUM_PX,
      rows,
      rowHeight: ROW_PX,
      peak,
      spans,
      theme,
    });
  }, [columns, step, shown.from, shown.to, theme, width]);
  const text = selected
    ? `${formatInstant(selected.from, shown.to)} to ${formatInstant(selected.to, shown.to)}`
    : 'everything';
  return (
    <div class="heat">
      <div class="heat-names">
        <span class="heat-name heat-sum">
          <span class="heat-label">all</span>
          <span class="strip-share">≤ {formatCores(Math.max(0, ...all.map((value) => value ?? 0)))}</span>
        </span>
        {rows.map((row) => (
          <HeatName
            key={row.name}
            name={row.name}
            share={sumOf(row.values) / (sumOf(all) || 1)}
            choose={props.choose}
          />
        ))}
      </div>
      <div
        class="heat-rows"
        ref={host}
        style={{ height: `${SUM_PX + rows.length * ROW_PX}px` }}
        {...handlers}
        {...rangeSlider(range, text)}
      >
        <canvas ref={canvas} />
        {props.marks
          .filter((mark) => mark.at_s > shown.from && mark.at_s < shown.to)
          .map((mark) => (
            <span
              class="heat-mark"
              title={`${mark.kind} ${mark.version} ${mark.text}`}
              style={{ left: `${((mark.at_s - shown.from) / length) * 100}%` }}
            />
          ))}
        {range && (
          <span
            class="strip-range"
            style={{ left: `${range.from * 100}%`, width: `${(range.to - range.from) * 100}%` }}
          />
        )}
        {pointed !== null && <Pointer at={pointed} value={all} columns={columns} shown={shown} />}
      </div>
    </div>
  );
}

function HeatName({
  name,
  share,
  choose,
}: {
  name: string;
  share: number;
  choose: ((name: string) => void) | null;
}): JSX.Element {
  const shown = (
    <>
      <span class="heat-label">{name || '(none)'}</span>
      <span class="strip-share">{Math.round(share * 100)} %</span>
    </>
  );
  return choose ? (
    <button class="heat-name" title={`${name}: only this`} onClick={() => choose(name)}>
      {shown}
    </button>
  ) : (
    <span class="heat-name">{shown}</span>
  );
}

function Pointer({
  at,
  value,
  columns,
  shown,
}: {
  at: number;
  value: readonly (number | null)[];
  columns: Columns;
  shown: Instants;
}): JSX.Element {
  const instant = shown.from + at * (shown.to - shown.from);
  let column = -1;
  while (column + 1 < columns.times.length && columns.times[column + 1]! <= instant) column++;
  return (
    <span class={at > 0.7 ? 'strip-clock left' : 'strip-clock'} style={{ left: `${at * 100}%` }}>
      {formatInstant(instant, shown.to)} · {formatCores(value[column] ?? null)} cores
    </span>
  );
}
