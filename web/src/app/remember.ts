// SPDX-License-Identifier: MIT
// remember.ts - writes the address. Steps at once; what changes with every movement of the pointer when it comes to
// rest: browsers refuse to be told a new address hundreds of times.

const SETTLE_MS = 120;
let settling = 0;

/** `hash` with '#', or "" for none. */
export function remember(hash: string, step: boolean): void {
  clearTimeout(settling);
  const url = hash === '' ? location.pathname + location.search : hash;
  if (step && url !== location.hash) history.pushState(null, '', url);
  else settling = window.setTimeout(() => history.replaceState(null, '', url), SETTLE_MS);
}

/** Forgets what has not come to rest yet. */
export function settle(): void {
  clearTimeout(settling);
}
