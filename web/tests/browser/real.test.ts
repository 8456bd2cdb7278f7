// SPDX-License-Identifier: MIT
// The served page before a real `pitviper serve` that watches a real process: every view asks what it asks, and
// understands what it is answered. $PITVIPER names the program; skipped, by name, where there is none.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findChromium, openBrowser, root } from '../../scripts/page.mjs';
import type { Browser } from '../../scripts/page.mjs';

const SERVICE = 'web-test <b>&';
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
const WORK = 'import json\ndef work():\n    return json.dumps(list(range(2000)))\nwhile True:\n    work()\n';
const WINDOW_MS = 40_000;

const known = [process.env['PITVIPER'] ?? '', join(root, '../build/pitviper'), join(root, '../build/release/src/cli/pitviper')]; // prettier-ignore
const program = known.find((path) => path !== '' && existsSync(path));

function reasonToSkip(): string | false {
  if (!findChromium()) return 'no Chromium here (PITVIPER_CHROMIUM names one)';
  if (!program) return 'pitviper is not built here (PITVIPER names it)';
  const help = spawnSync(program, ['serve', '--help']);
  return help.status === 0 ? false : 'this pitviper has no serve';
}

const skip = reasonToSkip();
const started: ChildProcess[] = [];
let folder = '';
let url = '';
let browser: Browser;
let denied: string | false = false;

/** The address that it says it listens on. */
function addressOf(serve: ChildProcess): Promise<string> {
  return new Promise((found, failed) => {
    let said = '';
    for (const stream of [serve.stdout!, serve.stderr!])
      stream.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        const address = /http:\/\/127\.0\.0\.1:\d+\//.exec(said);
        if (address) found(address[0]);
      });
    serve.on('exit', (status) => failed(Object.assign(new Error(said), { status })));
  });
}

async function until(what: string, ready: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + WINDOW_MS;
  while (Date.now() < end) {
    if (await ready().catch(() => false)) return;
    await new Promise((done) => setTimeout(done, 250));
  }
  throw new Error(`not within ${WINDOW_MS / 1000} s: ${what}`);
}

before(async () => {
  if (skip) return;
  folder = mkdtempSync(join(tmpdir(), 'pitviper-real-'));
  const env = { ...process.env, PITVIPER_SERVICE: SERVICE, PITVIPER_VERSION: '1.0' };
  started.push(spawn('python3', ['-c', WORK], { env, stdio: 'ignore' }));
  const args = ['serve', '--listen', '127.0.0.1:0', '--data', join(folder, 'store'), '--budget', '20'];
  const serve = spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(serve);
  try {
    url = await addressOf(serve);
  } catch (reason) {
    if ((reason as { status?: number }).status !== 77) throw reason;
    denied = 'reading other processes is not permitted here';
    return;
  }
  browser = await openBrowser();
  await until('the process is in the store', async () => {
    const answer = await fetch(`${url}api/v1/services?from=5m`);
    const { rows } = (await answer.json()) as { rows: { service: string; cores: number }[] };
    return rows.some((row) => row.service === SERVICE && row.cores > 0);
  });
});

after(async () => {
  await browser?.close();
  for (const child of started) {
    if (child.exitCode !== null) continue;
    const ended = new Promise((done) => child.on('exit', done));
    child.kill('SIGTERM');
    await ended;
  }
  if (folder) rmSync(folder, { recursive: true, force: true });
});

async function look(
  hash: string,
  check: (tab: Awaited<ReturnType<Browser['visit']>>) => Promise<void>,
): Promise<void> {
  const tab = await browser.visit(url + hash, {});
  try {
    await tab.waitForFunction(() => !document.querySelector('.loading, .stale'));
    assert.deepEqual(await tab.locator('.failed').allInnerTexts(), []);
    await check(tab);
    assert.deepEqual(tab.faults, []);
    assert.deepEqual(
      tab.requests.filter((to) => !to.startsWith(url) && !to.startsWith('data:')),
      [],
    );
  } finally {
    await tab.close();
  }
}

test('real: the service is on the page, with its name as text', { skip, timeout: 90_000 }, async (t) => {
  if (denied) return t.skip(denied);
  await look('#/?from=15m', async (tab) => {
    assert.ok((await tab.locator('.service-name').allInnerTexts()).includes(SERVICE));
    await tab.waitForSelector('.live-live');
  });
});

const service = encodeURIComponent(SERVICE);
for (const name of TABS)
  test(`real: ${name}: what is answered is understood`, { skip, timeout: 60_000 }, async (t) => {
    if (denied) return t.skip(denied);
    await look(`#/service/${service}/${name}?from=15m&by=thread`, async (tab) => {
      assert.equal(await tab.locator('h1').innerText(), SERVICE);
      if (name === 'profile') assert.match(await tab.locator('.legend').innerText(), /json/);
      if (name === 'processes') assert.match(await tab.locator('tbody').innerText(), /python/);
      if (name === 'runtime')
        await until('gauges are kept', async () => {
          await tab.keyboard.press('r');
          await tab.waitForTimeout(300);
          return (await tab.locator('.plot').count()) >= 3;
        });
      if (name === 'events') assert.match(await tab.locator('tbody').innerText(), /start/);
    });
  });

test(
  'real: compared with the time before; pitviper itself; all events',
  { skip, timeout: 60_000 },
  async (t) => {
    if (denied) return t.skip(denied);
    await look(`#/service/${service}/profile?from=5m&base=before`, async () => {});
    await look('#/events?from=15m', async (tab) => assert.ok((await tab.locator('tbody tr').count()) > 0));
    await look('#/daemon', async (tab) =>
      assert.match(await tab.locator('.cards').innerText(), /20\.0 % of a core/),
    );
  },
);

test('real: a release and a boost are accepted', { skip, timeout: 60_000 }, async (t) => {
  if (denied) return t.skip(denied);
  await look(`#/service/${service}/events?from=15m`, async (tab) => {
    await tab.fill('#release', '2.0');
    await tab.keyboard.press('Enter');
    await tab.waitForFunction(() => /2\.0/.test(document.querySelector('.page-toast')!.textContent!));
    await until('the release is an event', async () => {
      await tab.keyboard.press('Escape');
      await tab.locator('h1').click();
      await tab.keyboard.press('r');
      await tab.waitForTimeout(300);
      return (await tab.locator('.event-deploy').count()) === 1;
    });
  });
  await look(`#/service/${service}/profile?from=15m`, async (tab) => {
    await tab.click('button:has-text("Boost")');
    await tab.waitForFunction(() => /1 kHz/.test(document.querySelector('.page-toast')!.textContent!));
  });
});
