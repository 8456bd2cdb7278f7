// SPDX-License-Identifier: MIT
// text.ts - numbers and durations as people read them; a hash that stays the same for ever.

const GROUPED = new Intl.NumberFormat('en-US');

export function formatCount(n: number): string {
  return GROUPED.format(Math.round(n));
}

/** 0.1234 → "12.3 %"; never "0 %" for something, never "100 %" for less than all. */
export function formatShare(share: number): string {
  if (!Number.isFinite(share)) return '–';
  if (share === 0) return '0 %';
  const pct = share * 100;
  if (pct < 0.01) return '<0.01 %';
  if (pct < 1) return `${pct.toFixed(2)} %`;
  if (pct < 99.95 || share === 1) return `${pct.toFixed(share === 1 ? 0 : 1)} %`;
  return share > 1 ? `${pct.toFixed(0)} %` : '>99.9 %';
}

/** A change of share in percentage points, with its sign: "+1.25 pp". */
export function formatPoints(delta: number): string {
  const points = delta * 100;
  const digits = Math.abs(points) < 1 ? 2 : 1;
  const text = Math.abs(points).toFixed(digits);
  if (Number(text) === 0) return '±0 pp';
  return `${points > 0 ? '+' : '−'}${text} pp`;
}

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86400e9],
  ['h', 3600e9],
  ['min', 60e9],
  ['s', 1e9],
  ['ms', 1e6],
  ['µs', 1e3],
  ['ns', 1],
];

/** Nanoseconds with three digits that matter: "1.25 s", "340 ms", "2.5 h". */
export function formatNs(ns: number): string {
  if (ns === 0) return '0 s';
  const unit = UNITS.find(([, size]) => Math.abs(ns) >= size) ?? UNITS[UNITS.length - 1]!;
  const value = ns / unit[1];
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${Number(value.toFixed(digits))} ${unit[0]}`;
}

/** A point in the recording: "12.5 s", "3:05", "1:02:03". */
export function formatClock(us: number): string {
  const s = us / 1e6;
  if (s < 60) return `${Number(s.toFixed(s < 10 ? 2 : 1))} s`;
  const whole = Math.floor(s);
  const two = (n: number): string => String(n).padStart(2, '0');
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** FNV-1a over UTF-16 units, 32 bits: colours and links depend on it, so it never changes. */
export function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    h ^= text.charCodeAt(i);
    h = Math.imul(h, 0x01000193);
  }
  return h >>> 0;
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Cuts in the end, by characters of equal width; "" when not even one fits. */
export function fitText(text: string, chars: number): string {
  if (text.length <= chars) return text;
  if (chars < 4) return '';
  return `${text.slice(0, chars - 1)}…`;
}

/** Control characters and those that turn the direction of writing: a name must not make another name of itself. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

export function cleanText(text: string): string {
  return text.replace(UNSEEN, '\ufffd');
}
