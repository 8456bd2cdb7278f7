// SPDX-License-Identifier: MIT
// answers.ts - the answers of the API as docs/design/0009-serve.md fixes them, with their types.
//
// Instants are seconds since 1970, durations seconds, sizes bytes; null: not known.

import { amount, anything, count, flag, instant, lines, list, maybe, row, text } from './shape.ts';
import type { Of, Shape } from './shape.ts';

function rows<T>(of: Shape<T>) {
  return row({
    from_s: instant,
    to_s: instant,
    damaged_windows: count,
    missing_s: count,
    total: amount,
    rows: list(of),
  });
}

const times = { total_s: amount, mean_s: amount, p50_s: amount, p95_s: amount, p99_s: amount, max_s: amount };

export const services = rows(
  row({
    service: text,
    versions: list(text),
    processes: count,
    cores: amount,
    cpu_s: amount,
    rss_bytes: amount,
    requests: amount,
    errors: amount,
    rate: amount,
    error_rate: amount,
    p50_s: amount,
    p95_s: amount,
    spark_step_s: amount,
    spark: list(amount),
    last_s: amount,
    has_agent: flag,
  }),
);
export type Service = Of<typeof services>['rows'][number];

export const processes = rows(
  row({
    service: text,
    host: text,
    version: text,
    pid: count,
    command: text,
    started_s: amount,
    ended_s: amount,
    python: text,
    cores: amount,
    rss_bytes: amount,
    threads: amount,
    has_agent: flag,
    rate_hz: amount,
    samples: amount,
  }),
);
export type Process = Of<typeof processes>['rows'][number];

export const PARTS = [
  'queue',
  'cpu',
  'database',
  'outbound',
  'cache',
  'template',
  'gc',
  'loop',
  'gil',
] as const;
const parts = row({
  queue_s: amount,
  cpu_s: amount,
  database_s: amount,
  outbound_s: amount,
  cache_s: amount,
  template_s: amount,
  gc_s: amount,
  loop_s: amount,
  gil_s: amount,
});
export type Parts = Of<typeof parts>;

export const endpoints = rows(
  row({
    service: text,
    endpoint: text,
    kind: text,
    route: text,
    method: text,
    requests: count,
    errors: amount,
    rate: amount,
    p90_s: amount,
    ...times,
    parts: maybe(parts),
    repeated: amount,
  }),
);
export type Endpoint = Of<typeof endpoints>['rows'][number];

export const queries = rows(
  row({
    service: text,
    statement: lines,
    system: text,
    summary: text,
    fingerprint: text,
    count,
    errors: amount,
    ...times,
    rows: amount,
    repeats: amount,
    endpoints: list(row({ endpoint: text, count, total_s: amount, repeated: amount })),
  }),
);
export type Query = Of<typeof queries>['rows'][number];

/** outbound, cache, templates, tasks. */
export const calls = rows(row({ service: text, name: text, detail: text, count, errors: amount, ...times }));
export type Call = Of<typeof calls>['rows'][number];

export const errors = rows(
  row({
    service: text,
    type: text,
    where: text,
    handled: flag,
    count,
    endpoints: list(row({ endpoint: text, count })),
    last_s: amount,
  }),
);
export type Failure = Of<typeof errors>['rows'][number];

const traceHead = {
  trace: text,
  service: text,
  version: text,
  endpoint: text,
  start_s: instant,
  duration_s: count,
  status: amount,
  error: flag,
  reasons: list(text),
  pid: amount,
};
export const traces = rows(row({ ...traceHead, spans: amount }));
export type TraceHead = Of<typeof traces>['rows'][number];

const span = row({
  span: text,
  parent: text,
  kind: text,
  name: text,
  detail: lines,
  start_s: count,
  duration_s: count,
  error: flag,
  status: amount,
  rows: amount,
});
export type Span = Of<typeof span>;
export const trace = row({
  ...traceHead,
  spans: list(span),
  missing_spans: count,
  errors: list(row({ type: text, where: text, at_s: amount, span: text })),
  /** Page data: model/load.ts reads it. */
  profile: anything,
});
export type Trace = Of<typeof trace>;

export const histogram = row({
  buckets: list(row({ low_s: count, high_s: count, count })),
  count,
  p50_s: amount,
  p95_s: amount,
  p99_s: amount,
});
export type Histogram = Of<typeof histogram>;

const line = row({ name: text, unit: text, values: list(amount) });
export type Line = Of<typeof line>;
export const series = row({ step_s: instant, times_s: list(instant), series: list(line) });
export type Series = Of<typeof series>;

const event = row({
  at_s: instant,
  kind: text,
  service: text,
  host: text,
  version: text,
  pid: amount,
  text,
  detail: anything,
});
export const readEvent = event;
export const events = rows(event);
export type Event = Of<typeof event>;

export const threads = rows(row({ service: text, thread: text, samples: count, cpu_s: amount }));
export const versions = rows(
  row({ service: text, version: text, first_s: amount, last_s: amount, samples: amount }),
);
export type Version = Of<typeof versions>['rows'][number];

export const status = row({
  version: text,
  started_s: amount,
  host: text,
  rate_hz: amount,
  cores: amount,
  budget_cores: amount,
  rss_bytes: amount,
  processes: amount,
  samples: amount,
  late: amount,
  lost: amount,
  store: maybe(
    row({
      bytes: amount,
      budget_bytes: amount,
      files: amount,
      failing: flag,
      reason: text,
      damaged_windows: amount,
    }),
  ),
  warnings: list(text),
});
export type Status = Of<typeof status>;
