// SPDX-License-Identifier: MIT
// sample.ts - a profile small enough to know by heart, as the page's JSON.
//
//   samples   main thread            worker
//   main                             run
//   ├ load      3                    └ load      4     (one from another line of load)
//   │ └ parse   5 (+1 <GC>)            └ parse   2
//   └ fib       1
//     └ fib     2
//       └ fib   1
//
// 19 samples of 10 ms, and the timeline that goes with them.

import type { PageData } from '../src/model/page-format.ts';

const STRINGS = [
  '',
  'main',
  'app.py',
  '/srv/shop/app.py',
  'load',
  'parse',
  'json/decoder.py',
  '/usr/lib/python3.12/json/decoder.py',
  'fib',
  'run',
  '<GC>',
];
export const MAIN = 0;
export const LOAD = 1;
export const PARSE = 2;
export const FIB = 3;
export const RUN = 4;
export const GC = 5;

export function samplePage(): PageData {
  return {
    format: 'pitviper-profile',
    version: 1,
    meta: {
      title: 'sample',
      command: 'python app.py',
      python: '3.12.1',
      host: 'h',
      mode: 'cpu',
      pid: 1,
      start_us: 1e15,
      duration_us: 200_000,
      period_ns: 1e7,
    },
    stats: { samples: 19, rounds: 20, exact: 18, partial: 1, lost: 0, late: 0, errors: 0, reads: 20 },
    strings: STRINGS,
    kinds: ['python', 'native', 'kernel', 'thread', 'process', 'gc', 'changing', 'other'],
    frames: {
      //     main load parse fib run gc load(other line)
      name: [1, 4, 5, 8, 9, 10, 4],
      file: [2, 2, 6, 2, 2, 0, 2],
      full_file: [3, 3, 7, 3, 3, 0, 3],
      line: [5, 12, 40, 21, 30, 0, 14],
      first_line: [1, 10, 33, 20, 29, 0, 10],
      kind: [0, 0, 0, 0, 0, 5, 0],
    },
    nodes: {
      //        root main load parse gc fib fib fib run load parse load'
      parent: [-1, 0, 1, 2, 3, 1, 5, 6, 0, 8, 9, 8],
      frame: [-1, 0, 1, 2, 5, 3, 3, 3, 4, 1, 2, 6],
    },
    threads: [
      { pid: 1, tid: 1, name: 'MainThread', process: 'app' },
      { pid: 1, tid: 2, name: 'worker', process: 'app' },
    ],
    samples: {
      thread: [0, 0, 0, 0, 0, 0, 1, 1, 1],
      node: [2, 3, 4, 5, 6, 7, 9, 10, 11],
      count: [3, 5, 1, 1, 2, 1, 3, 2, 1],
      weight_ns: [3e7, 5e7, 1e7, 1e7, 2e7, 1e7, 3e7, 2e7, 1e7],
    },
    timeline: {
      unit_us: 1000,
      threads: [
        {
          thread: 0,
          gap: [0, 0, 0, 20, 0, 0],
          duration: [30, 50, 10, 10, 20, 10],
          node: [2, 3, 4, 5, 6, 7],
          count: [3, 5, 1, 1, 2, 1],
        },
        { thread: 1, gap: [100, 0, 0], duration: [30, 20, 10], node: [9, 10, 11], count: [3, 2, 1] },
      ],
    },
  };
}

/** The same, and a base in which parse was rarer and fib did not exist. */
export function sampleDiff(): PageData {
  const page = samplePage();
  return {
    ...page,
    base: {
      meta: { title: 'before' },
      stats: {},
      design_effect: [1, 1],
      samples: { thread: [0, 0, 1], node: [2, 3, 9], count: [60, 20, 20], weight_ns: [6e8, 2e8, 2e8] },
    },
  };
}
