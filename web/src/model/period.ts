// SPDX-License-Identifier: MIT
// period.ts - ranges of time as the API takes them: "now", an age such as "6h", or seconds since 1970.

export type Period = { readonly from: string; readonly to: string };

/** In seconds since 1970. */
export interface Instants {
  readonly from: number;
  readonly to: number;
}

export const PRESETS = ['15m', '1h', '6h', '24h', '7d'] as const;
export const STANDARD: Period = { from: '1h', to: 'now' };

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400 };
const AGE = /^(\d{1,6})([smhd])$/;

/** null: not an instant. */
export function readInstant(text: string, now: number): number | null {
  if (text === 'now') return now;
  const age = AGE.exec(text);
  if (age) return now - Number(age[1]) * UNITS[age[2]!]!;
  return /^\d{1,12}(\.\d{1,6})?$/.test(text) ? Number(text) : null;
}

/** What is no range becomes the standard one. */
export function checkPeriod(from: string | undefined, to: string | undefined): Period {
  const wanted = { from: from ?? STANDARD.from, to: to ?? STANDARD.to };
  const far = 4e9;
  const start = readInstant(wanted.from, far);
  const end = readInstant(wanted.to, far);
  return start !== null && end !== null && start < end ? wanted : STANDARD;
}

export function instantsOf(period: Period, now: number): Instants {
  return { from: readInstant(period.from, now) ?? now - 3600, to: readInstant(period.to, now) ?? now };
}

/** It moves with the clock. */
export function isLive(period: Period): boolean {
  return period.to === 'now';
}

export function fixed({ from, to }: Instants): Period {
  return { from: String(Math.floor(from)), to: String(Math.max(Math.floor(from) + 1, Math.ceil(to))) };
}

const WINDOW_S = 10;

/** How often a page that shows so much asks again: windows are written every 10 s, and no chart shows less than a pixel. */
export function refreshSeconds({ from, to }: Instants): number {
  return Math.min(300, Math.max(WINDOW_S, Math.round((to - from) / 120 / WINDOW_S) * WINDOW_S));
}

export function periodTitle(period: Period, instant: (at: number) => string): string {
  const names: Record<string, string> = { s: 'seconds', m: 'minutes', h: 'hours', d: 'days' };
  const age = AGE.exec(period.from);
  if (age && isLive(period)) {
    const one = age[1] === '1';
    return one ? `Last ${names[age[2]!]!.slice(0, -1)}` : `Last ${age[1]} ${names[age[2]!]}`;
  }
  const end = (text: string): string => {
    const at = /^\d+(\.\d+)?$/.test(text) ? Number(text) : null;
    return at === null ? (text === 'now' ? 'now' : `${text} ago`) : instant(at);
  };
  return `${end(period.from)} – ${end(period.to)}`;
}

/** What a profile is compared with: "", "before" (as long, just before), "1d", "7d" (the same time then), or "v:" and a version. */
export const BASES: readonly (readonly [string, string])[] = [
  ['', 'nothing'],
  ['before', 'the time before'],
  ['1d', 'yesterday'],
  ['7d', 'last week'],
];

export function baseInstants(base: string, { from, to }: Instants): Instants | null {
  const shift = base === 'before' ? to - from : AGE.test(base) ? -readInstant(base, 0)! : 0;
  return shift > 0 ? { from: from - shift, to: to - shift } : null;
}
