// SPDX-License-Identifier: MIT
// page.mjs - for tests, screenshots and benchmarks: a filled page on disk and a browser to open it in.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

/** web/ */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const PAGE = join(root, 'dist', 'profile.html');

/** As src/codec/html.c does it. */
export function fillPage(json, packed = false) {
  const element = packed
    ? `<script id="pitviper-data" type="text/plain" data-encoding="gzip+base64">${gzipSync(json).toString('base64')}</script>`
    : `<script id="pitviper-data" type="application/json" data-encoding="json">${json.replaceAll('<', '\\u003c')}</script>`;
  return readFileSync(PAGE, 'utf8').replace('<!--pitviper-data-->', () => element);
}

/** null where no Chromium can be found; PITVIPER_CHROMIUM names another one. */
export function findChromium() {
  const wanted = process.env.PITVIPER_CHROMIUM;
  const known = wanted
    ? [wanted]
    : ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  return known.find((path) => existsSync(path)) ?? null;
}

export async function openBrowser(flags = []) {
  const { chromium } = await import('playwright-core');
  const directory = mkdtempSync(join(tmpdir(), 'pitviper-web-'));
  const context = await chromium.launchPersistentContext(join(directory, 'user'), {
    executablePath: findChromium(),
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...flags,
    ],
    viewport: { width: 1280, height: 800 },
    colorScheme: 'light',
  });
  let pages = 0;
  return {
    context,
    directory,
    /** Writes the page to disk and opens it. */
    async open(html, { hash = '', ...options } = {}) {
      const path = join(directory, `page${pages++}.html`);
      writeFileSync(path, html);
      return this.visit(pathToFileURL(path).href + (hash ? `#${hash}` : ''), options);
    },
    /** Opens an address; any request, error or blocked script is remembered. */
    async visit(url, { width = 1280, height = 800, dark = false, init } = {}) {
      const page = await context.newPage();
      const faults = [];
      const requests = [];
      page.on('pageerror', (error) => faults.push(String(error)));
      page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
      page.on('request', (request) => requests.push(request.url()));
      if (init) await page.addInitScript(init);
      await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce' });
      await page.setViewportSize({ width, height });
      await page.goto(url);
      await page.waitForSelector('.explorer, .problem, .frame');
      return Object.assign(page, { faults, requests });
    },
    async close() {
      await context.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
