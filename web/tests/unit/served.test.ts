// SPDX-License-Identifier: MIT
// The served page's model: places, ranges, shapes of answers, what charts and waterfalls are made of.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mixRgb } from '../../src/lib/colour.ts';
import {
  formatAge,
  formatBytes,
  formatCores,
  formatInstant,
  formatNumber,
  formatRate,
  formatSeconds,
  formatUnit,
} from '../../src/lib/quantity.ts';
import {
  goTo,
  HOME,
  periodParams,
  placeHash,
  placePeriod,
  readPlace,
  withParams,
} from '../../src/model/address.ts';
import type { Place } from '../../src/model/address.ts';
import { services, series as seriesShape, traces } from '../../src/model/answers.ts';
import type { Service, Span } from '../../src/model/answers.ts';
import {
  barsOf,
  byUnit,
  columnsOf,
  columnSpan,
  largest,
  totals,
  wholeSteps,
} from '../../src/model/chart-data.ts';
import { checkDuration, durationParam } from '../../src/model/duration.ts';
import { cpuJump, healthOf, versionsText, worstFirst } from '../../src/model/health.ts';
import {
  baseInstants,
  checkPeriod,
  fixed,
  instantsOf,
  periodTitle,
  refreshSeconds,
  STANDARD,
} from '../../src/model/period.ts';
import { runtimePanels } from '../../src/model/runtime.ts';
import { BadAnswer, lines } from '../../src/model/shape.ts';
import { SseReader } from '../../src/model/sse.ts';
import { spansLike, waterfall } from '../../src/model/waterfall.ts';

const NOW = 1_763_800_000;

test('address: every place comes back from its own address', () => {
  const places: Place[] = [
    HOME,
    { ...HOME, page: 'events' },
    {
      ...HOME,
      page: 'service',
      service: 'gunicorn shop:app',
      tab: 'endpoints',
      params: { from: '6h', endpoint: 'GET /a?b=c&d#e/<int:id>' },
    },
    { ...HOME, page: 'service', service: 'a/b%2F#?', tab: 'traces', id: '4bf92f35', params: {} },
    { ...HOME, page: 'service', service: '<img src=x onerror=1>', tab: 'profile' },
  ];
  for (const place of places) assert.deepEqual(readPlace(placeHash(place)), place);
});

test('address: junk is the services, an unknown tab the profile', () => {
  for (const junk of ['', '#', '#/nowhere/else', '#view=flame', '#/service', '#/%E0%A4%A', '#//'])
    assert.equal(readPlace(junk).page, 'services', junk);
  assert.equal(readPlace('#/service/shop/nothing').tab, 'profile');
  assert.equal(readPlace('#/service/%E0%A4%A').service, '%E0%A4%A');
});

test('address: elsewhere keeps the range and forgets the rest', () => {
  const place = readPlace('#/service/shop/traces?from=6h&status=error&sort=duration_s');
  const next = goTo(place, { page: 'service', service: 'shop', tab: 'errors' }, { endpoint: 'GET /' });
  assert.equal(placeHash(next), '#/service/shop/errors?from=6h&endpoint=GET+%2F');
  assert.equal(placeHash(withParams(place, { status: '' })), '#/service/shop/traces?from=6h&sort=duration_s');
});

test('period: ages, instants and junk', () => {
  assert.deepEqual(instantsOf({ from: '6h', to: 'now' }, NOW), { from: NOW - 21600, to: NOW });
  assert.deepEqual(instantsOf({ from: '1763790000', to: '30m' }, NOW), { from: 1763790000, to: NOW - 1800 });
  for (const [from, to] of [
    ['tomorrow', 'now'],
    ['1h', '2h'],
    ['5', '4'],
    ['<b>', ''],
    ['1h', '1h'],
  ] as const)
    assert.deepEqual(checkPeriod(from, to), STANDARD, `${from} ${to}`);
  assert.deepEqual(placePeriod(readPlace('#/?from=7d')), { from: '7d', to: 'now' });
  assert.deepEqual(periodParams(STANDARD), { from: '', to: '' });
});

test('period: titles, refreshing, bases', () => {
  assert.equal(periodTitle({ from: '24h', to: 'now' }, String), 'Last 24 hours');
  assert.equal(periodTitle({ from: '1h', to: 'now' }, String), 'Last hour');
  assert.equal(
    periodTitle({ from: '100', to: '200' }, (at) => `at ${at}`),
    'at 100 – at 200',
  );
  assert.equal(refreshSeconds({ from: 0, to: 900 }), 10);
  assert.equal(refreshSeconds({ from: 0, to: 6 * 3600 }), 180);
  assert.equal(refreshSeconds({ from: 0, to: 7 * 86400 }), 300);
  const shown = { from: NOW - 3600, to: NOW };
  assert.deepEqual(baseInstants('1d', shown), { from: NOW - 90000, to: NOW - 86400 });
  assert.deepEqual(baseInstants('before', shown), { from: NOW - 7200, to: NOW - 3600 });
  assert.equal(baseInstants('', shown), null);
  assert.equal(baseInstants('v:4.2.0', shown), null);
  assert.deepEqual(fixed({ from: 10.7, to: 10.9 }), { from: '10', to: '11' });
});

test('shape: a row is checked, and what is missing is not known', () => {
  const answer = services(
    { from_s: 1, to_s: 2, rows: [{ service: 'shop', cores: null, extra: {} }] },
    'services',
  );
  assert.equal(answer.rows[0]!.cores, null);
  assert.equal(answer.rows[0]!.rss_bytes, null);
  assert.deepEqual(answer.rows[0]!.versions, []);
  assert.equal('extra' in answer.rows[0]!, false);
});

test('shape: a fault names its place', () => {
  const wrong = (rows: unknown) => () => services({ from_s: 1, to_s: 2, rows }, 'services');
  assert.throws(wrong([{}, { cores: 'many' }]), new BadAnswer('services.rows[1].cores is not a number'));
  assert.throws(wrong('none'), /services\.rows is not a list/);
  assert.throws(wrong([{ versions: [7] }]), /versions\[0\] is not a text/);
  for (const junk of [null, [], 'x', 7])
    assert.throws(() => services(junk, 'services'), /services is missing/);
  assert.throws(() => seriesShape({ times_s: [null] }, 's'), BadAnswer);
});

test('shape: any value may be junk, and then it is a fault or text, never something else', () => {
  const row = {
    trace: 'a',
    service: 'b',
    endpoint: 'c',
    start_s: 1,
    duration_s: 1,
    error: false,
    reasons: ['slow'],
    spans: 3,
  };
  for (const key of Object.keys(row))
    for (const junk of [null, {}, [], 'x', -1, true, [[]], NaN]) {
      try {
        const read = traces({ from_s: 1, to_s: 2, rows: [{ ...row, [key]: junk }] }, 'traces').rows[0]!;
        assert.equal(typeof read.endpoint, 'string');
        assert.equal(typeof read.start_s, 'number');
        assert.ok(Array.isArray(read.reasons));
      } catch (reason) {
        assert.ok(reason instanceof BadAnswer, String(reason));
      }
    }
});

test('shape: text loses what turns it around; statements keep their lines', () => {
  assert.equal(
    services({ from_s: 1, to_s: 2, rows: [{ service: 'a\u202eb\u0000c' }] }, 's').rows[0]!.service,
    'a\ufffdb\ufffdc',
  );
  assert.equal(lines('SELECT 1\r\n\tFROM x\u2066', 's'), 'SELECT 1\n    FROM x\ufffd');
});

test('events as they come: cut anywhere, comments, several lines', () => {
  const text = ': hello\n\nevent: status\ndata: {"a":\ndata: 1}\n\nevent: event\r\ndata:x\r\n\r\ndata: y\n\n';
  const expected = [
    ['status', '{"a":\n1}'],
    ['event', 'x'],
    ['message', 'y'],
  ];
  for (let cut = 1; cut < text.length; cut++) {
    const seen: string[][] = [];
    const reader = new SseReader((name, data) => seen.push([name, data]));
    reader.push(text.slice(0, cut));
    reader.push(text.slice(cut));
    assert.deepEqual(seen, expected, `cut at ${cut}`);
  }
});

const service = (change: Partial<Service>): Service =>
  ({ processes: 2, last_s: NOW - 10, error_rate: 0, spark: [], ...change }) as Service;

test('health: silence, errors and jumps, the worst first', () => {
  const levels = [
    service({}),
    service({ error_rate: 0.02 }),
    service({ last_s: NOW - 600 }),
    service({ error_rate: 0.2 }),
    service({ spark: [...Array<number>(18).fill(0.2), 0.9, 0.9] }),
  ].map((row) => healthOf(row, NOW));
  assert.deepEqual(
    levels.map((health) => health.level),
    ['good', 'warn', 'quiet', 'bad', 'warn'],
  );
  assert.equal(levels[1]!.text, '2 % errors');
  assert.equal(levels.sort(worstFirst)[0]!.level, 'bad');
  assert.equal(versionsText(['', '1', '2']), '1, 2');
  assert.equal(versionsText(['1', '2', '3']), '3 versions');
  assert.equal(cpuJump([0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 0.02, 0.02]), 0);
});

test('charts: ragged lines are filled, the smallest become others, sums agree', () => {
  const columns = columnsOf({
    step_s: 10,
    times_s: [0, 10, 20],
    series: [
      { name: 'a', unit: 'cores', values: [1, 2] },
      { name: 'b', unit: 'cores', values: [3, null, 3] },
      { name: 'c', unit: 'cores', values: [0.5, null, null] },
      { name: 'd', unit: 's', values: [9, 9, 9] },
    ],
  });
  assert.deepEqual(columns.lines[0]!.values, [1, 2, null]);
  assert.deepEqual(
    byUnit(columns).map((group) => group.lines.length),
    [3, 1],
  );
  const cpu = byUnit(columns)[0]!;
  const few = largest(cpu, 2);
  assert.deepEqual(
    few.lines.map((line) => line.name),
    ['b', '2 others'],
  );
  assert.deepEqual(few.lines[1]!.values, [1.5, 2, null]);
  assert.deepEqual(totals(few), totals(cpu));
  assert.deepEqual(totals(cpu), [4.5, 2, 3]);
  assert.deepEqual(columnSpan([0, 10, 20], 10, 0, { from: 5, to: 25 }), [0, 0.25]);
});

test('charts: a step that is not over yet is not known, unless there is nothing else', () => {
  const series = {
    step_s: 10,
    times_s: [0, 10, 20, 30, 40],
    series: [{ name: 'a', unit: '', values: [1, 5, 5, 5, 2] }],
  };
  const values = (now: number): unknown => columnsOf(series, { from: 5, to: 50 }, now).lines[0]!.values;
  assert.deepEqual(values(69), [null, 5, 5, 5, null]);
  assert.deepEqual(values(70), [null, 5, 5, 5, 2]);
  assert.deepEqual(values(30), [1, 5, 5, 5, 2]);
  assert.deepEqual(wholeSteps([1, 5, 5, 5, 2]), [5, 5, 5]);
  assert.deepEqual(wholeSteps([1, 2]), [1, 2]);
});

test('charts: bars keep every count, whatever their number', () => {
  const buckets = Array.from({ length: 300 }, (_, i) => ({
    low_s: 0.001 * 1.02 ** i,
    high_s: 0.001 * 1.02 ** (i + 1),
    count: i % 7,
  }));
  const sum = buckets.reduce((n, bucket) => n + bucket.count, 0);
  for (const most of [1, 5, 28, 1000]) {
    const bars = barsOf(buckets, most);
    assert.equal(
      bars.reduce((n, bar) => n + bar.count, 0),
      sum,
    );
    assert.ok(bars.length <= most + 1, `${bars.length} bars`);
    for (let i = 1; i < bars.length; i++) assert.ok(Math.abs(bars[i]!.low - bars[i - 1]!.high) < 1e-9);
  }
  assert.deepEqual(barsOf([], 10), []);
  assert.equal(
    barsOf([{ low_s: 0, high_s: 0.001, count: 4 }], 10).reduce((n, bar) => n + bar.count, 0),
    4,
  );
});

test('duration: never longer than what was pointed at', () => {
  assert.equal(durationParam(0.2), '200ms');
  assert.equal(durationParam(0.0432), '43.2ms');
  assert.equal(durationParam(1.2567), '1.25s');
  assert.equal(durationParam(0.00005), '50us');
  for (let seconds = 1e-6; seconds < 1000; seconds *= 1.37) {
    const text = durationParam(seconds);
    const [, value, unit] = /^([\d.]+)(us|ms|s)$/.exec(text)!;
    const back = Number(value) * { us: 1e-6, ms: 1e-3, s: 1 }[unit as 'us' | 'ms' | 's'];
    assert.ok(
      back <= seconds * (1 + 1e-9) && (back > seconds * 0.98 || seconds < 1e-4),
      `${seconds} ${text}`,
    );
  }
  assert.equal(checkDuration(' 1,5 s'), '1.5s');
  assert.equal(checkDuration('200'), '200ms');
  for (const junk of ['fast', '-1s', '', '1h', '<b>']) assert.equal(checkDuration(junk), null, junk);
});

test('runtime: known gauges have titles and an order, unknown ones their name, empty ones no panel', () => {
  const line = (name: string, values: (number | null)[]) => ({ name, unit: '', values });
  const panels = runtimePanels({
    step_s: 10,
    times_s: [0, 10],
    series: [
      line('new.gauge', [1, 2]),
      line('process.thread.count', [8, 8]),
      line('process.memory.usage', [1, 1]),
      line('asyncio.loop.lag', [null, null]),
    ],
  });
  assert.deepEqual(
    panels.map((panel) => panel.title),
    ['Memory, resident', 'Threads', 'new.gauge'],
  );
});

const span = (id: string, parent: string, start: number, name = id): Span => ({
  span: id,
  parent,
  kind: 'query',
  name,
  detail: '',
  start_s: start,
  duration_s: 1,
  error: false,
  status: null,
  rows: null,
});

test('waterfall: parents first, children by start, what repeats once', () => {
  const spans = [
    span('c', 'a', 5),
    span('b', 'a', 2),
    span('a', '', 0),
    ...Array.from({ length: 6 }, (_, i) => span(`r${i}`, 'b', 3 + i, 'same')),
  ];
  const folded = waterfall(spans, true);
  assert.deepEqual(
    folded.map((bar) => [bar.span.span, bar.depth, bar.repeated]),
    [
      ['a', 0, 0],
      ['b', 1, 0],
      ['r0', 2, 6],
      ['c', 1, 0],
    ],
  );
  assert.equal(spansLike(spans, folded[2]!).length, 6);
  assert.equal(waterfall(spans, false).length, spans.length);
});

test('waterfall: orphans, circles and spans that are their own parents are shown once each', () => {
  const spans = [span('a', 'b', 0), span('b', 'a', 1), span('c', 'c', 2), span('d', 'missing', 3)];
  const seen = waterfall(spans, true).map((bar) => bar.span.span);
  assert.deepEqual([...seen].sort(), ['a', 'b', 'c', 'd']);
});

test('quantities: what is not known is a dash, never 0', () => {
  for (const format of [
    formatBytes,
    formatCores,
    formatNumber,
    formatRate,
    formatSeconds,
    formatUnit('s'),
    formatUnit('x'),
  ])
    for (const none of [null, NaN, Infinity]) assert.equal(format(none), '–');
  assert.deepEqual([0, 999, 1000, 999_600, 1.21e9].map(formatBytes), [
    '0 B',
    '999 B',
    '1 kB',
    '1 MB',
    '1.21 GB',
  ]);
  assert.deepEqual([0, 0.0004, 0.0345, 2.314, 12000].map(formatCores), [
    '0',
    '<0.001',
    '0.0345',
    '2.31',
    '12,000',
  ]);
  assert.deepEqual([0, 0.02, 4.25, 840].map(formatRate), ['0/s', '1.2/min', '4.25/s', '840/s']);
  assert.deepEqual([0, 61, 3700, 90000].map(formatAge), ['now', '1 min ago', '1 h ago', '1 d ago']);
  assert.equal(formatUnit('widgets')(3), '3 widgets');
  assert.match(formatInstant(NOW, NOW), /^\d\d:\d\d:\d\d$/);
  assert.match(formatInstant(NOW - 86400 * 3, NOW, false), /^\d{4}-\d\d-\d\d \d\d:\d\d$/);
  assert.equal(mixRgb('#000000', '#ff8040', 0.5), 'rgb(128,64,32)');
});
