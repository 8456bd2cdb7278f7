// SPDX-License-Identifier: MIT
// build.mjs - bundles the two pages:
//
//   profile.html               a saved profile: one file that needs nothing else
//   index.html app.js app.css  the page of `pitviper serve`, which serves them beside its API
//
//   node scripts/build.mjs [--modules DIR] [--out DIR] [--depfile FILE --target NAME]
//
// --modules is where node_modules lies if not beside package.json, as in a Meson build directory. Script and style of
// the saved page are inline and named by their hashes in its Content-Security-Policy, so nothing else can ever run in
// it; those of the served page are files, and the policy is the server's: only its own files.

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
  return at < 0 ? standard : process.argv[at + 1];
}

const modules = resolve(option('modules', join(web, 'node_modules')));
const out = resolve(option('out', join(web, 'dist')));
const depfile = option('depfile', '');
const esbuild = createRequire(join(modules, 'x.js'))('esbuild');
const inputs = new Set(['scripts/build.mjs']);

/** The licences of the packages that a script contains go where it goes. */
function notice(metafile) {
  const names = ['preact', 'uplot'].filter((name) =>
    Object.keys(metafile.inputs).some((path) => path.includes(`node_modules/${name}/`)),
  );
  const texts = names.map(
    (name) => `${name}: ${readFileSync(join(modules, name, 'LICENSE'), 'utf8').trim()}`,
  );
  return texts.length > 0 ? `/*\nContains\n\n${texts.join('\n\n')}\n*/\n` : '';
}

async function bundle(entry) {
  const result = await esbuild.build({
    absWorkingDir: web,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: entry.endsWith('.css') ? undefined : 'esm',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    nodePaths: [modules],
    target: ['chrome90', 'firefox113', 'safari16.4'],
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'warning',
  });
  for (const input of Object.keys(result.metafile.inputs)) inputs.add(input);
  return notice(result.metafile) + result.outputFiles[0].text.trim();
}

function read(path) {
  inputs.add(path);
  return readFileSync(join(web, path), 'utf8');
}

function write(name, text) {
  writeFileSync(join(out, name), text);
  return gzipSync(text, { level: 9 }).length;
}

async function savedPage() {
  const js = (await bundle('src/app/main.tsx'))
    .replaceAll('</script', '<\\/script')
    .replaceAll('<!--', '<\\!--');
  const css = await bundle('src/app/style.css');
  if (css.includes('</style')) throw new Error('the style sheet would end its own element');
  const hash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const parts = { SCRIPT_HASH: hash(js), STYLE_HASH: hash(css), STYLE: css, SCRIPT: js };
  const page = read('src/index.html').replace(/\{\{(\w+)\}\}/g, (_, name) => parts[name]);
  if (page.split(DATA_PLACE).length !== 2)
    throw new Error(`the page must contain ${DATA_PLACE} exactly once`);
  return write('profile.html', page);
}

async function servedPage() {
  return (
    write('index.html', read('src/serve.html')) +
    write('app.js', await bundle('src/app/serve.tsx')) +
    write('app.css', await bundle('src/app/serve.css'))
  );
}

mkdirSync(out, { recursive: true });
const kb = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
console.log(`profile.html ${kb(await savedPage())}, served page ${kb(await servedPage())} (gzipped)`);
if (depfile) {
  const paths = [...inputs].map((path) => resolve(web, path).replace(/ /g, '\\ '));
  writeFileSync(depfile, `${option('target', join(out, 'profile.html'))}: ${paths.join(' ')}\n`);
}
