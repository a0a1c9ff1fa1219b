/** @file The package as other programs use it: what is packed, what can be imported, and that the example of docs/library.md runs. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { validate } from 'dockerfile-utils';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sweep, smallSweep, temporaryFolder, writeImages } from './support.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const folder = temporaryFolder();
/** Where an install would put the package. */
const installed = path.join(folder, 'node_modules', 'cyclesweep');
let packed: { size: number; files: { path: string }[]; filename: string };

beforeAll(async () => {
  const json = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: ROOT,
  });
  [packed] = JSON.parse(json.toString()) as [typeof packed];
  fs.mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['xzf', path.join(folder, packed.filename), '-C', installed, '--strip-components=1']);
  // Its dependencies are those of this clone. Installed from a registry it is by `npm run verify install`.
  for (const name of fs.readdirSync(path.join(ROOT, 'node_modules'))) {
    if (!name.startsWith('.'))
      fs.symlinkSync(path.join(ROOT, 'node_modules', name), path.join(folder, 'node_modules', name));
  }
  await writeImages(folder);
  fs.writeFileSync(path.join(folder, 'sweep.yaml'), smallSweep());
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const environment = {
  CYCLESWEEP_CACHE: path.join(folder, 'cache'),
  CYCLESWEEP_STATE: path.join(folder, 'state'),
};

test('the package is small, and holds what it runs, its licence and its docs, not its tests', () => {
  expect(packed.size).toBeLessThan(5e6);
  const files = packed.files.map((file) => file.path);
  expect(files).toEqual(
    expect.arrayContaining([
      'LICENSE',
      'CHANGELOG.md',
      'README.md',
      'dist/cli.js',
      'dist/index.d.ts',
      'docs/library.md',
      'sweeps/patch.yaml',
    ]),
  );
  expect(files.filter((file) => /\.test\.|\.map$|^test\/|^bench\/|^results\//.test(file))).toEqual([]);
});

test('the example of docs/library.md runs on the packed files', async () => {
  const page = fs.readFileSync(path.join(ROOT, 'docs', 'library.md'), 'utf8');
  fs.writeFileSync(path.join(folder, 'example.mjs'), /```js\n([^]*?)```/.exec(page)![1]!);
  const { all, exitCode } = await execa('node', ['example.mjs'], { cwd: folder, env: environment, all: true, reject: false }); // prettier-ignore
  expect(exitCode, all).toBe(0);
  expect(all).toContain('4 done, 0 failed');
  expect(all).toMatch(/^patch 32, batch 1, seed 2: D \d\.\d{3}, \d+\.\d dB$/m);
});

test('the packed command makes a report in any folder', async () => {
  const cli = path.join(installed, 'dist', 'cli.js');
  const { all, exitCode } = await execa('node', [cli, 'report', '--out', 'r.html'], { cwd: folder, env: environment, all: true, reject: false }); // prettier-ignore
  expect(exitCode, all).toBe(0);
  expect(fs.readFileSync(path.join(folder, 'r.html'), 'utf8')).toContain('4 of 4 trials are done');
});

test('types come along, and a caller can stop a sweep and is told what is wrong', async () => {
  fs.writeFileSync(
    path.join(folder, 'caller.ts'),
    `import { runSweep, UserError, type SweepSummary } from 'cyclesweep';
const stop = new AbortController();
const summary: SweepSummary = await runSweep('sweep.yaml', {
  set: ['budget.updates=100000'],
  results: 'stopped',
  signal: stop.signal,
  onMessage: (line) => line.startsWith('start') && stop.abort(),
});
console.log(summary.exitCode, summary.done, summary.left);
await runSweep('nowhere.yaml').catch((error: unknown) => console.log(error instanceof UserError && error.message));
`,
  );
  const tsc = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const flags = [
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--strict',
    '--skipLibCheck',
    '--types',
    'node',
    '--outDir',
    'out',
  ];
  fs.writeFileSync(path.join(folder, 'package.json'), '{"type": "module"}');
  const checked = await execa('node', [tsc, ...flags, 'caller.ts'], {
    cwd: folder,
    all: true,
    reject: false,
  });
  expect(checked.exitCode, checked.all).toBe(0);
  const { all } = await execa('node', ['out/caller.js'], { cwd: folder, env: environment, all: true, reject: false }); // prettier-ignore
  expect(all).toContain('3 0 4\n');
  expect(all).toContain('nowhere.yaml: there is no such file');
});

test('sweep --version is the package’s', async () => {
  const { version } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  expect((await sweep(folder, '--version')).stdout).toBe(version);
  expect(fs.readFileSync(path.join(ROOT, 'CHANGELOG.md'), 'utf8')).toContain(`## ${version}`);
});

test.each(['Containerfile', 'Containerfile.cuda'])('%s is in order', (name) => {
  expect(validate(fs.readFileSync(path.join(ROOT, name), 'utf8'))).toEqual([]);
});
