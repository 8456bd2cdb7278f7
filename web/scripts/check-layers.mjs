// SPDX-License-Identifier: MIT
// check-layers.mjs - lib ← model ← api ← draw ← views ← app: a folder may use itself and those before it. lib/, model/
// and api/ use no package at all. Only api/ may fetch.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const LAYERS = ['lib', 'model', 'api', 'draw', 'views', 'app'];
const PACKAGES_FROM = LAYERS.indexOf('views');
const src = join(dirname(dirname(fileURLToPath(import.meta.url))), 'src');
const faults = [];

for (const [level, layer] of LAYERS.entries())
  for (const name of readdirSync(join(src, layer), { recursive: true })) {
    if (!/\.tsx?$/.test(name)) continue;
    const path = join(src, layer, name);
    const where = relative(src, path);
    const text = readFileSync(path, 'utf8');
    if (!text.startsWith('// SPDX-License-Identifier: MIT\n')) faults.push(`${where}: no licence line`);
    if (layer !== 'api' && /\b(fetch|XMLHttpRequest|EventSource|WebSocket)\s*\(/.test(text))
      faults.push(`${where}: only api/ may fetch`);
    for (const [, target] of text.matchAll(/(?:from|import)\s+'([^']+)'/g)) {
      if (!target.startsWith('.')) {
        if (level < PACKAGES_FROM) faults.push(`${where}: uses the package ${target}`);
        continue;
      }
      const used = relative(src, resolve(dirname(path), target)).split('/')[0];
      if (LAYERS.indexOf(used) > level || !LAYERS.includes(used))
        faults.push(`${where}: ${layer} may not use ${used}`);
    }
  }

for (const fault of faults) console.error(fault);
process.exit(faults.length > 0 ? 1 : 0);
