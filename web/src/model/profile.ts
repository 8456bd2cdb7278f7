// SPDX-License-Identifier: MIT
// profile.ts - a profile as the rest of the page knows it: checked, in typed arrays, functions told apart.
//
//   function  one Python function (name, file, first line), or one marker such as <GC>
//   frame     one line of a function
//   node      one stack: a frame under a parent node; node 0 is the empty stack
//
// With a base to compare with, both share functions, frames and nodes; only their weights differ.

import type { FrameKind, PageMeta, PageStats } from './page-format.ts';

export type Origin = 'app' | 'package' | 'stdlib' | 'native' | 'kernel' | 'marker';

export interface Func {
  readonly name: string;
  readonly file: string;
  readonly firstLine: number;
  readonly kind: FrameKind;
  readonly module: string;
  readonly origin: Origin;
  /** Of name and file: the same in every recording, so links and colours keep. */
  readonly hash: number;
}

export interface Thread {
  readonly pid: number;
  readonly tid: number;
  readonly name: string;
  readonly process: string;
}

export interface Samples {
  readonly thread: Int32Array;
  readonly node: Int32Array;
  readonly count: Float64Array;
  readonly weightNs: Float64Array;
}

export interface Runs {
  readonly startUs: Float64Array;
  readonly durationUs: Float64Array;
  readonly thread: Int32Array;
  readonly node: Int32Array;
  readonly count: Float64Array;
  readonly endUs: number;
}

/** One recording's sums. Two recordings that are compared share all tables of the profile. */
export interface Recording {
  readonly meta: PageMeta;
  readonly stats: PageStats;
  readonly samples: Samples;
  /** So many samples say as much as one drawn at random (change.ts). */
  readonly designEffect: number;
}

export interface Profile extends Recording {
  readonly functions: readonly Func[];
  readonly frameFunction: Int32Array;
  readonly frameLine: Int32Array;
  readonly nodeParent: Int32Array;
  readonly nodeFrame: Int32Array;
  readonly threads: readonly Thread[];
  readonly runs: Runs | null;
  readonly base: Recording | null;
}

/** "name (file:line)", as every format of pitviper writes it. */
export function functionLabel(func: Func, line = 0): string {
  if (func.file === '') return func.name;
  return line > 0 ? `${func.name} (${func.file}:${line})` : `${func.name} (${func.file})`;
}

export function threadLabel(thread: Thread): string {
  return thread.name === '' ? `thread ${thread.tid}` : thread.name;
}
