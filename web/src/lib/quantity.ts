// SPDX-License-Identifier: MIT
// quantity.ts - numbers of a service as people read them. null is "not known" and is never shown as 0.

import { formatCount, formatNs, formatShare } from './text.ts';

export const UNKNOWN = '–';
type Maybe = number | null;

const known =
  (format: (n: number) => string) =>
  (n: Maybe): string =>
    n === null || !Number.isFinite(n) ? UNKNOWN : format(n);

export const formatSeconds = known((s) => formatNs(s * 1e9));
export const formatPart = known((share) => formatShare(share));
export const formatInteger = known(formatCount);

/** Three digits that matter: 0.0123, 1.23, 12.3, 1,234. */
export const formatNumber = known((n) => {
  const size = Math.abs(n);
  if (size >= 100) return formatCount(n);
  return String(Number(n.toPrecision(3)));
});

export const formatCores = known((cores) => (cores > 0 && cores < 0.001 ? '<0.001' : formatNumber(cores)));

const BYTES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
export const formatBytes = known((bytes) => {
  let value = Math.abs(bytes);
  let unit = 0;
  for (; value >= 999.5 && unit < BYTES.length - 1; unit++) value /= 1000;
  const digits = unit === 0 || value >= 99.5 ? 0 : value >= 9.95 ? 1 : 2;
  return `${bytes < 0 ? '−' : ''}${Number(value.toFixed(digits))} ${BYTES[unit]}`;
});

export const formatRate = known((perSecond) => {
  if (perSecond > 0 && perSecond < 0.1) return `${formatNumber(perSecond * 60)}/min`;
  return `${formatNumber(perSecond)}/s`;
});

/** By the unit that the API names; what it does not know is a plain number with the unit behind it. */
export function formatUnit(unit: string): (n: Maybe) => string {
  switch (unit) {
    case 's':
      return formatSeconds;
    case 'bytes':
    case 'By':
      return formatBytes;
    case 'cores':
      return formatCores;
    case '1/s':
    case 'per second':
      return formatRate;
    case 's/s':
      return formatPart;
    case '':
    case '1':
    case 'threads':
    case 'files':
      return formatNumber;
    default:
      return known((n) => `${formatNumber(n)} ${unit}`);
  }
}

/** "12 s ago"; what lies ahead by a clock's inaccuracy is "now". */
export function formatAge(seconds: number): string {
  if (seconds < 5) return 'now';
  for (const [unit, size] of [
    ['d', 86400],
    ['h', 3600],
    ['min', 60],
  ] as const)
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  return `${Math.floor(seconds)} s ago`;
}

const two = (n: number): string => String(n).padStart(2, '0');

/** Local time; with the date unless it is the day of `nowS`. */
export function formatInstant(atS: Maybe, nowS: number, seconds = true): string {
  if (atS === null) return UNKNOWN;
  const at = new Date(atS * 1000);
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}${seconds ? `:${two(at.getSeconds())}` : ''}`;
  const now = new Date(nowS * 1000);
  if (at.toDateString() === now.toDateString()) return clock;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock}`;
}
