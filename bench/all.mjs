/**
 * @file Runs benchmarks, one after another: node bench/all.mjs [--write-docs] [NAME ...], after a build; without names all of them.
 * `--write-docs` puts what they print into docs/benchmarks.md, the only way in which that page is made; what is not run keeps its
 * last figures.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

const BENCHMARKS = ['engines', 'forms', 'images', 'plan', 'report', 'runner', 'trainer'];
const PAGE = new URL('../docs/benchmarks.md', import.meta.url);
const HEAD =
  '# Benchmarks\n\nThe last run of each, written by `npm run bench -- --write-docs`. Ratios and goals are of one run on one machine.\n';

const asked = process.argv.slice(2).filter((word) => word !== '--write-docs');
const unknown = asked.find((name) => !BENCHMARKS.includes(name));
if (unknown !== undefined) {
  console.error(`${unknown}: expected one of ${BENCHMARKS.join(', ')}`);
  process.exit(1);
}

/** What the page says of each, by name. */
const sections = new Map();
for (const [, name, text] of fs
  .readFileSync(PAGE, 'utf8')
  .matchAll(/^## npm run bench:(\w+)\n\n```\n([^]*?)\n```$/gm)) {
  sections.set(name, text);
}
let failed = 0;
for (const name of asked.length > 0 ? asked : BENCHMARKS) {
  const file = fileURLToPath(new URL(`${name}.mjs`, import.meta.url));
  const { status, stdout } = spawnSync(process.execPath, [file], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.stdout.write(`# bench:${name}\n${stdout}\n`);
  if (status === 0) sections.set(name, stdout.trim());
  else failed++;
}
if (failed > 0) console.error(`${failed} could not run.`);
if (process.argv.includes('--write-docs')) {
  const known = BENCHMARKS.filter((name) => sections.has(name));
  const text = known.map((name) => `\n## npm run bench:${name}\n\n\`\`\`\n${sections.get(name)}\n\`\`\`\n`);
  fs.writeFileSync(PAGE, HEAD + text.join(''));
}
process.exit(failed > 0 ? 1 : 0);
