// SPDX-License-Identifier: MIT
// bench.mjs - what the page costs: node scripts/bench.mjs [NODES]
//
// Pans and zooms a flame graph in which every node weighs something, once per animation frame, in headless Chromium
// without a GPU and without a frame limit, so a frame's length is the whole cost: script, raster, compositing. "paint" is the
// script's part. Also: time from opening the file to the first picture, time of one re-aggregation while a range is
// dragged, size of the page. Of the served page: its size, and the time until its first view is there, from a server
// on this machine that answers at once.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { startMock } from './mock.mjs';
import { fillPage, openBrowser, PAGE, root } from './page.mjs';
import { synthesise } from './synth.mjs';

const NODES = Number(process.argv[2] ?? 100_000);
const FRAMES = 240;

/** Runs in the page. */
async function drive({ frames, kind }) {
  const chart = document.querySelector('.chart');
  const strip = document.querySelector('.strip.tall');
  const box = chart.getBoundingClientRect();
  const wheel = (init) =>
    chart.dispatchEvent(
      new WheelEvent('wheel', {
        bubbles: true,
        cancelable: true,
        clientX: box.left + box.width / 2,
        clientY: box.top + 50,
        ...init,
      }),
    );
  if (kind === 'pan') for (let i = 0; i < 8; i++) wheel({ ctrlKey: true, deltaY: -40 });
  const intervals = [];
  window.paintMs = [];
  await new Promise((done) => {
    let before = performance.now();
    let frame = 0;
    const step = (now) => {
      intervals.push(now - before);
      before = now;
      if (frame++ >= frames) return done();
      if (kind === 'pan') wheel({ deltaX: frame % 120 < 60 ? 23 : -23, deltaY: frame % 80 < 40 ? 7 : -7 });
      else if (kind === 'zoom') wheel({ ctrlKey: true, deltaY: frame % 120 < 60 ? -12 : 12 });
      else {
        const stripBox = strip.getBoundingClientRect();
        const at = (share) => ({
          bubbles: true,
          clientX: stripBox.left + stripBox.width * share,
          clientY: stripBox.top + 5,
          pointerId: 1,
          button: 0,
        });
        if (frame === 1) {
          strip.setPointerCapture = () => {};
          strip.dispatchEvent(new PointerEvent('pointerdown', at(0.2)));
        }
        strip.dispatchEvent(new PointerEvent('pointermove', at(0.3 + 0.5 * (frame / frames))));
      }
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
  return { intervals: intervals.slice(5), paints: window.paintMs.slice(5) };
}

const at = (values, share) =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? NaN;
const line = (name, values) =>
  console.log(
    `${name.padEnd(30)} median ${at(values, 0.5).toFixed(1)} ms   p95 ${at(values, 0.95).toFixed(1)} ms`,
  );

const page = readFileSync(PAGE);
console.log(
  `page                           ${(page.length / 1000).toFixed(1)} kB, gzipped ${(gzipSync(page, { level: 9 }).length / 1000).toFixed(1)} kB`,
);

const profile = synthesise({ nodes: NODES, threads: 12, seconds: 60 });
const seen = new Set(profile.samples.node);
for (let node = 1; node < profile.nodes.parent.length; node++) {
  if (seen.has(node)) continue;
  profile.samples.thread.push(node % 12);
  profile.samples.node.push(node);
  profile.samples.count.push(1);
  profile.samples.weight_ns.push(1e7);
}

const browser = await openBrowser(['--disable-frame-rate-limit', '--disable-gpu-vsync']);
const init = () => {
  window.paintMs = [];
  const request = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (callback) =>
    request((now) => {
      const start = performance.now();
      callback(now);
      window.paintMs.push(performance.now() - start);
    });
};
const start = performance.now();
const tab = await browser.open(fillPage(JSON.stringify(profile), true), {
  width: 1400,
  height: 900,
  init,
  hash: process.argv[3] ?? '',
});
await tab.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
console.log(
  `open, ${NODES} nodes            ${Math.round(performance.now() - start)} ms to the first picture`,
);
for (const kind of ['pan', 'zoom', 'range']) {
  const { intervals, paints } = await tab.evaluate(drive, { frames: kind === 'range' ? 60 : FRAMES, kind });
  line(`${kind}: whole frame`, intervals);
  if (kind !== 'range') line(`${kind}: paint`, paints);
}

const parts = ['index.html', 'app.js', 'app.css'].map((name) => readFileSync(join(root, 'dist', name)));
const packed = parts.reduce((sum, part) => sum + gzipSync(part, { level: 9 }).length, 0);
console.log(`served page                    gzipped ${(packed / 1000).toFixed(1)} kB`);
const mock = await startMock();
const views = [];
for (let i = 0; i < 9; i++) {
  const view = await browser.visit(mock.url);
  await view.waitForSelector('tbody tr');
  views.push(await view.evaluate(() => performance.getEntriesByType('paint').at(-1).startTime));
  await view.close();
}
line('served page: first view', views);
await browser.close();
await mock.close();
