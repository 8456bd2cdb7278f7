// SPDX-License-Identifier: MIT
// chart.tsx - lines over time (uPlot) with a legend that tells the values under the pointer; dragging chooses a range.
// Releases and alerts are marked on the time axis. All charts of a page share one pointer.

import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { fillColour, lineColour } from '../../draw/chart-colours.ts';
import type { Theme } from '../../draw/theme.ts';
import { formatInstant, formatUnit } from '../../lib/quantity.ts';
import type { Event } from '../../model/answers.ts';
import { byUnit } from '../../model/chart-data.ts';
import type { Columns } from '../../model/chart-data.ts';
import type { Instants } from '../../model/period.ts';

interface Props {
  readonly title: string;
  readonly columns: Columns;
  readonly shown: Instants;
  readonly marks: readonly Event[];
  readonly theme: Theme;
  readonly height?: number;
  /** Fill below the first line. */
  readonly area?: boolean;
  setRange(range: Instants): void;
}

const SYNC = 'pitviper';
const AXIS_FONT = '11px system-ui, sans-serif';
export function Chart(props: Props): JSX.Element {
  const { title, columns, theme, shown } = props;
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [at, setAt] = useState<number | null>(null);
  const [off, setOff] = useState<readonly string[]>([]);
  const unit = columns.lines[0]?.unit ?? '';
  const data = useMemo<uPlot.AlignedData>(
    () => [[...columns.times], ...columns.lines.map((line) => [...line.values])],
    [columns],
  );
  const shape = `${columns.lines.map((line) => line.name).join('\0')}\0${off.join('\0')}\0${unit}`;
  useEffect(() => {
    const made = new uPlot(options(latest, off, host.current!.clientWidth, setAt), data, host.current!);
    plot.current = made;
    const watch = new ResizeObserver(() => {
      const width = host.current?.clientWidth ?? 0;
      if (width > 0) made.setSize({ width, height: latest.current.height ?? 150 });
    });
    watch.observe(host.current!);
    return () => {
      watch.disconnect();
      made.destroy();
    };
  }, [shape, theme]);
  useEffect(() => {
    plot.current?.setData(data, false);
    plot.current?.setScale('x', { min: shown.from, max: shown.to });
  }, [data, shown.from, shown.to, props.marks]);
  const toggle = (name: string): void =>
    setOff(off.includes(name) ? off.filter((other) => other !== name) : [...off, name]);
  return (
    <figure class="plot" aria-label={title}>
      <figcaption>
        <h3>{title}</h3>
        <span class="plot-at dim">{at !== null && formatInstant(columns.times[at] ?? null, shown.to)}</span>
      </figcaption>
      <div ref={host} class="plot-canvas" />
      <ul class="plot-legend">
        {columns.lines.map((line, i) => (
          <li key={line.name}>
            <button
              aria-pressed={!off.includes(line.name)}
              onClick={() => toggle(line.name)}
              title={`${line.name}: show or hide`}
            >
              <i class="line-mark" style={{ background: lineColour(i, theme) }} />
              <span class="plot-name">{line.name}</span>{' '}
              <b>{formatUnit(line.unit)(line.values[at ?? lastKnown(line.values)] ?? null)}</b>
            </button>
          </li>
        ))}
      </ul>
    </figure>
  );
}

/** One below the other where the lines have several units. */
export function Charts(props: Props): JSX.Element {
  const groups = useMemo(() => byUnit(props.columns), [props.columns]);
  if (groups.length === 0) return <p class="dim">Nothing is known of this time.</p>;
  if (groups.length === 1) return <Chart {...props} />;
  return (
    <div class="plot-stack">
      {groups.map((columns) => (
        <Chart
          {...props}
          title={`${props.title}: ${columns.lines.map((line) => line.name).join(', ')}`}
          columns={columns}
        />
      ))}
    </div>
  );
}

function lastKnown(values: readonly (number | null)[]): number {
  for (let i = values.length - 1; i >= 0; i--) if (values[i] !== null) return i;
  return 0;
}

function options(
  latest: { readonly current: Props },
  off: readonly string[],
  width: number,
  setAt: (at: number | null) => void,
): uPlot.Options {
  const { columns, theme, height = 150, area = false, shown } = latest.current;
  const format = formatUnit(columns.lines[0]?.unit ?? '');
  const axis = {
    stroke: theme.text,
    font: AXIS_FONT,
    grid: { stroke: theme.faint, width: 1 },
    ticks: { stroke: theme.faint, width: 1, size: 4 },
  };
  return {
    width,
    height,
    legend: { show: false },
    padding: [8, 20, 0, 0],
    cursor: { sync: { key: SYNC }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    scales: {
      x: { time: true, range: () => [latest.current.shown.from, latest.current.shown.to] },
      y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] },
    },
    axes: [
      { ...axis, size: 26, space: 70, values: timeLabels(shown) },
      { ...axis, size: 62, space: 26, values: (_, ticks) => ticks.map((tick) => format(tick)) },
    ],
    series: [
      {},
      ...columns.lines.map((line, i) => ({
        show: !off.includes(line.name),
        stroke: lineColour(i, theme),
        width: 1.5,
        ...(area && i === 0 ? { fill: fillColour(i, theme, 0.16) } : {}),
        points: { show: isLonely(line.values) },
      })),
    ],
    hooks: {
      draw: [(plot) => drawMarks(plot, latest.current)],
      setCursor: [(plot) => setAt(plot.cursor.idx ?? null)],
      setSelect: [(plot) => chooseRange(plot, latest.current)],
    },
  };
}

/** A single value between gaps is no line: it is shown as a point. */
function isLonely(values: readonly (number | null)[]): boolean {
  return values.filter((value) => value !== null).length <= 2;
}

function timeLabels(shown: Instants): (plot: uPlot, ticks: number[]) => string[] {
  const days = shown.to - shown.from > 86400;
  return (_, ticks) =>
    ticks.map((tick) => {
      const text = formatInstant(tick, tick, shown.to - shown.from < 600);
      const at = new Date(tick * 1000);
      if (!days || at.getHours() + at.getMinutes() > 0) return text;
      return `${at.getDate()}.${at.getMonth() + 1}.`;
    });
}

function chooseRange(plot: uPlot, { setRange, columns }: Props): void {
  if (plot.select.width < 4) return;
  const from = plot.posToVal(plot.select.left, 'x');
  const to = plot.posToVal(plot.select.left + plot.select.width, 'x');
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  if (columns.times.length > 0) setRange({ from, to });
}

const MARK_CHARS = 24;

function drawMarks(plot: uPlot, { marks, theme, shown }: Props): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio || 1;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = theme.accent;
  ctx.lineWidth = ratio;
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'top';
  ctx.setLineDash([4 * ratio, 3 * ratio]);
  let free = -Infinity;
  for (const mark of [...marks].sort((a, b) => a.at_s - b.at_s)) {
    if (mark.at_s < shown.from || mark.at_s > shown.to) continue;
    const x = Math.round(plot.valToPos(mark.at_s, 'x', true));
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const label = (mark.version || mark.text || mark.kind).slice(0, MARK_CHARS);
    const width = ctx.measureText(label).width;
    if (x < free || x + width > bbox.left + bbox.width) continue;
    ctx.fillText(label, x + 4 * ratio, bbox.top + 2 * ratio);
    free = x + width + 10 * ratio;
  }
  ctx.restore();
}
