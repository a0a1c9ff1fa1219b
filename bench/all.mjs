/**
 * @file Runs every benchmark, one after another: node bench/all.mjs [--write-docs], after a build.
 * `--write-docs` puts what they print into docs/benchmarks.md, the only way in which that page is made.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

const BENCHMARKS = ['engines', 'forms', 'images', 'plan', 'runner', 'trainer'];

let page =
  '# Benchmarks\n\nThe last run of each, written by `npm run bench -- --write-docs`. Ratios and goals are of one run on one machine.\n';
let failed = 0;
for (const name of BENCHMARKS) {
  const file = fileURLToPath(new URL(`${name}.mjs`, import.meta.url));
  const { status, stdout } = spawnSync(process.execPath, [file], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.stdout.write(`# bench:${name}\n${stdout}\n`);
  page += `\n## npm run bench:${name}\n\n\`\`\`\n${stdout.trim()}\n\`\`\`\n`;
  if (status !== 0) failed++;
}
if (failed > 0) {
  console.error(`${failed} of ${BENCHMARKS.length} benchmarks could not run.`);
  process.exit(1);
}
if (process.argv.includes('--write-docs')) {
  fs.writeFileSync(new URL('../docs/benchmarks.md', import.meta.url), page);
}
