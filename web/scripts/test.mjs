// SPDX-License-Identifier: MIT
// test.mjs - runs all tests: node scripts/test.mjs [FILTER]. TypeScript is bundled to dist/test first. The browser tests
// skip, by name, where there is no Chromium.

import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(web, 'dist', 'test');
const filter = process.argv[2] ?? '';
const files = ['unit', 'browser'].flatMap((kind) =>
  readdirSync(join(web, 'tests', kind))
    .filter((name) => name.endsWith('.test.ts') && `${kind}/${name}`.includes(filter))
    .map((name) => join(web, 'tests', kind, name)),
);

/** Scripts stay where they are: they find their files by their own place. */
const scripts = {
  name: 'scripts',
  setup(bundle) {
    bundle.onResolve({ filter: /scripts\/\w+\.mjs$/ }, ({ path, resolveDir }) => ({
      path: pathToFileURL(resolve(resolveDir, path)).href,
      external: true,
    }));
  },
};

rmSync(out, { recursive: true, force: true });
await build({
  absWorkingDir: web,
  entryPoints: files,
  outbase: 'tests',
  outdir: out,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node18',
  sourcemap: 'inline',
  external: ['playwright-core'],
  plugins: [scripts],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  logLevel: 'warning',
});
const built = files.map((file) => file.replace(join(web, 'tests'), out).replace(/\.ts$/, '.mjs'));
const run = spawnSync(
  process.execPath,
  ['--enable-source-maps', '--test', '--test-concurrency=2', ...built],
  {
    stdio: 'inherit',
  },
);
process.exit(run.status ?? 1);
