/**
 * @file How long a report of many long trials takes to make and to open, TensorBoard on the same numbers beside it. After a build:
 * node bench/report.mjs [--quick] [--install-tensorboard]
 *
 * TensorBoard reads event files made from the same store by `sweep export --format tensorboard`: the time until its data server
 * has every run and answers for one metric of all of them, beside our time from the store to a written page; and the time until its scalars page has
 * drawn a first chart in Chromium, its server running and its files read (of more than 40 runs it shows none until they are ticked, so
 * that chart is empty), beside the time until our page has.
 */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { goalLine, table } from './print.mjs';
import { makeStore } from './report/store.mjs';

const quick = process.argv.includes('--quick');
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const CLI = path.join(root, 'dist', 'cli.js');
const PEAK = path.join(root, 'bench', 'report', 'peak.mjs');
const TENSORBOARD = path.join(root, 'bench', '.tensorboard');
const BROWSER = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (file) => file !== undefined && fs.existsSync(file),
);
if (BROWSER === undefined) {
  console.error('No Chromium was found; set CHROMIUM to one.');
  process.exit(1);
}
if (process.argv.includes('--install-tensorboard')) installTensorboard();

const SIZES = quick
  ? [{ trials: 10, steps: 1000 }]
  : [
      { trials: 100, steps: 10_000 },
      { trials: 1000, steps: 1000 },
    ];
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-report-'));
try {
  console.log(
    `${os.cpus().length} x ${os.cpus()[0]?.model.trim()}, node ${process.version}, load ${os.loadavg()[0].toFixed(1)}`,
  );
  const rows = [];
  for (const size of SIZES) {
    const results = path.join(folder, `${size.trials}`);
    makeStore(results, size);
    rows.push({
      ...size,
      ...(await measureOurs(results)),
      peer: size === SIZES[0] ? await measureTensorboard(results, size) : null,
    });
  }
  print(rows);
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}

async function measureOurs(results) {
  const page = path.join(results, 'report.html');
  const made = timed(['report', '--results', results, '--out', page]);
  const again = path.join(results, 'again.html');
  timed(['report', '--results', results, '--out', again]);
  const same = fs.readFileSync(page).equals(fs.readFileSync(again));
  if (!same) throw new Error('two reports of one store differ');
  const first = await firstChart(pathToFileURL(page).href, '.chart svg.main-svg .scatterlayer .js-line');
  return { ...made, megabytes: fs.statSync(page).size / 1e6, first };
}

/** Runs a command of ours to its end: seconds, processor seconds and the highest resident memory, in GB. */
function timed(words) {
  const peak = path.join(folder, 'peak.json');
  const begun = performance.now();
  const { status } = spawnSync(process.execPath, ['--import', pathToFileURL(PEAK).href, CLI, ...words], {
    env: { ...process.env, PEAK_FILE: peak },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error(`sweep ${words.join(' ')} failed`);
  return { seconds: (performance.now() - begun) / 1000, ...JSON.parse(fs.readFileSync(peak, 'utf8')) };
}

/** Seconds from opening a page in a fresh Chromium until what `selector` names is there. */
async function firstChart(url, selector) {
  const browser = await chromium.launch({ executablePath: BROWSER, args: ['--no-sandbox', '--disable-gpu'] });
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const begun = performance.now();
  await page.goto(url);
  await page.locator(selector).first().waitFor({ state: 'attached', timeout: 120_000 });
  const seconds = (performance.now() - begun) / 1000;
  await browser.close();
  return seconds;
}

/** Null where it is not installed. */
async function measureTensorboard(results, { trials, steps }) {
  if (!fs.existsSync(TENSORBOARD)) return null;
  const logs = path.join(results, 'events');
  timed(['export', '--results', results, '--format', 'tensorboard', '--out', logs]);
  const begun = performance.now();
  const server = spawn(
    'python3',
    ['-m', 'tensorboard.main', '--logdir', logs, '--port', '0', '--host', '127.0.0.1'],
    {
      env: { ...process.env, PYTHONPATH: TENSORBOARD },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  try {
    const url = await new Promise((resolve, reject) => {
      let said = '';
      server.stderr.on('data', (text) => {
        said += text;
        const found = /http:\/\/\S+/.exec(said);
        if (found) resolve(found[0]);
      });
      server.on('exit', () => reject(new Error(`TensorBoard ended: ${said}`)));
    });
    for (;;) {
      const tags = await (await fetch(new URL('data/plugin/scalars/tags', url))).json();
      const runs = Object.keys(tags);
      const answers =
        runs.length < trials
          ? []
          : await Promise.all(runs.map((run) => lastStep(url, run, Object.keys(tags[run]).at(-1))));
      if (answers.length > 0 && answers.every((step) => step === steps)) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const read = (performance.now() - begun) / 1000;
    return {
      read,
      first: await firstChart(new URL('#timeseries', url).href, 'line-chart canvas'),
    };
  } finally {
    server.removeAllListeners('exit');
    server.kill();
  }
}

async function lastStep(url, run, tag) {
  const asked = new URL('data/plugin/scalars/scalars', url);
  asked.search = new URLSearchParams({ run, tag }).toString();
  const answer = await fetch(asked);
  return answer.ok ? (await answer.json()).at(-1)?.[1] : undefined;
}

function installTensorboard() {
  const words = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--target',
    TENSORBOARD,
    'tensorboard==2.21.0',
    'setuptools<81',
  ];
  const { status } = spawnSync('python3', words, { stdio: 'inherit' });
  if (status !== 0) throw new Error('TensorBoard could not be installed');
}

function print(rows) {
  const number = (value) => (value === undefined ? '-' : value.toFixed(2));
  table([
    [
      'trials x records x 6 metrics',
      'made s',
      'processor s',
      'memory GB',
      'page MB',
      'first chart s',
      'TensorBoard: read s',
      'first chart s',
    ],
    ...rows.map(({ trials, steps, seconds, cpu, gb, megabytes, first, peer }) => [
      `${trials} x ${steps}`,
      ...[seconds, cpu, gb, megabytes, first, peer?.read, peer?.first].map(number),
    ]),
  ]);
  const [row, more] = rows;
  if (row.peer === null)
    console.log('TensorBoard is not installed: -- --install-tensorboard puts it into bench/.tensorboard.');
  console.log(goalLine('report_made', row.seconds, 's', '<=', 10));
  console.log(goalLine('report_memory', row.gb, 'GB', '<=', 1));
  console.log(goalLine('report_size', row.megabytes, 'MB', '<=', 8));
  console.log(goalLine('report_first_chart', row.first, 's', '<=', 2));
  if (more) console.log(goalLine('report_1000_trials_first_chart', more.first, 's', '<=', 10));
}
