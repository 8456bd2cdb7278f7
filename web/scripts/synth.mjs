// SPDX-License-Identifier: MIT
// synth.mjs - makes profiles of any size, always the same for the same seed, for tests, benchmarks and screenshots.
//
//   node scripts/synth.mjs --nodes 100000 --threads 12 --seconds 60 [--diff] > profile.json
//
// The stacks grow as those of a service do: threads, a server's loop, handlers of a few modules, libraries below.
// --diff adds a base in which one function was cheaper, one did not exist yet and one has since gone.

import { pathToFileURL } from 'node:url';

const VENV = '/srv/shop/.venv/lib/python3.12/site-packages';
const STDLIB = '/usr/lib/python3.12';
const FILES = [
  ['/srv/shop/app.py', 'create_app dispatch main before_request after_request'],
  ['/srv/shop/orders/views.py', 'OrderView.get OrderView.post list_orders order_detail checkout'],
  ['/srv/shop/orders/pricing.py', 'total_price apply_discount tax_for round_cents Basket.items Basket.total'],
  ['/srv/shop/orders/models.py', 'Order.load Order.save Order.lines Line.from_row'],
  ['/srv/shop/search/index.py', 'search tokenize rank score Ranker.top merge_hits'],
  ['/srv/shop/templates/render.py', 'render_page render_block escape_all <listcomp> context'],
  [
    `${VENV}/flask/app.py`,
    'Flask.__call__ Flask.wsgi_app Flask.full_dispatch_request Flask.dispatch_request',
  ],
  [`${VENV}/sqlalchemy/orm/session.py`, 'Session.execute Session.flush Session._autoflush'],
  [`${VENV}/sqlalchemy/engine/default.py`, 'DefaultDialect.do_execute Cursor.fetchall process_rows'],
  [`${VENV}/jinja2/environment.py`, 'Template.render Environment.handle compile_expression root_render_func'],
  [`${VENV}/numpy/core/fromnumeric.py`, 'sum argsort _wrapreduction'],
  [`${VENV}/redis/client.py`, 'Redis.get Redis.execute_command Connection.read_response'],
  [
    `${STDLIB}/json/encoder.py`,
    'JSONEncoder.encode JSONEncoder.iterencode _make_iterencode.<locals>._iterencode_dict',
  ],
  [`${STDLIB}/json/decoder.py`, 'JSONDecoder.decode JSONDecoder.raw_decode'],
  [`${STDLIB}/re/_parser.py`, 'parse _parse_sub _parse SubPattern.getwidth'],
  [`${STDLIB}/threading.py`, 'Thread._bootstrap Thread._bootstrap_inner Thread.run Condition.wait'],
  [`${STDLIB}/socket.py`, 'socket.accept SocketIO.readinto create_connection'],
  [`${STDLIB}/selectors.py`, 'EpollSelector.select'],
];
const NATIVE = ['libc.so.6 memcpy', 'libc.so.6 malloc', '_json.so encode_string', 'libpq.so.5 PQexec'];

/** mulberry32: small, fast, good enough to draw pictures. */
function random(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function synthesise({
  nodes = 2000,
  threads = 6,
  seconds = 60,
  seed = 7,
  diff = false,
  timeline = true,
} = {}) {
  const rand = random(seed);
  const strings = [''];
  const stringIds = new Map([['', 0]]);
  const string = (text) => {
    if (!stringIds.has(text)) stringIds.set(text, strings.push(text) - 1);
    return stringIds.get(text);
  };
  const frames = { name: [], file: [], full_file: [], line: [], first_line: [], kind: [] };
  const addFrame = (name, path, line, first, kind) => {
    frames.name.push(string(name));
    frames.file.push(string(path.replace(/^.*site-packages\/|^\/srv\/shop\/|^\/usr\/lib\/python3.12\//, '')));
    frames.full_file.push(string(path));
    frames.line.push(line);
    frames.first_line.push(first);
    return frames.kind.push(kind) - 1;
  };
  const functions = [];
  for (const [path, names] of FILES)
    for (const name of names.split(' ')) {
      const first = 10 + Math.floor(rand() * 400);
      const lines = [3, 5, 9, 14].map((offset) => addFrame(name, path, first + offset, first, 0));
      functions.push({ name, lines });
    }
  const extra = Math.floor(nodes / 200);
  for (let i = 0; i < extra; i++) {
    const path = `/srv/shop/plugins/plugin_${i % 37}.py`;
    functions.push({
      name: `plugin_step_${i}`,
      lines: [addFrame(`plugin_step_${i}`, path, 12 + i, 8 + i, 0)],
    });
  }
  const native = NATIVE.map((text) => {
    const [file, name] = text.split(' ');
    return addFrame(name, file, 0, 0, 1);
  });
  const gc = addFrame('<GC>', '', 0, 0, 5);
  const changing = addFrame('<changing>', '', 0, 0, 6);
  const fresh = addFrame('validate_vat_number', '/srv/shop/orders/vat.py', 31, 22, 0);
  const gone = addFrame('legacy_price_lookup', '/srv/shop/orders/pricing.py', 301, 290, 0);

  const nodeParent = [-1];
  const nodeFrame = [-1];
  const children = new Map();
  const child = (parent, frame) => {
    const key = parent * 65536 * 16 + frame;
    if (!children.has(key)) {
      nodeParent.push(parent);
      children.set(key, nodeFrame.push(frame) - 1);
    }
    return children.get(key);
  };
  const line = (fn) => fn.lines[Math.floor(rand() * rand() * fn.lines.length)];
  const byName = (name) => functions.find((f) => f.name === name);
  let server = 0;
  for (const name of [
    'Thread._bootstrap',
    'Thread._bootstrap_inner',
    'Thread.run',
    'Flask.__call__',
    'Flask.wsgi_app',
    'Flask.full_dispatch_request',
    'Flask.dispatch_request',
  ])
    server = child(server, byName(name).lines[0]);
  const pool = [server];
  const hot = [
    byName('total_price'),
    byName('score'),
    byName('Template.render'),
    byName('DefaultDialect.do_execute'),
  ];
  while (nodeParent.length < nodes) {
    let at = rand() < 0.35 ? server : pool[Math.floor(rand() ** 1.5 * pool.length)];
    const steps = 2 + Math.floor(rand() * 12);
    for (let i = 0; i < steps && nodeParent.length < nodes; i++) {
      const fn =
        rand() < 0.2
          ? hot[Math.floor(rand() * hot.length)]
          : functions[Math.floor(rand() ** 1.3 * functions.length)];
      at = child(at, line(fn));
      if (rand() < 0.03) at = child(at, line(fn));
      pool.push(at);
    }
    if (rand() < 0.1) at = child(at, native[Math.floor(rand() * native.length)]);
    else if (rand() < 0.04) at = child(at, gc);
    else if (rand() < 0.02) at = child(at, changing);
  }
  const newNode = diff ? child(server, fresh) : -1;
  const goneNode = diff ? child(server, gone) : -1;
  const idleNode = child(child(0, byName('EpollSelector.select').lines[0]), native[0]);

  const names = ['MainThread', ...Array.from({ length: threads - 1 }, (_, i) => `worker-${i}`)];
  const threadRows = names.map((name, i) => ({
    pid: 4242 + (i % 2),
    tid: 4242 + i,
    name,
    process: 'gunicorn: shop',
  }));
  const perThread = 100 * seconds;
  const counts = new Map();
  const rows = threadRows.map((_, thread) => ({ thread, gap: [], duration: [], node: [], count: [] }));
  const leaves = nodeParent.length - 3;
  threadRows.forEach((_, thread) => {
    let gap = 0;
    let ofThread = 0;
    while (ofThread < perThread) {
      const phase = ofThread / perThread;
      const busy = thread === 0 ? 0.08 : 0.3 + 0.6 * Math.abs(Math.sin(phase * 5 + thread));
      const length = 1 + Math.floor(rand() * rand() * 12);
      ofThread += length;
      if (rand() > busy) {
        gap += length * 10;
        continue;
      }
      const spike = phase > 0.55 && phase < 0.62 && thread % 3 === 1;
      let node =
        thread === 0 && rand() < 0.7
          ? idleNode
          : 7 + Math.floor((spike ? 0.02 * rand() : rand() ** 2.2) * (leaves - 7));
      if (diff && rand() < 0.06) node = newNode;
      rows[thread].gap.push(gap);
      rows[thread].duration.push(length * 10);
      rows[thread].node.push(node);
      rows[thread].count.push(length);
      const key = thread * 2 ** 26 + node;
      counts.set(key, (counts.get(key) ?? 0) + length);
      gap = 0;
    }
  });
  const toSamples = (map) => {
    const samples = { thread: [], node: [], count: [], weight_ns: [] };
    for (const [key, count] of map) {
      samples.thread.push(Math.floor(key / 2 ** 26));
      samples.node.push(key % 2 ** 26);
      samples.count.push(count);
      samples.weight_ns.push(count * 1e7);
    }
    return samples;
  };
  const total = [...counts.values()].reduce((a, b) => a + b, 0);
  const page = {
    format: 'pitviper-profile',
    version: 1,
    meta: {
      title: 'gunicorn shop.app:create_app()',
      command: 'gunicorn shop.app:create_app()',
      python: '3.12.1',
      host: 'web7',
      mode: 'cpu',
      pid: 4242,
      start_us: 1763800000000000,
      duration_us: seconds * 1e6,
      period_ns: 1e7,
    },
    stats: {
      samples: total,
      rounds: perThread,
      exact: total - 12,
      partial: 12,
      lost: 3,
      late: 2,
      errors: 0,
      reads: perThread + 31,
    },
    strings,
    kinds: ['python', 'native', 'kernel', 'thread', 'process', 'gc', 'changing', 'other'],
    frames,
    nodes: { parent: nodeParent, frame: nodeFrame },
    threads: threadRows,
    samples: toSamples(counts),
    timeline: timeline ? { unit_us: 1000, threads: rows } : null,
  };
  if (diff) {
    const cheaper = new Map();
    for (const [key, count] of counts) {
      const node = key % 2 ** 26;
      let share = 0.9 + rand() * 0.2;
      for (let at = node; at > 0; at = nodeParent[at])
        if (strings[frames.name[nodeFrame[at]]] === 'total_price') share = 0.45;
      const n = node === newNode ? 0 : Math.round(count * share);
      if (n > 0) cheaper.set(key, n);
    }
    cheaper.set(2 ** 26 + goneNode, Math.round(total * 0.04));
    page.base = {
      meta: { ...page.meta, title: 'release 41', start_us: page.meta.start_us - 864e8 },
      stats: { ...page.stats },
      samples: toSamples(cheaper),
    };
  }
  return page;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const options = {};
  for (let i = 2; i < process.argv.length; i++) {
    const name = process.argv[i].replace(/^--/, '');
    options[name] = name === 'diff' ? true : Number(process.argv[++i]);
  }
  process.stdout.write(JSON.stringify(synthesise(options)));
}
