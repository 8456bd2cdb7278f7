// SPDX-License-Identifier: MIT
// runtime.ts - the gauges of processes, named as OpenTelemetry does, as panels with titles. What is not known here is
// shown by its own name, last.

import type { Line, Series } from './answers.ts';
import { columnsOf } from './chart-data.ts';
import type { Columns } from './chart-data.ts';
import type { Instants } from './period.ts';

export interface Panel {
  readonly title: string;
  readonly columns: Columns;
}

const TITLES: readonly (readonly [string, string])[] = [
  ['process.memory.usage', 'Memory, resident'],
  ['process.cpu.utilization', 'CPU, cores'],
  ['process.thread.count', 'Threads'],
  ['process.unix.file_descriptor.count', 'Open files and sockets'],
  ['cpython.gc.pause', 'Garbage collection, share of time'],
  ['asyncio.loop.lag', 'Event loop: longest hold-up'],
  ['process.context_switches', 'Context switches'],
  ['pitviper.rate', 'Sampled at, Hz'],
];

/** "process.memory.usage", or with something behind a space, such as a process: one panel, several lines. */
function gaugeOf(line: Line): string {
  return line.name.split(' ')[0]!;
}

export function runtimePanels(series: Series, shown?: Instants, now?: number): Panel[] {
  const { times, lines } = columnsOf(series, shown, now);
  const groups = new Map<string, Line[]>();
  for (const line of lines) {
    if (line.values.every((value) => value === null)) continue;
    const name = gaugeOf(line);
    groups.set(name, [
      ...(groups.get(name) ?? []),
      { ...line, name: line.name.slice(name.length + 1) || 'all' },
    ]);
  }
  const rank = (name: string): number => {
    const at = TITLES.findIndex(([known]) => known === name);
    return at < 0 ? TITLES.length : at;
  };
  return [...groups]
    .sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map(([name, of]) => ({ title: TITLES[rank(name)]?.[1] ?? name, columns: { times, lines: of } }));
}
