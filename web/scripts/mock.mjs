// SPDX-License-Identifier: MIT
// mock.mjs - stands in for `pitviper serve` in tests and screenshots: the page's files and an API whose answers have the
// shapes of docs/design/0009-serve.md and are always the same.
//
//   node scripts/mock.mjs [--port 7117]
//
// startMock({now}) gives {url, requests, posted, set(options), send(name, data), close()}. Options, which tests change
// while it runs: empty (no rows), failing (each answer is this status), busy (so many answers are 503), slow (ms), cut (bytes of each answer), evil
// (names are HTML), token, missing (answers say that windows are missing), warnings, agentless.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { synthesise } from './synth.mjs';

const dist = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist');
export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const FILES = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/app.js': ['app.js', 'text/javascript; charset=utf-8'],
  '/app.css': ['app.css', 'text/css; charset=utf-8'],
};
export const EVIL = '<img src=x onerror="window.hacked=1">"\'</script><script>window.hacked=1</script>';

const round = (n) => Number(n.toPrecision(6));
/** 0 to 1, always the same for the same numbers. */
function noise(...keys) {
  let h = 2166136261;
  for (const key of keys) for (const c of String(key)) h = Math.imul(h ^ c.charCodeAt(0), 16777619);
  h ^= h >>> 15;
  h = Math.imul(h, 2246822519);
  h ^= h >>> 13;
  return (h >>> 0) / 4294967296;
}

const SERVICES = [
  ['shop', ['4.1.0', '4.2.0'], 6, 2.31, 412e6, 84.2, 0.004, true],
  ['gunicorn payments:app', ['2026.11.2'], 4, 0.82, 288e6, 12.6, 0.071, true],
  ['celery -A tasks', ['4.2.0'], 3, 0.44, 190e6, 3.1, 0.012, true],
  ['report-nightly', [''], 1, 0.98, 1.21e9, null, null, false],
  ['inventory', ['0.9.3'], 2, 0.035, 96e6, 0.4, 0, true],
  ['old-worker', ['3.0.1'], 0, 0.01, null, null, null, false],
];
const ENDPOINTS = [
  ['GET /orders/<int:id>', 31, 0.021, 0.004],
  ['GET /search', 18, 0.142, 0],
  ['POST /checkout', 4.2, 0.31, 0.021],
  ['GET /', 22, 0.006, 0],
  ['GET /users/<int:id>/recommendations', 2.6, 0.88, 0.002],
  ['task send_mail', 1.4, 0.2, 0.03],
  ['GET /static/<path:file>', 44, 0.0011, 0],
];
const STATEMENTS = [
  [
    'SELECT id, name, price, stock FROM products WHERE id = ?',
    'SELECT products',
    'postgresql',
    412,
    0.0009,
    96,
  ],
  [
    'SELECT o.id, o.total, u.email\n  FROM orders o\n  JOIN users u ON u.id = o.user_id\n WHERE o.created_at > ? AND o.state IN (?)\n ORDER BY o.created_at DESC LIMIT ?',
    'SELECT orders users',
    'postgresql',
    31,
    0.0121,
    0,
  ],
  [
    'UPDATE stock SET amount = amount - ? WHERE product_id = ?',
    'UPDATE stock',
    'postgresql',
    8.4,
    0.0031,
    12,
  ],
  ['INSERT INTO audit (user_id, what, at) VALUES (?, ?, ?)', 'INSERT audit', 'postgresql', 35, 0.0006, 0],
  ['GET session:?', 'GET', 'redis', 84, 0.0002, 0],
];
const GAUGES = [
  ['process.memory.usage', 'bytes', 4e8, 0.05],
  ['process.cpu.utilization', 'cores', 2.2, 0.4],
  ['process.thread.count', '', 48, 0.05],
  ['process.unix.file_descriptor.count', '', 212, 0.1],
  ['cpython.gc.pause', 's/s', 0.004, 0.8],
  ['asyncio.loop.lag', 's', 0.018, 0.9],
  ['process.context_switches', '1/s', 840, 0.3],
  ['pitviper.rate', 'Hz', 100, 0],
];

function makeApi(now, options) {
  const name = (text) => (options.evil ? EVIL + text : text);
  const real = (text) => text.replace(EVIL, '');
  const instant = (text, standard) => {
    if (text === null) return standard;
    if (text === 'now') return now();
    const age = /^(\d+)([smhd])$/.exec(text);
    return age ? now() - age[1] * { s: 1, m: 60, h: 3600, d: 86400 }[age[2]] : Number(text);
  };
  const range = (q) => ({ from: instant(q.get('from'), now() - 3600), to: instant(q.get('to'), now()) });
  const rush = (at, key) => 0.75 + 0.35 * Math.sin(at / 2400 + key) + 0.15 * noise(Math.floor(at / 10), key);
  const spike = (at) => {
    const since = now() - at;
    return since > 900 && since < 1200 ? 2.4 : 1;
  };

  function times(q) {
    const { from, to } = range(q);
    const points = Number(q.get('points') ?? 120);
    const step = Math.max(10, Math.ceil((to - from) / points / 10) * 10);
    const list = [];
    for (let at = Math.floor(from / step) * step; at < to; at += step) list.push(at);
    return { step, list };
  }
  const times_of = (total, count, mean) => ({
    count: Math.round(count),
    total_s: round(total),
    mean_s: round(mean),
    p50_s: round(mean * 0.7),
    p95_s: round(mean * 2.6),
    p99_s: round(mean * 5.2),
    max_s: round(mean * 19),
  });

  const services = () =>
    SERVICES.map(([service, versions, processes, cores, rss, rate, error_rate, agent], i) => ({
      service: name(service),
      versions,
      processes,
      cores,
      cpu_s: round(cores * 3600),
      rss_bytes: rss,
      requests: rate === null ? null : Math.round(rate * 3600),
      errors: rate === null ? null : Math.round(rate * 3600 * error_rate),
      rate,
      error_rate,
      p50_s: rate === null ? null : 0.012 * (i + 1),
      p95_s: rate === null ? null : 0.084 * (i + 1),
      spark_step_s: 60,
      spark: Array.from({ length: 60 }, (_, at) =>
        processes === 0 && at > 20
          ? null
          : round(cores * rush(now() - 3600 + at * 60, i) * spike(now() - 3600 + at * 60)),
      ),
      last_s: processes === 0 ? now() - 2400 : now() - 8,
      has_agent: agent && !options.agentless,
    }));

  const endpoints = (q) => {
    const { from, to } = range(q);
    return ENDPOINTS.map(([endpoint, rate, mean, errors], i) => {
      const requests = Math.round(rate * (to - from));
      const total = requests * mean;
      return {
        service: q.get('service'),
        endpoint: name(endpoint),
        kind: endpoint.startsWith('task') ? 'task' : 'request',
        route: endpoint.replace(/^\w+ /, ''),
        method: endpoint.split(' ')[0],
        ...times_of(total, requests, mean),
        requests,
        errors: Math.round(requests * errors),
        rate,
        p90_s: mean * 2,
        parts: {
          queue_s: total * 0.02,
          cpu_s: total * (0.2 + 0.1 * (i % 3)),
          database_s: total * 0.31,
          outbound_s: i === 2 ? total * 0.2 : 0,
          cache_s: total * 0.04,
          template_s: i % 2 ? total * 0.07 : 0,
          gc_s: total * 0.01,
          loop_s: null,
          gil_s: total * 0.03,
        },
        repeated: i === 0 ? Math.round(requests * 0.3) : 0,
      };
    });
  };

  const queries = (q) => {
    const { from, to } = range(q);
    return STATEMENTS.map(([statement, summary, system, rate, mean, repeats], i) => {
      const count = Math.round(rate * (to - from));
      return {
        service: q.get('service'),
        statement: name(statement),
        system,
        summary,
        fingerprint: ((0x9e3779b97f4a7c15n * BigInt(i + 1)) & 0xffffffffffffffffn).toString(16),
        ...times_of(count * mean, count, mean),
        errors: i === 2 ? 4 : 0,
        rows: count * 3,
        repeats: Math.round((repeats * (to - from)) / 60),
        endpoints: ENDPOINTS.slice(0, 1 + (i % 3)).map(([endpoint], at) => ({
          endpoint: name(endpoint),
          count: Math.round(count / (at + 2)),
          total_s: round((count * mean) / (at + 2)),
          repeated: repeats && at === 0 ? Math.round((repeats * (to - from)) / 60) : 0,
        })),
      };
    });
  };

  const calls = (kind) => (q) =>
    ({
      outbound: [
        ['api.stripe.com', 'POST'],
        ['search.internal', 'GET'],
      ],
      cache: [
        ['redis', 'GET'],
        ['redis', 'SETEX'],
      ],
      templates: [
        ['orders/detail.html', 'jinja2'],
        ['base.html', 'jinja2'],
      ],
      tasks: [
        ['send_mail', ''],
        ['reindex', ''],
      ],
    })[kind].map(([text, detail], i) => ({
      service: q.get('service'),
      name: name(text),
      detail,
      errors: i,
      ...times_of(120 / (i + 1), 4000 / (i + 1), 0.03),
    }));

  const errors = (q) =>
    [
      ['TimeoutError', 'charge (payments/stripe.py:88)', false, 214],
      ['IntegrityError', 'save (orders/models.py:140)', false, 31],
      ['KeyError', 'get_price (orders/pricing.py:52)', true, 1209],
    ].map(([type, where, handled, count], i) => ({
      service: q.get('service'),
      type: name(type),
      where: name(where),
      handled,
      count,
      endpoints: ENDPOINTS.slice(0, i + 2).map(([endpoint], at) => ({
        endpoint: name(endpoint),
        count: Math.round(count / (at + 2)),
      })),
      last_s: now() - 40 - i * 900,
    }));

  const heads = (q) => {
    const { from, to } = range(q);
    return Array.from({ length: 240 }, (_, i) => {
      const endpoint = ENDPOINTS[i % 5];
      const error = noise('e', i) < 0.06;
      return {
        trace: (0x4bf92f3577b34da6a3ce929d0e0e4736n + BigInt(i)).toString(16),
        service: q.get('service'),
        version: i % 9 ? '4.2.0' : '4.1.0',
        endpoint: name(endpoint[0]),
        start_s: round((to - ((to - from) * (i + 0.4)) / 240) * 1000) / 1000 || to,
        duration_s: round(endpoint[2] * (0.4 + 9 * noise('d', i) ** 4)),
        status: error ? 500 : 200,
        error,
        reasons: error ? ['error'] : noise('d', i) > 0.8 ? ['slow'] : ['sampled'],
        spans: 6 + Math.floor(40 * noise('s', i)),
        pid: 4242 + (i % 6),
      };
    }).map((head, i) => ({ ...head, start_s: to - ((to - from) * (i + 0.4)) / 240 }));
  };

  const traces = (q) => {
    const least =
      parseFloat(q.get('min_duration') ?? '0') * (/ms$/.test(q.get('min_duration') ?? '') ? 0.001 : 1);
    return heads(q)
      .filter((head) => head.duration_s >= least)
      .filter((head) => q.get('status') !== 'error' || head.error);
  };

  function trace(id) {
    const head = heads(new URLSearchParams({ service: 'shop' })).find((one) => one.trace === id);
    if (!head) return null;
    const duration = 0.412;
    const span = (n, parent, kind, text, detail, from, length, more = {}) => ({
      span: String(n),
      parent: String(parent || ''),
      kind,
      name: name(text),
      detail: name(detail),
      start_s: from,
      duration_s: length,
      error: false,
      status: null,
      rows: null,
      ...more,
    });
    const spans = [
      span(1, 0, 'request', 'GET /orders/<int:id>', '/orders/<int:id>', 0, duration, {
        status: 500,
        error: true,
      }),
      span(2, 1, 'query', STATEMENTS[1][1], STATEMENTS[1][0], 0.012, 0.041, { rows: 20 }),
      span(3, 1, 'cache', 'GET session:?', '', 0.056, 0.0011),
      span(4, 1, 'function', 'orders.views.order_detail', '', 0.06, 0.31),
      span(5, 1, 'template', 'orders/detail.html', '', 0.375, 0.03),
      ...Array.from({ length: 20 }, (_, i) =>
        span(10 + i, 4, 'query', STATEMENTS[0][1], STATEMENTS[0][0], 0.07 + i * 0.009, 0.0041, { rows: 1 }),
      ),
      span(40, 4, 'outbound', 'POST api.stripe.com', 'https://api.stripe.com/v1/charges', 0.27, 0.09, {
        error: true,
        status: 504,
      }),
    ];
    const page = synthesise({ nodes: 300, threads: 1, seconds: 1, seed: 11 });
    page.meta = { ...page.meta, start_us: Math.round(head.start_s * 1e6) };
    page.timeline.unit_us = Math.round((duration * 1e6) / 1000);
    return {
      ...head,
      duration_s: duration,
      error: true,
      status: 500,
      spans,
      errors: [
        { type: name('TimeoutError'), where: 'charge (payments/stripe.py:88)', at_s: 0.36, span: '40' },
      ],
      profile: page,
    };
  }

  function series(q) {
    const { step, list } = times(q);
    const known = (at, value) => (at > now() ? null : round(value));
    const line = (text, unit, of) => ({
      name: name(text),
      unit,
      values: list.map((at) => known(at, of(at))),
    });
    const cpu = {
      none: ['all'],
      process: ['4242', '4243', '4244', '4245', '4246', '4247'],
      thread: ['MainThread', ...Array.from({ length: 13 }, (_, i) => `worker-${i}`)],
      endpoint: ENDPOINTS.map(([endpoint]) => endpoint),
      version: ['4.1.0', '4.2.0'],
    };
    switch (q.get('what')) {
      case 'cpu':
        return [
          step,
          list,
          cpu[q.get('by') ?? 'none'].map((text, i, all) =>
            line(
              text,
              'cores',
              (at) => (2.2 / all.length) * rush(at, i) * (i < 2 ? spike(at) : 1) * (1.5 - i / all.length),
            ),
          ),
        ];
      case 'requests':
        return [
          step,
          list,
          [
            line('requests', '1/s', (at) => 31 * rush(at, 1)),
            line('errors', '1/s', (at) => 0.2 * rush(at, 2) * spike(at)),
          ],
        ];
      case 'latency':
        return [
          step,
          list,
          [
            ['p50', 0.014],
            ['p95', 0.061],
            ['p99', 0.19],
          ].map(([text, mean], i) => line(text, 's', (at) => mean * rush(at, i) * spike(at))),
        ];
      case 'queries':
        return [
          step,
          list,
          [
            line('count', '1/s', (at) => 400 * rush(at, 3)),
            line('time', 's/s', (at) => 0.0009 * rush(at, 4)),
          ],
        ];
      case 'runtime':
        return [
          step,
          list,
          GAUGES.map(([text, unit, mean, wobble], i) => ({
            ...line(text, unit, (at) => mean * (1 + wobble * (rush(at, i) - 0.9))),
            name: text,
          })),
        ];
      default:
        return null;
    }
  }

  const events = (q) =>
    [
      [3000, 'deploy', 'shop', '4.2.0', 'deployed by ci'],
      [2990, 'start', 'shop', '4.2.0', 'gunicorn: worker 4247'],
      [2985, 'exit', 'shop', '4.1.0', 'gunicorn: worker 4121'],
      [1100, 'rate', '', '', 'samples at 67 Hz instead of 100 Hz to keep the budget of 1 %'],
      [700, 'alert', 'gunicorn payments:app', '', 'error rate over 5 %'],
    ]
      .map(([ago, kind, service, version, text]) => ({
        at_s: now() - ago,
        kind,
        service: name(service),
        host: 'web7',
        version,
        pid: kind === 'start' ? 4247 : 0,
        text: name(text),
        detail: '',
      }))
      .filter((event) => !q.get('kind') || event.kind === q.get('kind'))
      .filter(
        (event) =>
          !q.get('service') || real(event.service) === real(q.get('service')) || event.service === '',
      );

  const status = () => ({
    version: '0.1.0',
    started_s: now() - 86400 * 12,
    host: 'web7',
    rate_hz: 67,
    cores: 0.0083,
    budget_cores: 0.01,
    rss_bytes: 38.2e6,
    processes: 16,
    samples: 18400211,
    late: 1202,
    lost: 41,
    store: { bytes: 812e6, budget_bytes: 5e9, files: 61, failing: false, reason: '', damaged_windows: 0 },
    warnings: options.warnings ?? [],
  });

  const histogram = () => ({
    buckets: Array.from({ length: 60 }, (_, i) => {
      const low = 0.001 * 1.12 ** i;
      const bell = Math.exp(-(((i - 22) / 7) ** 2)) + 0.05 * Math.exp(-(((i - 48) / 4) ** 2));
      return { low_s: round(low), high_s: round(low * 1.12), count: Math.round(20000 * bell) };
    }),
    count: 250000,
    p50_s: 0.0121,
    p95_s: 0.0432,
    p99_s: 0.241,
  });

  const processes = (q) =>
    Array.from({ length: 7 }, (_, i) => ({
      service: q.get('service'),
      host: 'web7',
      version: i === 6 ? '4.1.0' : '4.2.0',
      pid: 4242 + i,
      command: name('gunicorn: worker [shop:app]'),
      started_s: now() - 2990 + i,
      ended_s: i === 6 ? now() - 1800 : null,
      python: '3.12.1',
      cores: i === 6 ? null : round(0.4 - i * 0.03),
      rss_bytes: 68e6 + i * 1e6,
      threads: 8,
      has_agent: true,
      rate_hz: 67,
      samples: 120000 - i * 900,
    }));

  function profile(q) {
    const diff = ['base_from', 'base_version'].some((key) => q.has(key));
    const page = synthesise({
      nodes: 3000,
      threads: 6,
      seconds: 60,
      diff,
      timeline: false,
      seed: q.has('endpoint') ? 9 : 7,
    });
    if (options.evil) page.strings = page.strings.map((text) => (text === 'total_price' ? EVIL : text));
    return { ...page, meta: { ...page.meta, title: q.get('service') ?? 'all' } };
  }

  const lists = {
    services,
    processes,
    endpoints,
    queries,
    errors,
    traces,
    events,
    outbound: calls('outbound'),
    cache: calls('cache'),
    templates: calls('templates'),
    tasks: calls('tasks'),
    threads: (q) =>
      ['MainThread', 'worker-0', 'worker-1'].map((thread, i) => ({
        service: q.get('service'),
        thread: name(thread),
        samples: 9000 - i,
        cpu_s: 90 - i,
      })),
    versions: (q) =>
      ['4.1.0', '4.2.0'].map((version, i) => ({
        service: q.get('service'),
        version,
        first_s: now() - 9e4 + i * 87000,
        last_s: i ? now() : now() - 3000,
        samples: 90000,
      })),
  };

  return (path, q) => {
    if (path in lists) {
      const { from, to } = range(q);
      const wanted = (q.get('search') ?? '').toLowerCase();
      const text = (row) =>
        `${row.service ?? ''} ${row.endpoint ?? ''} ${row.statement ?? ''} ${row.type ?? ''} ${row.name ?? ''} ${row.command ?? ''} ${row.text ?? ''} ${row.trace ?? ''}`;
      let rows = options.empty ? [] : lists[path](q);
      if (path !== 'services')
        rows = rows.filter((row) => wanted === '' || text(row).toLowerCase().includes(wanted));
      else rows = rows.filter((row) => row.service.toLowerCase().includes(wanted));
      if (path === 'services' && q.get('service'))
        rows = rows.filter((row) => row.service === q.get('service'));
      if (['endpoints', 'traces'].includes(path) && q.get('endpoint'))
        rows = rows.filter((row) => row.endpoint === q.get('endpoint'));
      const sort = q.get('sort');
      if (sort) rows = [...rows].sort((a, b) => (b[sort] ?? -1) - (a[sort] ?? -1));
      const total = rows.length;
      const limit = Number(q.get('limit') ?? 100);
      if (limit > 0) rows = rows.slice(0, limit);
      return {
        from_s: from,
        to_s: to,
        damaged_windows: options.missing ? 2 : 0,
        missing_s: options.missing ? 720 : 0,
        total,
        rows,
      };
    }
    if (path === 'series') {
      const answer = series(q);
      if (!answer) return null;
      const [step_s, times_s, rows] = answer;
      return options.empty ? { step_s, times_s, series: [] } : { step_s, times_s, series: rows };
    }
    if (path === 'histogram')
      return options.empty ? { buckets: [], count: 0, p50_s: null, p95_s: null, p99_s: null } : histogram();
    if (path === 'status') return status();
    if (path === 'profile')
      return options.empty ? synthesise({ nodes: 40, threads: 1, seconds: 0, timeline: false }) : profile(q);
    if (path.startsWith('traces/')) return trace(decodeURIComponent(path.slice(7)));
    return null;
  };
}

export async function startMock({ now: fixed = 0, port = 0, ...first } = {}) {
  const options = { ...first };
  const now = () => (fixed > 0 ? fixed : Math.floor(Date.now() / 1000));
  const api = makeApi(now, options);
  const requests = [];
  const posted = [];
  const streams = new Set();
  const json = (response, status, body) => {
    response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache' });
    const text = JSON.stringify(body);
    response.end(options.cut ? text.slice(0, options.cut) : text);
  };

  async function answer(request, response) {
    const url = new URL(request.url, 'http://x');
    requests.push(url.pathname + url.search);
    response.setHeader('Content-Security-Policy', POLICY);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Referrer-Policy', 'no-referrer');
    const file = FILES[url.pathname];
    if (file) {
      response.setHeader('Content-Type', file[1]);
      return response.end(readFileSync(join(dist, file[0])));
    }
    if (options.token && request.headers.authorization !== `Bearer ${options.token}`)
      return json(response, 401, { error: 'send the token as “Authorization: Bearer …”', status: 401 });
    if (!url.pathname.startsWith('/api/v1/'))
      return json(response, 404, { error: 'no such page', status: 404 });
    const path = url.pathname.slice('/api/v1/'.length);
    if (path === 'live') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write(': hello\n\n');
      streams.add(response);
      return response.on('close', () => streams.delete(response));
    }
    if (request.method === 'POST') {
      let body = '';
      for await (const chunk of request) body += chunk;
      posted.push([path, JSON.parse(body)]);
      return json(response, path === 'boost' ? 202 : 201, {});
    }
    if (options.busy > 0 && path !== 'status') {
      options.busy--;
      response.setHeader('Retry-After', '0');
      return json(response, 503, { error: 'too much to do', status: 503 });
    }
    if (options.slow) await new Promise((done) => setTimeout(done, options.slow));
    if (options.failing && path !== 'status')
      return json(response, options.failing, {
        error: 'the store cannot be read; see the log',
        status: options.failing,
      });
    const body = api(path, url.searchParams);
    return body
      ? json(response, 200, body)
      : json(response, 404, { error: `nothing is called ${path}`, status: 404 });
  }

  const server = createServer((request, response) => void answer(request, response));
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    requests,
    posted,
    set: (changes) => Object.assign(options, changes),
    send(name, data) {
      for (const stream of streams) stream.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
    },
    listeners: () => streams.size,
    status: () => api('status', new URLSearchParams()),
    async close() {
      for (const stream of streams) stream.end();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const at = process.argv.indexOf('--port');
  const mock = await startMock({ port: at < 0 ? 0 : Number(process.argv[at + 1]) });
  setInterval(() => mock.send('status', mock.status()), 5000);
  console.log(mock.url);
}
