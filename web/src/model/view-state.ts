// SPDX-License-Identifier: MIT
// view-state.ts - everything a person can set on the page, and its form in the address after '#', so that a link shows
// what its sender saw. Unknown or broken parts of a link are ignored; what equals the default is left out.

import type { Span } from '../lib/viewport.ts';
import type { Order, WidthOf } from './layout.ts';
import { FRAME_KINDS } from './page-format.ts';
import type { FrameKind } from './page-format.ts';
import type { Profile } from './profile.ts';
import type { Entries, Tree } from './tree.ts';
import { pathTo } from './tree.ts';
import type { Metric } from './weights.ts';

export const VIEWS = ['flame', 'icicle', 'table', 'sandwich', 'recording'] as const;
export type ViewName = (typeof VIEWS)[number];
export const COLOURS = ['module', 'kind', 'self', 'change'] as const;
export type ColourChoice = (typeof COLOURS)[number];
/** side: two graphs beside each other, each as wide as its own recording says. */
export type WidthChoice = WidthOf | 'side';
export const WIDTHS: readonly WidthChoice[] = ['now', 'base', 'both', 'side'];

export interface ViewState {
  readonly view: ViewName;
  /** Keys of the entries from the root to the zoomed box. */
  readonly zoom: readonly number[];
  /** Hash of the function in the sandwich; 0: none. */
  readonly focus: number;
  readonly query: string;
  readonly range: Span | null;
  readonly threads: readonly number[] | null;
  /** Compare the range and threads with the rest of the recording. */
  readonly compare: boolean;
  readonly metric: Metric;
  readonly colour: ColourChoice;
  readonly widthOf: WidthChoice;
  readonly order: Order;
  readonly invert: boolean;
  readonly collapse: boolean;
  readonly lines: boolean;
  readonly hidden: readonly FrameKind[];
}

export function defaultState(profile: Pick<Profile, 'base'>): ViewState {
  return {
    view: 'flame',
    zoom: [],
    focus: 0,
    query: '',
    range: null,
    threads: null,
    compare: false,
    metric: 'count',
    colour: profile.base ? 'change' : 'module',
    widthOf: profile.base ? 'both' : 'now',
    order: 'size',
    invert: false,
    collapse: false,
    lines: false,
    hidden: [],
  };
}

const MAX_LIST = 4096;

/** All that toHash() may write. */
export const STATE_KEYS: readonly string[] =
  'view zoom fn q range threads compare metric colour width order invert collapse lines hide'.split(' ');

export function toHash(state: ViewState, defaults: ViewState): string {
  const params = new URLSearchParams();
  const put = (key: string, value: string, standard: string): void => {
    if (value !== standard) params.set(key, value);
  };
  const numbers = (list: readonly number[]): string => list.map((n) => n.toString(36)).join('.');
  put('view', state.view, defaults.view);
  put('zoom', numbers(state.zoom), '');
  put('fn', state.focus ? state.focus.toString(36) : '', '');
  put('q', state.query, '');
  put('range', state.range ? `${Math.round(state.range.from)}-${Math.round(state.range.to)}` : '', '');
  put('threads', state.threads ? numbers(state.threads) : '*', '*');
  put('compare', state.compare ? '1' : '', '');
  put('metric', state.metric, defaults.metric);
  put('colour', state.colour, defaults.colour);
  put('width', state.widthOf, defaults.widthOf);
  put('order', state.order, defaults.order);
  put('invert', state.invert ? '1' : '', '');
  put('collapse', state.collapse ? '1' : '', '');
  put('lines', state.lines ? '1' : '', '');
  put('hide', state.hidden.join('.'), '');
  return params.toString();
}

export function fromHash(hash: string, defaults: ViewState): ViewState {
  const params = new URLSearchParams(hash.replace(/^#/, ''));
  const oneOf = <T extends string>(key: string, all: readonly T[], standard: T): T => {
    const value = params.get(key) as T | null;
    return value !== null && all.includes(value) ? value : standard;
  };
  const numbers = (key: string): number[] =>
    (params.get(key) ?? '')
      .split('.')
      .slice(0, MAX_LIST)
      .map((part) => (/^[0-9a-z]+$/.test(part) ? parseInt(part, 36) : NaN))
      .filter((n) => Number.isSafeInteger(n));
  const kinds = (params.get('hide') ?? '')
    .split('.')
    .filter((k): k is FrameKind => FRAME_KINDS.includes(k as FrameKind));
  return {
    view: oneOf('view', VIEWS, defaults.view),
    zoom: numbers('zoom'),
    focus: numbers('fn')[0] ?? 0,
    query: params.get('q') ?? '',
    range: readRange(params.get('range')),
    threads: params.has('threads') ? numbers('threads') : null,
    compare: params.get('compare') === '1',
    metric: oneOf('metric', ['count', 'time'], defaults.metric),
    colour: oneOf('colour', COLOURS, defaults.colour),
    widthOf: oneOf('width', WIDTHS, defaults.widthOf),
    order: oneOf('order', ['size', 'name'], defaults.order),
    invert: params.get('invert') === '1',
    collapse: params.get('collapse') === '1',
    lines: params.get('lines') === '1',
    hidden: kinds,
  };
}

function readRange(text: string | null): Span | null {
  const parts = /^(\d{1,15})-(\d{1,15})$/.exec(text ?? '');
  if (!parts) return null;
  const [from, to] = [Number(parts[1]), Number(parts[2])];
  return from < to ? { from, to } : null;
}

/** What an entry is called in links: the same in any recording of the program. */
export function entryKey(profile: Profile, entries: Entries, entry: number): number {
  const { hash } = profile.functions[entries.functionOf[entry]];
  return entries.byLine ? (hash ^ Math.imul(profile.frameLine[entry], 0x9e3779b1)) >>> 0 : hash;
}

export function zoomKeys(profile: Profile, entries: Entries, tree: Tree, node: number): number[] {
  return pathTo(tree, node).map((at) => entryKey(profile, entries, tree.entry[at]));
}

/** The node that the keys lead to, or as far as they lead. Children follow their parents, so one pass is enough. */
export function findByKeys(profile: Profile, entries: Entries, tree: Tree, keys: readonly number[]): number {
  let at = 0;
  let step = 0;
  for (let node = 1; node < tree.parent.length && step < keys.length; node++) {
    if (tree.parent[node] !== at || entryKey(profile, entries, tree.entry[node]) !== keys[step]) continue;
    at = node;
    step++;
  }
  return at;
}
