// SPDX-License-Identifier: MIT
// shots.mjs - screenshots of every view, to look at: node scripts/shots.mjs [DIR]

import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fillPage, openBrowser } from './page.mjs';
import { synthesise } from './synth.mjs';

const out = process.argv[2] ?? join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'shots');
mkdirSync(out, { recursive: true });
const plain = fillPage(JSON.stringify(synthesise({ nodes: 4000, threads: 8, seconds: 60 })));
const diff = fillPage(JSON.stringify(synthesise({ nodes: 2500, threads: 4, seconds: 60, diff: true })), true);
const SHOTS = [
  ['flame-light', plain, {}],
  ['flame-dark', plain, { dark: true }],
  ['icicle-search', plain, { hash: 'view=icicle&q=json' }],
  ['inverted-self', plain, { hash: 'view=icicle&invert=1&colour=self' }],
  ['kind-dark', plain, { hash: 'colour=kind', dark: true }],
  ['table-light', plain, { hash: 'view=table' }],
  ['table-dark', plain, { hash: 'view=table&q=plugin', dark: true }],
  ['recording', plain, { hash: 'view=recording' }],
  [
    'range-dark',
    plain,
    {
      hash: 'range=33000000-37200000&threads=1',
      dark: true,
      act: (page) => page.click('.strip-row.all .strip-name'),
    },
  ],
  ['diff-light', diff, {}],
  ['diff-dark', diff, { dark: true }],
  ['diff-table', diff, { hash: 'view=table' }],
  ['narrow-flame', plain, { width: 390, height: 780 }],
  ['narrow-table', plain, { hash: 'view=table', width: 390, height: 780, dark: true }],
  ['sandwich', plain, { hash: 'view=sandwich', act: (page) => page.click('tbody tr:nth-child(5)') }],
  [
    'sandwich-narrow',
    plain,
    { hash: 'view=sandwich', width: 390, height: 780, act: (page) => page.click('tbody tr:nth-child(5)') },
  ],
  ['tooltip', plain, { act: async (page) => page.mouse.move(500, 640) }],
  ['menu-options', plain, { dark: true, act: async (page) => page.click('.options .toggle') }],
  ['zoomed', plain, { act: async (page) => page.click('.chart', { position: { x: 100, y: 350 } }) }],
];

const only = process.argv[3];
const browser = await openBrowser();
for (const [name, html, { act, ...options }] of SHOTS) {
  if (only && !name.includes(only)) continue;
  const page = await browser.open(html, options);
  if (act) await act(page);
  await page.waitForTimeout(150);
  await page.screenshot({ path: join(out, `${name}.png`) });
  for (const fault of page.faults) console.error(`${name}: ${fault}`);
  await page.close();
}
await browser.close();
