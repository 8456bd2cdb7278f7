// SPDX-License-Identifier: MIT
// page.ts - what every part of the served page is given: where it is, what time it is, and how to go elsewhere.

import type { Theme } from '../../draw/theme.ts';
import { formatInstant } from '../../lib/quantity.ts';
import { placeHash, placePeriod, withParams } from '../../model/address.ts';
import type { Params, Place } from '../../model/address.ts';
import type { Status } from '../../model/answers.ts';
import { instantsOf } from '../../model/period.ts';
import type { Instants, Period } from '../../model/period.ts';

export interface PageContext {
  readonly place: Place;
  readonly theme: Theme;
  /** Seconds since 1970 when it was last asked; moves in steps. */
  readonly now: number;
  /** Counts how often it was asked: another number, another answer. */
  readonly round: number;
  /** null: not known yet, or no daemon behind the API. */
  readonly status: Status | null;
  /** `step`: worth a step of the browser's back button. */
  go(place: Place, step?: boolean): void;
  /** Says what happened, for eyes and for screen readers. */
  say(message: string): void;
}

export function periodOf(page: PageContext): Period {
  return placePeriod(page.place);
}

export function instantsShown(page: PageContext): Instants {
  return instantsOf(periodOf(page), page.now);
}

export function param(page: PageContext, name: string): string {
  return page.place.params[name] ?? '';
}

export function setParams(page: PageContext, params: Params, step = true): void {
  page.go(withParams(page.place, params), step);
}

export function hrefParams(page: PageContext, params: Params): string {
  return placeHash(withParams(page.place, params));
}

export function instantText(page: PageContext, at: number | null): string {
  return formatInstant(at, page.now);
}
