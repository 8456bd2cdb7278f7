// SPDX-License-Identifier: MIT
// address.ts - where on the page one is, and its form after '#' in the address:
//
//   #/                               services
//   #/service/shop/endpoints?from=6h a tab of a service
//   #/service/shop/traces/4bf9…      one trace
//   #/events, #/daemon               of all services; pitviper itself
//
// All else that a person can set (range, filters, sorting, the explorer's state) is a parameter. An unknown place is the
// services; unknown parameters stay, as the explorer has its own.

import { checkPeriod, STANDARD } from './period.ts';
import type { Period } from './period.ts';

export const TABS = [
  'profile',
  'endpoints',
  'queries',
  'calls',
  'traces',
  'errors',
  'runtime',
  'processes',
  'events',
] as const;
export type Tab = (typeof TABS)[number];
export type PageName = 'services' | 'service' | 'events' | 'daemon';
export type Params = Readonly<Record<string, string>>;

export interface Place {
  readonly page: PageName;
  readonly service: string;
  readonly tab: Tab;
  /** Of a trace; "": the list. */
  readonly id: string;
  readonly params: Params;
}

export const HOME: Place = { page: 'services', service: '', tab: 'profile', id: '', params: {} };

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function readPlace(hash: string): Place {
  const [path = '', query = ''] = splitOnce(hash.replace(/^#/, ''), '?');
  const [page, service = '', tab, id = ''] = path.replace(/^\//, '').split('/').map(decode);
  const params = Object.fromEntries(new URLSearchParams(query));
  if (page === 'events' || page === 'daemon') return { ...HOME, page, params };
  if (page !== 'service' || service === '') return { ...HOME, params };
  return { page, service, tab: TABS.find((t) => t === tab) ?? 'profile', id, params };
}

/** With '#'. Parameters that are "" are left out. */
export function placeHash({ page, service, tab, id, params }: Place): string {
  const path = page === 'service' ? ['service', service, tab, id] : [page === 'services' ? '' : page];
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== ''));
  const text = query.toString();
  const shown = path.filter((part, i) => i === 0 || part !== '').map(encodeURIComponent);
  return `#/${shown.join('/')}${text && `?${text}`}`;
}

function splitOnce(text: string, at: string): [string, string] {
  const place = text.indexOf(at);
  return place < 0 ? [text, ''] : [text.slice(0, place), text.slice(place + 1)];
}

/** Parameters that mean the same everywhere and so stay when one goes elsewhere in a service. */
const SHARED = ['from', 'to'];
export const FILTERS = ['version', 'endpoint', 'thread', 'pid', 'host'] as const;
export type Filter = (typeof FILTERS)[number];

/** Elsewhere, with the range kept, and with other parameters. */
export function goTo(place: Place, to: Partial<Omit<Place, 'params'>>, params: Params = {}): Place {
  const kept = Object.fromEntries(Object.entries(place.params).filter(([key]) => SHARED.includes(key)));
  return { ...HOME, ...to, params: { ...kept, ...params } };
}

/** The same place with some parameters set ("" takes one away). */
export function withParams(place: Place, params: Params): Place {
  const all = Object.entries({ ...place.params, ...params }).filter(([, value]) => value !== '');
  return { ...place, params: Object.fromEntries(all) };
}

export function placePeriod({ params }: Place): Period {
  return checkPeriod(params['from'], params['to']);
}

export function periodParams({ from, to }: Period): Params {
  const standard = from === STANDARD.from && to === STANDARD.to;
  return standard ? { from: '', to: '' } : { from, to: to === 'now' ? '' : to };
}
