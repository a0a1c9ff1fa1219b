/**
 * @file Pages of docs/ that say what to do: every command that they show is run, line by line, as a reader would.
 * A block that cannot be run here says why in a comment above it: `<!-- not run: REASON -->`.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLI, sweep, temporaryFolder, writeImages } from './support.js';

const DOCS = fileURLToPath(new URL('../docs', import.meta.url));
const folder = temporaryFolder();

interface Page {
  name: string;
  /** What makes its sweeps short enough for a test. */
  shorter: string[];
}

const PAGES: Page[] = [
  {
    name: 'first-sweep.md',
    shorter: ['data.size=512', 'data.count=8', 'seeds=1', 'budget.updates=2', 'filters=2'],
  },
  { name: 'own-images.md', shorter: ['seeds=1', 'budget.updates=2', 'filters=2'] },
  { name: 'reading-the-report.md', shorter: [] },
  { name: 'recovering.md', shorter: [] },
  { name: 'export.md', shorter: [] },
  { name: 'store.md', shorter: [] },
  { name: 'watching.md', shorter: [] },
  { name: 'gpus.md', shorter: [] },
  { name: 'how-it-works.md', shorter: [] },
];

/** Commands of the blocks that are run. */
function commandsOf(page: string): string[] {
  const text = fs.readFileSync(path.join(DOCS, page), 'utf8');
  const blocks = text.matchAll(/(<!-- not run: .+ -->\n)?```sh\n([^]*?)```/g);
  return [...blocks].flatMap(([, skipped, block]) => {
    if (skipped !== undefined) return [];
    return block!
      .split('\n')
      .map((line) => line.replace(/\s+#.*$/, '').trim())
      .filter((line) => line !== '' && !line.startsWith('#'));
  });
}

beforeAll(async () => {
  await writeImages(path.join(folder, 'raw'), 12, 160);
  fs.mkdirSync(path.join(folder, 'data'));
  fs.renameSync(path.join(folder, 'raw', 'x'), path.join(folder, 'data', 'soft'));
  fs.renameSync(path.join(folder, 'raw', 'y'), path.join(folder, 'data', 'sharp'));
  // The study that pages speak of, small.
  fs.mkdirSync(path.join(folder, 'sweeps'));
  fs.writeFileSync(
    path.join(folder, 'sweeps', 'patch.yaml'),
    `name: patch-size
question: Does a larger patch matter more than a larger batch?
data: { x: ../data/soft, y: ../data/sharp, pairing: by-name }
fixed: { filters: 2, blocks: 1 }
grid: [{ patch: 64, batch: 4 }, { patch: 128, batch: 1 }]
seeds: 2
budget: { updates: 4 }
`,
  );
  fs.writeFileSync(path.join(folder, 'query.sql'), 'select count(*) as trials from trials');
  fs.mkdirSync(path.join(folder, 'bin'));
  // What a reader types, made short: for `run` and `plan` the page's changes come on top. Nobody is there to be asked.
  fs.writeFileSync(
    path.join(folder, 'bin', 'sweep'),
    `#!/bin/sh\ncase "$1" in run|plan) exec ${process.execPath} ${CLI} "$@" $SHORTER ;; rm|gc) exec ${process.execPath} ${CLI} "$@" --yes ;; *) exec ${process.execPath} ${CLI} "$@" ;; esac\n`,
    { mode: 0o755 },
  );
  const first = await sweep(folder, 'run', 'sweeps/patch.yaml');
  expect(first.exitCode, first.all).toBe(0);
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const pages = PAGES.filter(({ name }) => commandsOf(name).length > 0);
describe.each(pages)('$name', ({ name, shorter }) => {
  test.each(commandsOf(name))('%s', async (command) => {
    const { exitCode, all } = await execa('bash', ['-c', command], {
      cwd: folder,
      all: true,
      reject: false,
      stdin: 'ignore',
      env: {
        PATH: `${path.join(folder, 'bin')}:${process.env.PATH}`,
        CYCLESWEEP_CACHE: path.join(folder, 'cache'),
        CYCLESWEEP_STATE: path.join(folder, 'state'),
        SHORTER: shorter.map((change) => `--set ${change}`).join(' '),
      },
    });
    expect(exitCode, all).toBe(0);
  });
});

test('every link of every page leads somewhere', () => {
  const root = path.dirname(DOCS);
  const files = [
    ...fs.readdirSync(DOCS).map((file) => path.join('docs', file)),
    'README.md',
    'CONTRIBUTING.md',
  ];
  const broken = files
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) => {
      const links = fs.readFileSync(path.join(root, file), 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g);
      return [...links]
        .map(([, link]) => link!)
        .filter((link) => !fs.existsSync(path.join(root, path.dirname(file), link)))
        .map((link) => `${file}: ${link}`);
    });
  expect(broken).toEqual([]);
});
