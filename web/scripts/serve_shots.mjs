// SPDX-License-Identifier: MIT
// serve_shots.mjs - screenshots of every view of the served page, to look at: node scripts/serve_shots.mjs [DIR] [FILTER] [URL]
// Without URL they are of the mock server's answers.

import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startMock } from './mock.mjs';
import { openBrowser } from './page.mjs';

const out = process.argv[2] || join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'shots');
const only = process.argv[3] ?? '';
mkdirSync(out, { recursive: true });
const S = '#/service/shop/';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const ORDER = encodeURIComponent('GET /orders/<int:id>');
const NARROW = { width: 390, height: 800 };
const SHOTS = [
  ['services', '#/', {}],
  ['services-dark', '#/', { dark: true }],
  ['services-narrow', '#/', NARROW],
  ['services-empty', '#/', {}, { empty: true }],
  ['services-failing', '#/', {}, { failing: 503 }],
  [
    'services-warnings',
    '#/',
    {},
    { warnings: ['The disk is full: nothing is kept at the moment.'], missing: true },
  ],
  ['profile', `${S}profile`, { height: 1000 }],
  ['profile-dark', `${S}profile?by=thread&view=icicle`, { dark: true, height: 1000 }],
  ['profile-base', `${S}profile?base=1d&by=endpoint`, { height: 1000 }],
  ['profile-side', `${S}profile?base=7d&width=side`, { height: 1000 }],
  ['profile-narrow', `${S}profile?by=process`, NARROW],
  ['endpoints', `${S}endpoints`, {}],
  ['endpoint-one', `${S}endpoints?endpoint=${ORDER}`, { height: 1100 }],
  ['endpoint-one-dark', `${S}endpoints?endpoint=${ORDER}&from=6h`, { height: 1100, dark: true }],
  ['endpoint-narrow', `${S}endpoints?endpoint=${ORDER}`, { width: 390, height: 1400 }],
  ['queries', `${S}queries?statement=3c6ef372fe94f82a`, { height: 900 }],
  ['calls', `${S}calls`, {}],
  ['traces', `${S}traces`, {}],
  ['trace', `${S}traces/${TRACE}`, { height: 1200 }],
  ['trace-dark', `${S}traces/${TRACE}?span=40`, { height: 1200, dark: true }],
  ['trace-narrow', `${S}traces/${TRACE}`, { width: 390, height: 1400 }],
  ['errors', `${S}errors`, {}],
  ['runtime', `${S}runtime?from=6h`, { height: 1000 }],
  ['runtime-dark', `${S}runtime`, { height: 1000, dark: true }],
  ['processes', `${S}processes`, {}],
  ['events', '#/events', {}],
  ['daemon', '#/daemon', {}],
  ['evil', '#/', {}, { evil: true }],
  ['range', '#/', { act: (page) => page.click('.range-now') }],
  ['help', '#/', { act: (page) => page.keyboard.press('?') }],
];

const mock = await startMock({});
const browser = await openBrowser();
for (const [name, hash, { act, ...options }, answers = {}] of SHOTS) {
  if (!name.includes(only)) continue;
  const usual = { empty: false, failing: 0, warnings: [], missing: false, evil: false };
  mock.set({ ...usual, ...answers });
  const page = await browser.visit((process.argv[4] ?? mock.url) + hash, options);
  await page.waitForFunction(() => !document.querySelector('.loading, .stale'));
  if (act) await act(page);
  await page.waitForTimeout(400);
  await page.screenshot({ path: join(out, `${name}.png`) });
  for (const fault of page.faults) console.error(`${name}: ${fault}`);
  await page.close();
}
await browser.close();
await mock.close();
