// SPDX-License-Identifier: MIT
// The served page in a real browser, before a server whose answers have the documented shapes (scripts/mock.mjs).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EVIL, startMock } from '../../scripts/mock.mjs';
import type { Mock, MockOptions } from '../../scripts/mock.mjs';
import { findChromium, openBrowser } from '../../scripts/page.mjs';
import type { Browser, OpenOptions, Tab } from '../../scripts/page.mjs';

const skip = findChromium() ? false : 'no Chromium here (PITVIPER_CHROMIUM names one)';
const SHOP = '#/service/shop/';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const ORDER = 'GET /orders/<int:id>';
let browser: Browser;

before(async () => {
  if (!skip) browser = await openBrowser();
});
after(async () => {
  if (!skip) await browser.close();
});

interface Setting extends OpenOptions {
  readonly answers?: MockOptions;
  /** Errors that the browser itself reports, such as an answer's status. */
  readonly faults?: number;
}

function check(
  name: string,
  place: string,
  { answers = {}, faults = 0, ...options }: Setting,
  body: (tab: Tab, mock: Mock) => Promise<void>,
): void {
  test(name, { skip, timeout: 60_000 }, async () => {
    const mock = await startMock(answers);
    const tab = await browser.visit(mock.url + place, options);
    try {
      await body(tab, mock);
      assert.equal(tab.faults.length, faults, tab.faults.join('\n'));
      const foreign = tab.requests.filter((url) => !url.startsWith(mock.url) && !/^(data|blob):/.test(url));
      assert.deepEqual(foreign, [], 'nothing is fetched from elsewhere');
      assert.equal(await tab.evaluate(() => 'hacked' in window), false, 'no name has run');
    } finally {
      await tab.close();
      await mock.close();
    }
  });
}

/** What was done has had its effect (effects run after painting, and ask), and nothing is asked for any more. */
const settled = async (tab: Tab): Promise<void> => {
  await tab.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50)))),
  );
  await tab.waitForFunction(
    () => !document.querySelector('.loading, .stale') && document.querySelector('.view, .problem'),
  );
};
const place = (tab: Tab): Promise<string> => tab.evaluate(() => location.hash);
const asked = (mock: Mock, path: string): string[] =>
  mock.requests.filter((url) => url.startsWith(`/api/v1/${path}`)).map(decodeURIComponent);
const heading = (tab: Tab): Promise<string> => tab.locator('h1').innerText();

check(
  'services: the troubled first, with figures; a click leads to the service, back leads back',
  '',
  {},
  async (tab) => {
    await settled(tab);
    assert.equal(await tab.title(), 'Services · pitviper');
    const names = await tab.locator('tbody .service-name').allInnerTexts();
    assert.deepEqual(names.slice(0, 3), ['gunicorn payments:app', 'celery -A tasks', 'shop']);
    assert.equal(names.at(-1), 'old-worker');
    assert.match(
      await tab.locator('tr', { hasText: 'shop' }).innerText(),
      /well\s+4\.1\.0, 4\.2\.0\s+6\s+2\.31\s+412 MB\s+84\.2\/s\s+84 ms\s+0\.40 %/,
    );
    assert.match(await tab.locator('tr', { hasText: 'report-nightly' }).innerText(), /no agent\s+–\s+–/);
    assert.equal(await tab.locator('.spark').count(), 6);
    await tab.click('tbody tr:nth-child(3) td:nth-child(5)');
    assert.equal(await heading(tab), 'shop');
    assert.equal(await place(tab), '#/service/shop/profile');
    await tab.goBack();
    assert.equal(await heading(tab), 'Services');
  },
);

check(
  'services: search and sorting are asked of the server and stay in the link',
  '',
  {},
  async (tab, mock) => {
    await settled(tab);
    await tab.keyboard.press('/');
    await tab.keyboard.type('pay');
    await tab.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
    await tab.click('th button:has-text("Memory")');
    await settled(tab);
    assert.match(await place(tab), /search=pay/);
    assert.ok(asked(mock, 'services').at(-1)!.includes('sort=rss_bytes'));
    const other = await browser.visit(mock.url + (await place(tab)), {});
    await other.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
    assert.equal(await other.inputValue('#search'), 'pay');
    assert.equal(await other.locator('th[aria-sort]').innerText(), 'Memory ▾');
    await other.close();
  },
);

check('services: none at all says what to do', '', { answers: { empty: true } }, async (tab) => {
  await settled(tab);
  assert.match(await tab.locator('.empty').innerText(), /No Python process was seen[^]*pitviper doctor/);
});

check('states: loading has the shape of what comes', '', { answers: { slow: 600 } }, async (tab) => {
  assert.ok((await tab.locator('.loading .ghost').count()) > 3);
  assert.equal(await tab.locator('.loading').getAttribute('role'), 'status');
  await settled(tab);
  assert.equal(await tab.locator('tbody tr').count(), 6);
});

check(
  'states: a failure is the server’s sentence, and may be tried again',
  '',
  { answers: { failing: 503 }, faults: 1 },
  async (tab, mock) => {
    await tab.waitForSelector('.failed');
    assert.match(await tab.locator('.failed').innerText(), /The store cannot be read; see the log/);
    mock.set({ failing: 0 });
    await tab.click('.failed button');
    await tab.waitForSelector('tbody tr');
  },
);

check(
  'states: an answer that is cut off, or is none of ours, is said to be so',
  '',
  { answers: { cut: 40 } },
  async (tab, mock) => {
    await tab.waitForSelector('.failed');
    assert.match(await tab.locator('.failed').innerText(), /cut off on its way/);
    mock.set({ cut: 2 });
    await tab.keyboard.press('r');
    await tab.waitForSelector('.failed');
  },
);

check(
  'states: what is missing of a range is said',
  '',
  { answers: { missing: true, warnings: ['The disk is full.'] } },
  async (tab) => {
    await settled(tab);
    assert.match(
      await tab.locator('.notice').innerText(),
      /12 min of this range are missing\. 2 damaged windows/,
    );
    assert.equal(await tab.locator('.warnings').innerText(), 'The disk is full.');
  },
);

check(
  'states: when the server goes away, what was there stays, and it is said',
  '',
  { faults: 1 },
  async (tab, mock) => {
    await settled(tab);
    await mock.close();
    await tab.waitForSelector('.live-lost');
    await tab.keyboard.press('r');
    await tab.waitForSelector('.notice');
    assert.match(await tab.locator('.notice').innerText(), /does not answer[^]*from before/);
    assert.equal(await tab.locator('tbody tr').count(), 6);
    tab.faults.splice(0, tab.faults.length, 'the connection, as often as it was tried');
  },
);

check('range: presets, a custom one and the link', '', {}, async (tab, mock) => {
  await settled(tab);
  await tab.click('.presets button:has-text("6h")');
  await settled(tab);
  assert.equal(await place(tab), '#/?from=6h');
  assert.ok(asked(mock, 'services').at(-1)!.includes('from=6h&to=now'));
  await tab.click('.range-now');
  await tab.fill('.custom-range label:has-text("From") input', '2026-11-20T10:00:00');
  await tab.fill('.custom-range label:has-text("To") input', '2026-11-20T12:30:00');
  await tab.click('.custom-range button[type=submit]');
  const from = await tab.evaluate(() => new Date('2026-11-20T10:00:00').getTime() / 1000);
  assert.equal(await place(tab), `#/?from=${from}&to=${from + 9000}`);
  await settled(tab);
  await tab.goBack();
  assert.equal(await place(tab), '#/?from=6h');
});

check(
  'profile: filters, comparison and the explorer’s own state are one link',
  `${SHOP}profile`,
  {},
  async (tab, mock) => {
    await settled(tab);
    await tab.selectOption('.filters .select:has-text("Endpoint") select', ORDER);
    await tab.selectOption('.select:has-text("Compare with") select', '1d');
    await settled(tab);
    const last = asked(mock, 'profile').at(-1)!;
    assert.match(last, /endpoint=GET\+\/orders\/<int:id>/);
    const [from, to] = [/base_from=(\d+)/, /base_to=(\d+)/].map((key) => Number(key.exec(last)![1]));
    assert.equal(to! - from!, 3600);
    await tab.click('.explorer [role=tab]:has-text("Table")');
    await tab.waitForSelector('.explorer td.name');
    const link = await place(tab);
    assert.match(link, /base=1d.*view=table/);
    const other = await browser.visit(mock.url + link, {});
    await settled(other);
    assert.ok((await other.locator('.explorer th.change').count()) > 0);
    assert.equal(await other.locator('.filters .select:has-text("Endpoint") select').inputValue(), ORDER);
    await other.close();
  },
);

check(
  'profile: against a release, within its life',
  `${SHOP}profile?base=v%3A4.1.0`,
  {},
  async (tab, mock) => {
    await settled(tab);
    assert.match(asked(mock, 'profile').at(-1)!, /base_version=4\.1\.0&base_from=\d+&base_to=\d+/);
    assert.equal(asked(mock, 'profile').length, 1, 'not asked for before the release is known');
  },
);

check(
  'profile: two graphs side by side are zoomed together',
  `${SHOP}profile?base=7d&width=side&view=icicle`,
  {},
  async (tab) => {
    await settled(tab);
    assert.deepEqual(await tab.locator('.sides h3').allInnerTexts(), ['base', 'new']);
    const box = (await tab.locator('.sides .chart').nth(1).boundingBox())!;
    await tab.mouse.click(box.x + 60, box.y + 19 * 8.5);
    await tab.waitForSelector('.crumbs');
    assert.match(await place(tab), /zoom=/);
  },
);

check(
  'profile: dragging over CPU chooses a range, Escape gives it back, zooming in makes it the page’s',
  `${SHOP}profile?by=thread`,
  {},
  async (tab, mock) => {
    await settled(tab);
    const box = (await tab.locator('.heat-rows').boundingBox())!;
    await tab.mouse.move(box.x + box.width * 0.4, box.y + 20);
    await tab.mouse.down();
    await tab.mouse.move(box.x + box.width * 0.6, box.y + 24, { steps: 4 });
    await tab.mouse.up();
    await tab.waitForFunction(() => /sel=\d+-\d+/.test(location.hash));
    await settled(tab);
    const [from, to] = /from=(\d+)&to=(\d+)/.exec(asked(mock, 'profile').at(-1)!)!.slice(1).map(Number);
    assert.ok(Math.abs(to! - from! - 720) < 30, `${to! - from!} s of an hour`);
    await tab.click('.chip:has-text("Zoom in")');
    assert.match(await place(tab), /from=\d+&to=\d+/);
    assert.doesNotMatch(await place(tab), /sel=/);
    await tab.goBack();
    await tab.focus('.heat-rows');
    await tab.keyboard.press('Escape');
    await tab.waitForFunction(() => !/sel=/.test(location.hash));
  },
);

check('profile: a row of the heat map becomes a filter', `${SHOP}profile?by=endpoint`, {}, async (tab) => {
  await settled(tab);
  await tab.click('.heat-name:has-text("POST /checkout")');
  assert.match(await place(tab), /endpoint=POST\+%2Fcheckout/);
  await settled(tab);
  assert.equal(await tab.locator('.heat-name').count(), 1);
});

check(
  'profile: nothing sampled says what to change',
  `${SHOP}profile`,
  { answers: { empty: true } },
  async (tab) => {
    await settled(tab);
    assert.match(await tab.locator('.profile-tab .empty').innerText(), /No samples here[^]*longer range/);
  },
);

check(
  'profile: a boost is asked of the daemon; files carry the same filters',
  `${SHOP}profile?version=4.2.0`,
  {},
  async (tab, mock) => {
    await settled(tab);
    await tab.click('button:has-text("Boost")');
    await tab.waitForSelector('.page-toast.shown');
    assert.deepEqual(mock.posted, [['boost', { service: 'shop', rate_hz: 1000, seconds: 30 }]]);
    const [file] = await Promise.all([
      tab.waitForEvent('download'),
      tab.selectOption('.save select', 'pprof'),
    ]);
    assert.equal(file.suggestedFilename(), 'shop.pb.gz');
    assert.match(asked(mock, 'profile').at(-1)!, /service=shop&version=4\.2\.0&format=pprof/);
  },
);

check(
  'endpoints: one click from a slow bar to the flame graph of just those requests',
  `${SHOP}endpoints`,
  {},
  async (tab, mock) => {
    await settled(tab);
    await tab.click(`.row-link:has-text("/orders")`);
    await tab.waitForSelector('.bucket.slow');
    await settled(tab);
    assert.equal(await tab.locator('.plot').count(), 4);
    await tab.locator('.bucket.slow').first().click();
    assert.match(await place(tab), /^#\/service\/shop\/profile\?endpoint=GET.*min_duration=\d+(\.\d+)?ms$/);
    await settled(tab);
    assert.match(asked(mock, 'profile').at(-1)!, /min_duration=[\d.]+ms/);
    await tab.click('.chip:has-text("Their traces")');
    await settled(tab);
    assert.match(asked(mock, 'traces').at(-1)!, /endpoint=GET\+\/orders.*min_duration=/);
    await tab.goBack();
    await tab.goBack();
    assert.match(await place(tab), /endpoints\?endpoint=/);
  },
);

check(
  'endpoints: dragging over a chart chooses the range',
  `${SHOP}endpoints?endpoint=GET+%2F`,
  {},
  async (tab) => {
    await settled(tab);
    const box = (await tab.locator('.u-over').first().boundingBox())!;
    await tab.mouse.move(box.x + box.width * 0.5, box.y + 40);
    await tab.mouse.down();
    await tab.mouse.move(box.x + box.width * 0.75, box.y + 40, { steps: 5 });
    await tab.mouse.up();
    await tab.waitForFunction(() => /from=\d+&to=\d+/.test(location.hash));
    const [from, to] = /from=(\d+)&to=(\d+)/
      .exec(await place(tab))!
      .slice(1)
      .map(Number);
    assert.ok(Math.abs(to! - from! - 900) < 40, `${to! - from!} s`);
  },
);

check(
  'queries: a statement opens with its text, its time and who asks',
  `${SHOP}queries`,
  {},
  async (tab) => {
    await settled(tab);
    await tab.click('.row-link:has-text("JOIN users")');
    await tab.waitForSelector('.detail .sql');
    assert.match(await tab.locator('.sql').innerText(), /^SELECT o\.id[^]*\n {2}FROM orders o\n/);
    await settled(tab);
    await tab.click('.detail a:has-text("GET /search")');
    assert.match(await place(tab), /endpoints\?endpoint=GET\+%2Fsearch/);
  },
);

check('calls: each kind is asked for by its own name', `${SHOP}calls`, {}, async (tab, mock) => {
  await settled(tab);
  for (const [title, path] of [
    ['Caches', 'cache'],
    ['Templates', 'templates'],
    ['Tasks', 'tasks'],
  ] as const) {
    await tab.click(`.choice button:has-text("${title}")`);
    await settled(tab);
    assert.ok(asked(mock, path).length > 0, path);
  }
});

check('traces: longer than, failed ones, and the samples of one', `${SHOP}traces`, {}, async (tab, mock) => {
  await settled(tab);
  assert.equal(await tab.locator('tbody tr').count(), 100);
  assert.match(await tab.locator('.more').innerText(), /140 more of 240/);
  await tab.fill('.short-field', 'soon');
  await tab.keyboard.press('Tab');
  assert.equal(await tab.locator('.short-field').getAttribute('aria-invalid'), 'true');
  await tab.fill('.short-field', '200');
  await tab.keyboard.press('Tab');
  await tab.selectOption('.select:has-text("Status") select', 'error');
  await settled(tab);
  assert.match(asked(mock, 'traces').at(-1)!, /min_duration=200ms&status=error/);
});

check(
  'traces: the waterfall folds what repeats; a span is the range of the samples',
  `${SHOP}traces/${TRACE}`,
  {},
  async (tab) => {
    await tab.waitForSelector('.waterfall');
    assert.equal(await tab.locator('button.span-row').count(), 7);
    assert.match(
      await tab.locator('button.span-row', { hasText: 'products' }).innerText(),
      /SELECT products\s*× 20\s*82 ms/,
    );
    assert.equal(await tab.locator('.span-row.samples canvas').count(), 1);
    await tab.click('button:has-text("Show each")');
    assert.equal(await tab.locator('button.span-row').count(), 26);
    await tab.click('button.span-row:has-text("orders/detail.html")');
    assert.match(await place(tab), /span=5/);
    assert.match(await tab.locator('.explorer .selection').innerText(), /–/);
    await tab.locator('.explorer .selection .chip').first().click();
    assert.doesNotMatch(await place(tab), /span=/);
    assert.equal(await tab.locator('.explorer .selection').count(), 0);
    await tab.click('.trace-errors button');
    assert.match(await tab.locator('.detail .sql').innerText(), /api\.stripe\.com/);
    await tab.keyboard.press('u');
    assert.equal(await place(tab), '#/service/shop/traces');
  },
);

check('traces: one that is not there', `${SHOP}traces/00ff`, { faults: 1 }, async (tab) => {
  await tab.waitForSelector('.failed');
  assert.match(await tab.locator('.failed').innerText(), /Nothing is called traces\/00ff/);
});

check(
  'errors, runtime, processes, events, pitviper: each shows its rows',
  `${SHOP}errors`,
  {},
  async (tab) => {
    await settled(tab);
    assert.match(await tab.locator('tbody tr').first().innerText(), /KeyError[^]*handled[^]*1,209/);
    await tab.click('.service-tabs a:has-text("Runtime")');
    await settled(tab);
    assert.equal(await tab.locator('.plot h3').count(), 8);
    await tab.click('.service-tabs a:has-text("Processes")');
    await settled(tab);
    assert.match(await tab.locator('tbody').innerText(), /4248[^]*ended \d\d min ago/);
    await tab.click('.service-tabs a:has-text("Events")');
    await settled(tab);
    assert.ok((await tab.locator('.event-deploy').count()) === 1);
    await tab.click('.places a:has-text("pitviper")');
    await settled(tab);
    assert.match(await tab.locator('.cards').innerText(), /0\.83 % of a core[^]*67 Hz[^]*812 MB/);
  },
);

check('events: a release is marked', `${SHOP}events`, {}, async (tab, mock) => {
  await settled(tab);
  await tab.fill('#release', '4.3.0');
  await tab.keyboard.press('Enter');
  await tab.waitForSelector('.page-toast.shown');
  assert.deepEqual(mock.posted, [
    ['deploys', { service: 'shop', version: '4.3.0', text: 'marked on the page' }],
  ]);
});

check(
  'live: new figures arrive by themselves, unless paused',
  '#/?from=15m',
  {
    init: () => {
      const real = Date.now;
      const start = real();
      Date.now = () => start + (real() - start) * 20;
    },
  },
  async (tab, mock) => {
    await tab.waitForSelector('.live-live');
    await settled(tab);
    const before = asked(mock, 'services').length;
    await tab.waitForTimeout(700);
    mock.send('status', { ...mock.status(), warnings: ['something'] });
    await tab.waitForSelector('.warnings');
    await tab.waitForFunction(() => !document.querySelector('.stale'));
    assert.equal(asked(mock, 'services').length, before + 1);
    await tab.keyboard.press('l');
    await tab.waitForSelector('.live-paused');
    await tab.waitForTimeout(700);
    mock.send('status', mock.status());
    await tab.waitForSelector('.warnings', { state: 'detached' });
    assert.equal(asked(mock, 'services').length, before + 1);
    mock.send('event', { at_s: 1, kind: 'deploy', service: 'shop', version: '9.9' });
    await tab.waitForSelector('.page-toast.shown');
    assert.equal(await tab.locator('.page-toast').innerText(), 'shop: deploy: 9.9');
  },
);

check(
  'states: a server with too much to do is asked again when it says',
  '',
  { answers: { busy: 2 }, faults: 2 },
  async (tab) => {
    await tab.waitForSelector('tbody tr');
  },
);

check(
  'live: what is under the pointer does not change; a tab that nobody sees holds no connection',
  `${SHOP}profile`,
  {},
  async (tab, mock) => {
    await tab.waitForSelector('.live-live');
    await settled(tab);
    await tab.hover('.explorer .chart');
    const before = asked(mock, 'profile').length;
    await tab.evaluate(() => {
      const real = Date.now;
      Date.now = () => real() + 1e6;
    });
    mock.send('status', { ...mock.status(), warnings: ['one'] });
    await tab.waitForSelector('.warnings');
    assert.equal(asked(mock, 'profile').length, before);
    await tab.hover('h1');
    mock.send('status', mock.status());
    await tab.waitForSelector('.warnings', { state: 'detached' });
    for (let i = 0; i < 100 && asked(mock, 'profile').length === before; i++) await tab.waitForTimeout(20);
    await settled(tab);
    assert.equal(asked(mock, 'profile').length, before + 1);
    const hide = (hidden: boolean): Promise<void> =>
      tab.evaluate((value) => {
        Object.defineProperty(document, 'hidden', { value, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
    const listeners = async (wanted: number): Promise<void> => {
      for (let i = 0; i < 100 && mock.listeners() !== wanted; i++) await tab.waitForTimeout(20);
      assert.equal(mock.listeners(), wanted);
    };
    await listeners(1);
    await hide(true);
    await listeners(0);
    await hide(false);
    await listeners(1);
  },
);

check('keys: tabs, rows, up, help, theme', '', { dark: true }, async (tab) => {
  await settled(tab);
  await tab.keyboard.press('j');
  await tab.keyboard.press('j');
  await tab.keyboard.press('j');
  await tab.keyboard.press('k');
  await tab.keyboard.press('Enter');
  assert.equal(await heading(tab), 'celery -A tasks');
  await tab.keyboard.press(']');
  assert.match(await place(tab), /endpoints$/);
  await tab.keyboard.press('[');
  await tab.keyboard.press('[');
  assert.match(await place(tab), /events$/);
  await tab.keyboard.press('?');
  assert.match(
    await tab.locator('dialog').innerText(),
    /the tab before, the next tab[^]*In a profile[^]*invert/,
  );
  await tab.keyboard.press('Escape');
  assert.equal(await tab.evaluate(() => document.documentElement.dataset['theme']), 'dark');
  await tab.keyboard.press('t');
  assert.equal(await tab.evaluate(() => document.documentElement.dataset['theme']), 'light');
  await tab.keyboard.press('t');
  await tab.keyboard.press('u');
  assert.equal(await heading(tab), 'Services');
  await tab.evaluate(() => localStorage.clear());
});

check(
  'token: asked for once, kept in memory, sent with every request',
  '',
  { answers: { token: 's3cret' }, faults: 1 },
  async (tab, mock) => {
    await tab.waitForSelector('.token-form');
    await tab.fill('#token', 's3cret');
    await tab.keyboard.press('Enter');
    await tab.waitForSelector('tbody tr');
    tab.faults.length = 1;
    const other = await browser.visit(`${mock.url}#token=s3cret`, {});
    await other.waitForSelector('tbody tr');
    assert.equal(await place(other), '#/', 'it does not stay in the address');
    assert.equal(
      await other.evaluate(() => JSON.stringify([localStorage, sessionStorage, document.cookie])),
      '[{},{},""]',
    );
    assert.equal(mock.requests.filter((url) => url.includes('s3cret')).length, 0);
    await other.close();
  },
);

const TABS = [
  'profile',
  'endpoints',
  'queries',
  'calls',
  'traces',
  'errors',
  'runtime',
  'processes',
  'events',
];
const service = encodeURIComponent(`${EVIL}shop`);

for (const tab of TABS)
  check(
    `hostile names stay text: ${tab}`,
    `#/service/${service}/${tab}?endpoint=${encodeURIComponent(EVIL)}${encodeURIComponent(ORDER)}&by=thread`,
    { answers: { evil: true } },
    async (page) => {
      await settled(page);
      assert.equal(await page.locator('img').count(), 0);
      assert.equal(await heading(page), `${EVIL}shop`);
    },
  );

check('hostile names stay text: services, a trace', '', { answers: { evil: true } }, async (tab, mock) => {
  await settled(tab);
  assert.equal(await tab.locator('.service-name').first().innerText(), `${EVIL}gunicorn payments:app`);
  await tab.goto(`${mock.url}${SHOP}traces/${TRACE}`);
  await tab.waitForSelector('.waterfall');
  assert.equal(await tab.locator('img').count(), 0);
});

check('policy: a script that is not ours does not run', '', {}, async (tab) => {
  await settled(tab);
  await tab.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.hacked = 1';
    document.body.append(script);
  });
  assert.equal(tab.faults.length, 1);
  assert.match(tab.faults.pop()!, /Content Security Policy/);
});

for (const [name, hash] of [
  ['services', '#/'],
  ...TABS.map((tab) => [tab, SHOP + tab]),
  ['trace', `${SHOP}traces/${TRACE}`],
  ['pitviper', '#/daemon'],
] as const)
  check(
    `narrow: ${name}: nothing is wider than the screen`,
    hash,
    { width: 360, height: 740, dark: true },
    async (tab) => {
      await settled(tab);
      const { content, wide } = await tab.evaluate(() => ({
        content: document.querySelector('.content')!.scrollWidth - innerWidth,
        wide: document.documentElement.scrollWidth - innerWidth,
      }));
      assert.ok(content <= 0 && wide <= 0, `${content} ${wide}`);
    },
  );
