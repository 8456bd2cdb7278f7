// SPDX-License-Identifier: MIT
// actions.ts - what any part of the page may ask for.

import type { ViewState } from '../model/view-state.ts';

export interface Actions {
  /** `step`: worth a step of the browser's back button. */
  set(patch: Partial<ViewState>, step?: boolean): void;
  /** Says what happened, for eyes and for screen readers. */
  say(message: string): void;
  copy(text: string, what: string): void;
  sandwich(func: number): void;
  searchFor(func: number): void;
}
