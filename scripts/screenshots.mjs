// SPDX-License-Identifier: MIT
// screenshots.mjs - one PNG for each view of serve's page; scripts/screenshots starts it.
//
//     node scripts/screenshots.mjs ADDRESS FOLDER RANGE
//
// Fails when a view shows an error, or writes one to the console.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(new URL('../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const [address, folder, age] = process.argv.slice(2);
const SIZE = { width: 1200, height: 760 };
const RANGE = `from=${age}`;
const SERVICE = `#/service/bookshop/`;
const TRACE = 'of the repeated query';

// name → place, dark?
const VIEWS = [
  ['services', `#/?${RANGE}`, false],
  ['profile', `${SERVICE}profile?${RANGE}`, false],
  ['profile-dark', `${SERVICE}profile?${RANGE}`, true],
  ['endpoints', `${SERVICE}endpoints?${RANGE}&endpoint=GET+%2Fsearch`, false],
  ['queries', `${SERVICE}queries?${RANGE}`, false],
  ['traces', `${SERVICE}traces?${RANGE}`, false],
  ['trace', TRACE, false],
  ['errors', `${SERVICE}errors?${RANGE}`, false],
  ['runtime', `${SERVICE}runtime?${RANGE}`, false],
  ['processes', `${SERVICE}processes?${RANGE}`, false],
  ['events', `#/events?${RANGE}`, false],
  ['daemon', `#/daemon?${RANGE}`, false],
];

/** Of the traces with the repeated query, that with the most to see: its samples. */
async function richestTrace() {
  const get = async (path) => (await fetch(new URL(`api/v1/${path}`, address))).json();
  const label = encodeURIComponent('GET /orders');
  const { rows } = await get(`traces?service=bookshop&${RANGE}&endpoint=${label}`);
  let best = null;
  let most = -1;
  for (const { trace } of rows.sort((a, b) => b.duration_s - a.duration_s).slice(0, 30)) {
    const { profile } = await get(`traces/${trace}`);
    const size = profile ? JSON.stringify(profile).length : 0;
    if (size > most) [best, most] = [trace, size];
  }
  return best && `${SERVICE}traces/${best}?${RANGE}`;
}

async function take(browser, name, place, dark) {
  const page = await browser.newPage({ viewport: SIZE, colorScheme: dark ? 'dark' : 'light' });
  const faults = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  await page.goto(new URL(place, address).href);
  await page.waitForFunction(
    () => !document.querySelector('.loading, .stale') && document.querySelector('.view, .problem'),
    undefined,
    { timeout: 20000 },
  );
  await page.waitForTimeout(500); // charts are drawn in the next frames
  if (await page.locator('.failed').count()) faults.push(await page.locator('.failed').first().innerText());
  await page.screenshot({ path: join(folder, `page-${name}.png`) });
  await page.close();
  return faults.map((fault) => `${name}: ${fault}`);
}

const browser = await chromium.launch({
  executablePath: process.env.PITVIPER_CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
const faults = [];
for (const [name, place, dark] of VIEWS) {
  const where = place === TRACE ? await richestTrace() : place;
  if (where) faults.push(...(await take(browser, name, where, dark)));
  else faults.push(`${name}: there is no trace yet`);
}
await browser.close();
for (const fault of faults) console.error(fault);
process.exit(faults.length ? 1 : 0);
