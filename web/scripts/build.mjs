// SPDX-License-Identifier: MIT
// build.mjs - bundles the page into one file that needs nothing else: dist/profile.html.
//
//   node scripts/build.mjs [--modules DIR] [--out FILE] [--depfile FILE]
//
// --modules is where node_modules lies if not beside package.json, as in a Meson build directory. Script and style are
// inline and named by their hashes in the page's Content-Security-Policy, so nothing else can ever run in it.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const DATA_PLACE = '<!--pitviper-data-->';
const web = dirname(dirname(fileURLToPath(import.meta.url)));

function option(name, standard) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? standard : resolve(process.argv[at + 1]);
}

const modules = option('modules', join(web, 'node_modules'));
const out = option('out', join(web, 'dist', 'profile.html'));
const depfile = option('depfile', '');
const esbuild = createRequire(join(modules, 'x.js'))('esbuild');

const shared = {
  absWorkingDir: web,
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  nodePaths: [modules],
  target: ['chrome90', 'firefox113', 'safari16.4'],
  legalComments: 'none',
  charset: 'utf8',
  logLevel: 'warning',
};
const script = await esbuild.build({
  ...shared,
  entryPoints: ['src/app/main.tsx'],
  format: 'esm',
  jsx: 'automatic',
  jsxImportSource: 'preact',
});
const style = await esbuild.build({ ...shared, entryPoints: ['src/app/style.css'] });
const js = script.outputFiles[0].text
  .trim()
  .replaceAll('</script', '<\\/script')
  .replaceAll('<!--', '<\\!--');
const css = style.outputFiles[0].text.trim();
if (css.includes('</style')) throw new Error('the style sheet would end its own element');

const hash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
const parts = { SCRIPT_HASH: hash(js), STYLE_HASH: hash(css), STYLE: css, SCRIPT: js };
const template = readFileSync(join(web, 'src/index.html'), 'utf8');
const page = template.replace(/\{\{(\w+)\}\}/g, (_, name) => parts[name]);
if (page.split(DATA_PLACE).length !== 2) throw new Error(`the page must contain ${DATA_PLACE} exactly once`);

mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, page);
if (depfile) {
  const inputs = [
    ...Object.keys(script.metafile.inputs),
    ...Object.keys(style.metafile.inputs),
    'src/index.html',
    'scripts/build.mjs',
  ];
  const paths = inputs.map((path) => resolve(web, path).replace(/ /g, '\\ '));
  writeFileSync(depfile, `${out}: ${paths.join(' ')}\n`);
}
const size = (n) => `${(n / 1000).toFixed(1)} kB`;
console.log(`${size(Buffer.byteLength(page))}, gzipped ${size(gzipSync(page, { level: 9 }).length)}`);
