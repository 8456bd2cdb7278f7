// SPDX-License-Identifier: MIT
// duration.ts - durations as the API takes them: "200ms".

/** Not longer than asked, so that nothing at the edge is lost: rounded down to three digits. */
export function durationParam(seconds: number): string {
  const us = Math.max(0, Math.floor(seconds * 1e6 + 1e-6));
  if (us < 1000) return `${us}us`;
  if (us < 1e6) return `${cut(us / 1000)}ms`;
  return `${cut(us / 1e6)}s`;
}

function cut(value: number): string {
  const unit = 10 ** Math.max(0, 2 - Math.floor(Math.log10(value)));
  return String(Math.floor(value * unit + 1e-9) / unit);
}

const DURATION = /^(\d{1,9}(?:\.\d{1,9})?)(us|ms|s|m)$/;

/** As typed by a person: "200ms", "1.5 s", "200" (ms). null: none. */
export function checkDuration(text: string): string | null {
  const plain = text.trim().replace(/\s+/g, '').replace('µ', 'u').replace(',', '.');
  if (/^\d{1,9}$/.test(plain)) return `${plain}ms`;
  return DURATION.test(plain) ? plain : null;
}
