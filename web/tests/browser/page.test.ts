// SPDX-License-Identifier: MIT
// The page in a real browser: what is clicked, typed and dragged, and what it shows then.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fillPage, findChromium, openBrowser } from '../../scripts/page.mjs';
import type { Browser, OpenOptions } from '../../scripts/page.mjs';
import { synthesise } from '../../scripts/synth.mjs';
import { sampleDiff, samplePage } from '../sample.ts';

const skip = findChromium() ? false : 'no Chromium here (PITVIPER_CHROMIUM names one)';
const ROW = 19;
const SAMPLE = JSON.stringify(samplePage());
let browser: Browser;

before(async () => {
  if (!skip) browser = await openBrowser();
});
after(async () => {
  if (!skip) await browser.close();
});

type Tab = Awaited<ReturnType<Browser['open']>>;

function check(
  name: string,
  html: () => string,
  options: OpenOptions,
  body: (tab: Tab) => Promise<void>,
  faults = 0,
): void {
  test(name, { skip, timeout: 60_000 }, async () => {
    const tab = await browser.open(html(), options);
    try {
      await body(tab);
      assert.equal(tab.faults.length, faults, tab.faults.join('\n'));
      assert.deepEqual(
        tab.requests.filter((url) => !/^(file|data):/.test(url)),
        [],
        'nothing is fetched',
      );
      assert.equal(tab.requests.filter((url) => url.startsWith('file:')).length, 1);
    } finally {
      await tab.close();
    }
  });
}

const sample = (): string => fillPage(SAMPLE);

/** Clicks the box in a row of the icicle, at a share of the width. */
async function clickBox(tab: Tab, row: number, share: number): Promise<void> {
  const box = (await tab.locator('.chart').boundingBox())!;
  await tab.mouse.click(box.x + box.width * share, box.y + ROW * (row + 0.5));
}

const spoken = (tab: Tab): Promise<string> => tab.locator('.chart [aria-live]').innerText();
/** Once it has settled. */
const addressOf = async (tab: Tab): Promise<string> => {
  await tab.waitForTimeout(180);
  return tab.evaluate(() => location.hash);
};

check(
  'page: opens from a file, titled, with nothing fetched and nothing refused',
  sample,
  {},
  async (tab) => {
    assert.equal(await tab.title(), 'sample · pitviper');
    assert.match(await tab.locator('.facts').innerText(), /19 samples · 200 ms · cpu · Python 3\.12\.1/);
    assert.match((await tab.locator('.pill').innerText())!, /5\.3 % not exact/);
  },
);

check(
  'page: packed data is the same',
  () => fillPage(SAMPLE, true),
  {},
  async (tab) => {
    assert.match(await tab.locator('.facts').innerText(), /19 samples/);
  },
);

check(
  'page: a script in a name stays text',
  () => {
    const page = samplePage();
    const evil = '</script><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
    return fillPage(
      JSON.stringify({
        ...page,
        meta: { ...page.meta, title: evil },
        strings: page.strings.map((s) => (s === 'load' ? evil : s)),
      }),
    );
  },
  { hash: 'view=table' },
  async (tab) => {
    assert.equal(await tab.evaluate(() => 'hacked' in window), false);
    assert.equal(await tab.locator('tbody td.name', { hasText: 'onerror' }).count(), 1);
  },
);

check('page: scripts that are not ours do not run', sample, {}, async (tab) => {
  await tab.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.hacked = 1';
    document.body.append(script);
  });
  assert.equal(await tab.evaluate(() => 'hacked' in window), false);
  tab.faults.length = 0;
});

check(
  'flame: a click zooms in, the breadcrumb and the browser’s back lead out',
  sample,
  { hash: 'view=icicle' },
  async (tab) => {
    await clickBox(tab, 1, 0.2);
    await clickBox(tab, 2, 0.2);
    assert.match(await tab.locator('.crumbs').innerText(), /main[^]*load[^]*47\.4 %/);
    const link = await addressOf(tab);
    await tab.goBack();
    assert.doesNotMatch(await tab.locator('.crumbs').innerText(), /load/);
    await tab.goForward();
    assert.equal(await addressOf(tab), link);
    await tab.locator('.crumb-back').click();
    await tab.locator('.crumbs button', { hasText: 'all' }).click();
    assert.equal(await tab.locator('.crumbs').count(), 0);
  },
);

check('flame: a link opens where it was copied', sample, { hash: 'view=icicle' }, async (tab) => {
  await clickBox(tab, 1, 0.2);
  await clickBox(tab, 2, 0.2);
  await tab.fill('#search', 'parse');
  const other = await browser.open(sample(), { hash: (await addressOf(tab)).slice(1) });
  assert.match(await other.locator('.crumbs').innerText(), /load/);
  assert.equal(await other.inputValue('#search'), 'parse');
  assert.equal(await other.locator('[role=tab][aria-selected=true]').innerText(), 'Icicle');
  await other.close();
});

check(
  'flame: the keyboard does all of it, and says where it is',
  sample,
  { hash: 'view=icicle' },
  async (tab) => {
    await tab.locator('.chart').focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown']) await tab.keyboard.press(key);
    assert.match(await spoken(tab), /^load, app\.py:10, total 47\.4 % · 9 samples, self 15\.8 % · 3 samples/);
    await tab.keyboard.press('ArrowRight');
    assert.match(await spoken(tab), /^fib/);
    await tab.keyboard.press('ArrowLeft');
    await tab.keyboard.press('Enter');
    assert.match(await tab.locator('.crumbs').innerText(), /load/);
    await tab.keyboard.press('Escape');
    assert.doesNotMatch(await tab.locator('.crumbs').innerText(), /load/);
    await tab.keyboard.press('0');
    assert.equal(await tab.locator('.crumbs').count(), 0);
    await tab.keyboard.press('s');
    assert.equal(await tab.locator('.sandwich-title h2').innerText(), 'load');
  },
);

check('flame: keys anywhere change the view', sample, {}, async (tab) => {
  const names = ['Flame', 'Icicle', 'Table', 'Sandwich', 'Recording'];
  for (const [i, name] of names.entries()) {
    await tab.keyboard.press(String(i + 1));
    assert.equal(await tab.locator('[role=tab][aria-selected=true]').innerText(), name);
  }
  await tab.keyboard.press('1');
  await tab.keyboard.press('i');
  assert.equal(await tab.locator('.toggle', { hasText: 'Invert' }).getAttribute('aria-pressed'), 'true');
  await tab.keyboard.press('/');
  await tab.keyboard.type('fib');
  assert.match(await tab.locator('#search-result').innerText(), /21\.1 %/);
  await tab.keyboard.press('Escape');
  assert.equal(await tab.inputValue('#search'), '');
  await tab.keyboard.press('?');
  await tab.locator('dialog[open]').waitFor();
});

check('flame: hovering tells a box’s facts', sample, { hash: 'view=icicle' }, async (tab) => {
  const box = (await tab.locator('.chart').boundingBox())!;
  await tab.mouse.move(box.x + 40, box.y + ROW * 3.5);
  assert.match(
    await tab.locator('.tooltip').innerText(),
    /parse[^]*json\/decoder\.py:33[^]*31\.6 % · 6 samples[^]*26\.3 % · 5 samples/,
  );
  await tab.mouse.move(box.x + 40, box.y + ROW * 4.5);
  assert.match(await tab.locator('.tooltip').innerText(), /<GC>[^]*garbage collection/);
});

check(
  'flame: what is drawn has the colours of what is there',
  sample,
  { hash: 'view=icicle&q=fib' },
  async (tab) => {
    const pixel = (row: number, share: number): Promise<number[]> =>
      tab.evaluate(
        ([r, s]) => {
          const canvas = document.querySelector<HTMLCanvasElement>('.chart-boxes')!;
          return [
            ...canvas
              .getContext('2d')!
              .getImageData(Math.floor(canvas.width * s!), Math.floor(19 * r! + 3), 1, 1)
              .data.slice(0, 3),
          ];
        },
        [row, share],
      );
    const [found, other, nothing] = [await pixel(2, 0.55), await pixel(2, 0.2), await pixel(8, 0.9)];
    assert.deepEqual(nothing, [255, 255, 255]);
    assert.ok(found[0]! - found[1]! > 80, `what was found is magenta: ${found.join()}`);
    assert.ok(
      Math.max(...other) - Math.min(...other) < 60 && other[0]! > 220,
      `what was not is faded: ${other.join()}`,
    );
  },
);

check(
  'flame: the menu copies a name, a stack and folded stacks',
  sample,
  { hash: 'view=icicle' },
  async (tab) => {
    await browser.context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const choose = async (item: string): Promise<string> => {
      const box = (await tab.locator('.chart').boundingBox())!;
      await tab.mouse.click(box.x + 40, box.y + ROW * 2.5, { button: 'right' });
      await tab.locator('[role=menuitem]', { hasText: item }).click();
      await tab.locator('.toast.shown').waitFor();
      return tab.evaluate(() => navigator.clipboard.readText());
    };
    assert.equal(await choose('Copy function name'), 'load');
    assert.equal(await choose('Copy stack'), 'main (app.py:1)\nload (app.py:10)');
    assert.match(await choose('folded'), /^main \(app\.py:1\);load \(app\.py:10\) 3\nmain[^\n]* 5\n/);
  },
);

check('search: an unfinished expression is searched for as text', sample, {}, async (tab) => {
  await tab.fill('#search', 'parse(');
  assert.match(await tab.locator('#search-result').innerText(), /0 %\s+as text/);
});

check('search: Enter visits the matches, heaviest first', sample, { hash: 'view=icicle' }, async (tab) => {
  await tab.fill('#search', 'load');
  await tab.focus('#search');
  for (const path of [/main[^]*load/, /run[^]*load/, /main[^]*load/]) {
    await tab.keyboard.press('Enter');
    await tab.locator('.crumbs', { hasText: path }).waitFor({ timeout: 5_000 });
  }
  assert.match(await tab.locator('.toast').innerText(), /Match 1 of 2/);
});

check('table: sorts, filters and opens the sandwich', sample, { hash: 'view=table' }, async (tab) => {
  const names = (): Promise<string[]> => tab.locator('tbody td.name').allInnerTexts();
  assert.deepEqual(await names(), ['load', 'parse', 'fib', '<GC>', 'main', 'run']);
  await tab.locator('th button', { hasText: 'Total' }).click();
  assert.deepEqual((await names()).slice(0, 3), ['load', 'main', 'parse']);
  assert.equal(await tab.locator('th[aria-sort=descending]').innerText(), 'Total▾');
  await tab.locator('th button', { hasText: 'Function' }).click();
  assert.deepEqual(await names(), ['<GC>', 'fib', 'load', 'main', 'parse', 'run']);
  await tab.fill('#search', 'json|^run');
  assert.deepEqual(await names(), ['parse', 'run']);
  await tab.locator('tbody td.name', { hasText: 'parse' }).click();
  assert.equal(await tab.locator('.sandwich-title h2').innerText(), 'parse');
  assert.match(
    await tab.locator('.sandwich-title').innerText(),
    /total 42\.1 % \(8 samples\) · self 36\.8 %/,
  );
});

check(
  'table: has only the rows that are on screen',
  () => fillPage(JSON.stringify(synthesise({ nodes: 60_000, threads: 4 })), true),
  { hash: 'view=table' },
  async (tab) => {
    const count = await tab.locator('tbody tr:not(.filler)').count();
    assert.ok(count > 10 && count < 60, `${count} rows`);
    await tab.locator('.table-scroll').focus();
    await tab.keyboard.press('End');
    await tab.waitForTimeout(100);
    const last = await tab.locator('tbody tr:not(.filler)').last().getAttribute('aria-rowindex');
    assert.equal(last, await tab.locator('table').getAttribute('aria-rowcount'));
  },
);

check(
  'timeline: dragging chooses a range and everything follows; a click clears it',
  sample,
  { hash: 'view=table' },
  async (tab) => {
    const strip = (await tab.locator('.strip.tall').boundingBox())!;
    const at = (share: number): [number, number] => [strip.x + strip.width * share, strip.y + 10];
    await tab.mouse.move(...at(0.5));
    await tab.mouse.down();
    await tab.mouse.move(...at(0.6), { steps: 4 });
    await tab.mouse.move(...at(0.8), { steps: 4 });
    await tab.mouse.up();
    const names = await tab.locator('tbody td.name').allInnerTexts();
    assert.deepEqual(names.sort(), ['fib', 'load', 'main', 'parse', 'run'], 'no <GC> in that part');
    assert.match(await addressOf(tab), /range=\d+-\d+/);
    assert.match(await tab.locator('.chip:not(.quiet)').innerText(), /0\.1 s – 0\.16 s/);
    await tab.mouse.click(...at(0.3));
    assert.equal(await tab.locator('.chip:not(.quiet)').count(), 0);
  },
);

check('timeline: works by keyboard', sample, {}, async (tab) => {
  await tab.locator('.strip.tall').focus();
  await tab.keyboard.press('ArrowRight');
  await tab.keyboard.press('ArrowRight');
  assert.match(
    (await tab.locator('.strip.tall').getAttribute('aria-valuetext'))!,
    /0 s to 0\.02 s|0\.01 s|0 s/,
  );
  assert.match(await addressOf(tab), /range=2000-22000/);
  await tab.keyboard.press('Escape');
  assert.equal(await addressOf(tab), '');
});

check('threads: one alone, two together, all again', sample, {}, async (tab) => {
  await tab.locator('.strip-row.all .strip-name').click();
  await tab.locator('.strip-name', { hasText: 'worker' }).click();
  assert.match(await addressOf(tab), /threads=1/);
  assert.match(await tab.locator('.chip:not(.quiet)').innerText(), /worker/);
  await tab.locator('.strip-name', { hasText: 'MainThread' }).click({ modifiers: ['Control'] });
  assert.match(await addressOf(tab), /threads=0\.1/);
  await tab.locator('.chip:not(.quiet)').click();
  assert.equal(await addressOf(tab), '');
});

check(
  'compare: a thread with the rest of the recording',
  () => fillPage(JSON.stringify(synthesise({ nodes: 800, threads: 6, seconds: 120 }))),
  { hash: 'threads=0&view=table&q=epoll' },
  async (tab) => {
    await tab.locator('.chip.quiet').click();
    assert.match(await addressOf(tab), /compare=1&colour=change/);
    const row = tab.locator('tbody tr', { hasText: 'EpollSelector.select' });
    assert.match(await row.innerText(), /\+\d+\.\d pp/, 'the main thread waits, the others do not');
    assert.equal(await row.locator('.more').count(), 1);
    await tab.keyboard.press('1');
    assert.match(await tab.locator('.legend').innerText(), /takes less/);
    await tab.locator('.chip', { hasText: 'MainThread' }).click();
    assert.equal(await tab.locator('.chip').count(), 0);
  },
);

check(
  'threads: a process is all of its threads',
  () => fillPage(JSON.stringify(synthesise({ nodes: 500, threads: 6 }))),
  {},
  async (tab) => {
    await tab.locator('.strip-row.all .strip-name').click();
    const process = tab.locator('.strip-process', { hasText: 'pid 4243' });
    await process.click();
    assert.match(await addressOf(tab), /threads=1\.3\.5/);
    assert.equal(await process.getAttribute('aria-pressed'), 'true');
    await process.click();
    assert.equal(await addressOf(tab), '');
  },
);

check('options: what is selected is copied as folded stacks', sample, { hash: 'threads=1' }, async (tab) => {
  await browser.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await tab.locator('.options .toggle').click();
  await tab.locator('.panel .wide').click();
  await tab.locator('.toast.shown').waitFor();
  assert.equal(
    await tab.evaluate(() => navigator.clipboard.readText()),
    'run (app.py:29);load (app.py:10) 4\nrun (app.py:29);load (app.py:10);parse (json/decoder.py:33) 2\n',
  );
});

check(
  'options: recursion collapses, markers are left out, the link says so',
  sample,
  { hash: 'view=icicle' },
  async (tab) => {
    await tab.locator('.options .toggle').click();
    await tab.getByLabel('Collapse recursion').check();
    await tab.getByLabel('<GC> markers').check();
    await tab.locator('.option button', { hasText: 'time' }).click();
    assert.match(await addressOf(tab), /metric=time&collapse=1&hide=gc/);
    await tab.locator('.chart').focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowRight']) await tab.keyboard.press(key);
    assert.match(await spoken(tab), /^fib, app\.py:20, total 21\.1 % · 40 ms, self 21\.1 % · 40 ms/);
    await tab.keyboard.press('ArrowDown');
    assert.match(await spoken(tab), /^fib/, 'there is nothing further in');
  },
);

check(
  'diff: says what is new, what grew, and what is noise',
  () => fillPage(JSON.stringify(sampleDiff())),
  { hash: 'view=table' },
  async (tab) => {
    assert.match(await tab.locator('.versus').innerText(), /against before/);
    const row = (name: string): Promise<string> => tab.locator('tbody tr', { hasText: name }).innerText();
    assert.match(await row('fib'), /\+21\.1 pp\s*new/);
    assert.equal(
      await tab.locator('tr', { hasText: 'parse' }).locator('.noise').count(),
      1,
      '8 of 19 against 20 of 100 is not enough',
    );
    await tab.locator('.choice button', { hasText: 'new' }).click();
    assert.deepEqual((await tab.locator('tbody td.name').allInnerTexts()).sort(), ['<GC>', 'fib']);
    await tab.keyboard.press('1');
    assert.match(await tab.locator('.legend').innerText(), /takes less[^]*takes more[^]*within noise/);
  },
);

check('recording: shows what was dropped', sample, { hash: 'view=recording' }, async (tab) => {
  const text = await tab.locator('.recording-view').innerText();
  for (const part of [
    /Exact\s+18 \(94\.7 %\)/,
    /Partial\s+1 \(5\.3 %\)/,
    /Lost\s+0/,
    /Late\s+0 of 20 rounds/,
    /Rate asked\s+100 Hz/,
    /Rate got\s+100 Hz/,
    /<GC>\s+5\.3 %/,
  ])
    assert.match(text, part);
});

check(
  'recording: a converted profile claims no quality',
  () => fillPage(JSON.stringify({ ...samplePage(), stats: { samples: 19, exact: 19 } })),
  { hash: 'view=recording' },
  async (tab) => {
    assert.equal(await tab.locator('.pill').count(), 0);
    assert.match(await tab.locator('.recording-view').innerText(), /converted from another format/);
  },
);

const empty = (): string =>
  fillPage(
    JSON.stringify({
      ...samplePage(),
      samples: { thread: [], node: [], count: [], weight_ns: [] },
      timeline: null,
      stats: {},
    }),
  );
for (const view of ['flame', 'icicle', 'table', 'sandwich', 'recording'])
  check(
    `empty: the ${view} view explains a profile without samples`,
    empty,
    { hash: `view=${view}` },
    async (tab) => {
      if (view !== 'recording')
        assert.match(await tab.locator('.empty').innerText(), /No samples in this profile[^]*--idle/);
    },
  );

check(
  'empty: a range in which nothing ran offers the way out',
  sample,
  { hash: 'range=90000-91000&threads=1' },
  async (tab) => {
    assert.match(await tab.locator('.empty').innerText(), /No samples here/);
    await tab.locator('.empty button').click();
    assert.equal(await tab.locator('.chart').count(), 1);
  },
);

check(
  'bad data: one sentence, no half a page',
  () => fillPage(JSON.stringify({ ...samplePage(), version: 9 })),
  {},
  async (tab) => {
    assert.match(await tab.locator('.problem').innerText(), /version 9, and this page reads version 1/);
  },
);
check(
  'bad data: a truncated page',
  () => fillPage(SAMPLE.slice(0, 500)),
  {},
  async (tab) => {
    assert.match(await tab.locator('.problem').innerText(), /damaged/);
  },
);
check(
  'bad data: a damaged packed page',
  () => fillPage(SAMPLE, true).replace('H4sI', 'H4sH'),
  {},
  async (tab) => {
    assert.match(await tab.locator('.problem').innerText(), /damaged/);
  },
);
check(
  'bad data: a page that was never filled',
  () => sample().replace(/<script id="pitviper-data"[^]*?<\/script>/, ''),
  {},
  async (tab) => {
    assert.match(await tab.locator('.problem').innerText(), /carries no profile/);
  },
);

for (const [name, width] of [
  ['a telephone', 360],
  ['a tablet', 768],
  ['a wide screen', 2200],
] as const)
  for (const view of ['flame', 'table', 'sandwich', 'recording'])
    check(
      `layout: ${view} fits ${name}`,
      () => fillPage(JSON.stringify(synthesise({ nodes: 1500 })), true),
      { width, height: 740, hash: `view=${view}` },
      async (tab) => {
        assert.ok(
          (await tab.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0,
          'nothing hangs over',
        );
      },
    );

check('theme: follows the system, changes on T, and is kept', sample, { dark: true }, async (tab) => {
  const theme = (): Promise<string | undefined> =>
    tab.evaluate(() => document.documentElement.dataset['theme']);
  assert.equal(await theme(), 'dark');
  await tab.keyboard.press('t');
  assert.equal(await theme(), 'light');
  await tab.reload();
  await tab.waitForSelector('.explorer');
  assert.equal(await theme(), 'light');
  await tab.evaluate(() => localStorage.clear());
  tab.requests.length = 1;
});

check(
  'accessibility: everything that can be pressed has a name, and can be reached',
  sample,
  {},
  async (tab) => {
    const nameless = await tab.evaluate(() =>
      [...document.querySelectorAll('button, input, select, [tabindex="0"]')]
        .filter(
          (e) =>
            !(
              e.getAttribute('aria-label') ||
              e.textContent?.trim() ||
              (e as HTMLInputElement).labels?.length
            ),
        )
        .map((e) => e.outerHTML),
    );
    assert.deepEqual(nameless, []);
    const seen: string[] = [];
    for (let i = 0; i < 14; i++) {
      await tab.keyboard.press('Tab');
      seen.push(
        await tab.evaluate(
          () =>
            document.activeElement!.className ||
            document.activeElement!.id ||
            document.activeElement!.tagName,
        ),
      );
    }
    for (const part of ['search', 'chart', 'strip tall'])
      assert.ok(
        seen.some((s) => s === part),
        `${part} in ${seen.join(', ')}`,
      );
  },
);
