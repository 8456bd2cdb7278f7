// SPDX-License-Identifier: MIT
// health.ts - how a service does, at a glance, in words and as a level; the words say why.

import type { Service } from './answers.ts';
import { wholeSteps } from './chart-data.ts';

export type Level = 'good' | 'warn' | 'bad' | 'quiet';
export interface Health {
  readonly level: Level;
  readonly text: string;
}

const ERRORS_WARN = 0.01;
const ERRORS_BAD = 0.05;
/** Windows are 10 s and are written a little later. */
const SILENT_S = 60;

export function healthOf(service: Service, shownTo: number): Health {
  const silent = service.last_s === null ? Infinity : shownTo - service.last_s;
  if (service.processes === 0 || silent > SILENT_S) return { level: 'quiet', text: 'gone' };
  const errors = service.error_rate ?? 0;
  const pct = `${Number((errors * 100).toPrecision(2))} % errors`;
  if (errors >= ERRORS_BAD) return { level: 'bad', text: pct };
  if (errors >= ERRORS_WARN) return { level: 'warn', text: pct };
  const jump = cpuJump(wholeSteps(service.spark));
  if (jump >= 2) return { level: 'warn', text: `CPU × ${Number(jump.toPrecision(2))}` };
  return { level: 'good', text: 'well' };
}

const RECENT_SHARE = 0.1;
const NOTABLE_CORES = 0.05;

/** How many times its median the last tenth of the range takes; 0 when that is nothing to speak of. */
export function cpuJump(spark: readonly (number | null)[]): number {
  const known = spark.filter((value): value is number => value !== null);
  if (known.length < 10) return 0;
  const recent = known.slice(-Math.max(2, Math.round(known.length * RECENT_SHARE)));
  const mean = recent.reduce((a, b) => a + b, 0) / recent.length;
  const median = [...known].sort((a, b) => a - b)[known.length >> 1]!;
  return mean >= NOTABLE_CORES && median > 0 ? mean / median : 0;
}

/** Which of several is the newest is not known here. */
export function versionsText(versions: readonly string[]): string {
  const known = versions.filter((version) => version !== '');
  return known.length > 2 ? `${known.length} versions` : known.join(', ') || '–';
}

const WORST_FIRST: readonly Level[] = ['bad', 'warn', 'good', 'quiet'];

export function worstFirst(a: Health, b: Health): number {
  return WORST_FIRST.indexOf(a.level) - WORST_FIRST.indexOf(b.level);
}
