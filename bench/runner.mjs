/**
 * @file What the runner costs beside the trials that it runs. After a build: node bench/runner.mjs [--quick] [PART ...]
 * Parts: trials, gap, list, resume, ingest, idle. Every figure that has a peer is measured beside it in the same run.
 */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expandTrials } from '../dist/definition/expand.js';
import { foreignTrialKey } from '../dist/definition/key.js';
import { readDefinition } from '../dist/definition/read.js';
import { readJournal } from '../dist/runner/journal.js';
import { goalLine, median, table } from './print.mjs';

const QUICK = process.argv.includes('--quick');
const PARTS = { trials, gap, list, resume, ingest, idle };
const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const HERE = fileURLToPath(new URL('./runner/', import.meta.url));
/** Trials at once, in the sweep as under xargs. */
const AT_ONCE = Math.min(8, os.availableParallelism());

const SESSION = spawnSync('setsid', ['--version']).error === undefined ? ['setsid', '--wait'] : [];

const asked = process.argv.slice(2).filter((word) => word !== '--quick');
const unknown = asked.find((name) => !(name in PARTS));
if (unknown !== undefined) {
  console.error(`${unknown}: expected one of ${Object.keys(PARTS).join(', ')}`);
  process.exit(1);
}
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-bench-'));
const goals = [];
const goal = (...line) => goals.push(goalLine(...line));
try {
  const cpu = os.cpus()[0]?.model.trim();
  console.log(
    `${os.availableParallelism()} cores, ${cpu}, node ${process.version}, ${AT_ONCE} trials at once`,
  );
  for (const name of asked.length > 0 ? asked : Object.keys(PARTS)) {
    console.log('');
    await PARTS[name]();
  }
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
console.log('');
goals.forEach((line) => console.log(line));

/** A sweep of `count` trials of a program, in a folder of its own. */
function makeSweep(name, command, count, slots = AT_ONCE) {
  const place = path.join(folder, name);
  fs.mkdirSync(place, { recursive: true });
  const text = `name: ${name}
command: [${command.join(', ')}, '{lr}']
data: {phantom: radiograph, count: 8, size: 64}
grid: {lr: {from: 1, to: ${count}, step: 1}}
budget: {updates: 1}
resources: {trials: ${slots}}
`;
  fs.writeFileSync(path.join(place, 'sweep.yaml'), text);
  return { place, text, results: path.join(place, 'results') };
}

/** Starts `sweep run` on it. */
function startSweep({ place }, environment = {}) {
  const env = { ...process.env, CYCLESWEEP_CACHE: path.join(folder, 'cache'), ...environment };
  const child = spawn(process.execPath, [CLI, 'run', 'sweep.yaml'], { cwd: place, env });
  let output = '';
  let firstLine = 0;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text;
      if (firstLine === 0 && output.includes('Sweep ')) firstLine = performance.now();
    });
  }
  const ended = new Promise((resolve) =>
    child.on('close', (code) => resolve({ code, output, firstLine: firstLine, at: performance.now() })),
  );
  return { child, ended };
}

async function runSweep(made, environment) {
  const run = await startSweep(made, environment).ended;
  if (run.code !== 0) throw new Error(`sweep run ended with ${run.code}:\n${run.output}`);
  return run;
}

/**
 * The same program as often, by xargs; seconds. Each in a session of its own, as trials are: on a machine that others use, Linux
 * shares out time by session.
 */
function runXargs(command, count, slots, environment = {}) {
  const begun = performance.now();
  const { status, error } = spawnSync('xargs', ['-P', String(slots), '-n', '1', ...SESSION, ...command], {
    input: Array.from({ length: count }, (_, at) => at + 1).join('\n'),
    env: { ...process.env, SWEEP_EVENTS: path.join(folder, 'xargs.ndjson'), ...environment },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  if (error || status !== 0) throw new Error(`xargs ended with ${status}: ${error?.message ?? ''}`);
  return (performance.now() - begun) / 1000;
}

/** Programs that only say that they are done. */
function noops() {
  const python =
    'import os; open(os.environ["SWEEP_EVENTS"], "a").write(\'{"t":"done","step":1,"reason":"nothing to do"}\\n\')';
  const script = path.join(folder, 'noop.py');
  const shell = path.join(folder, 'noop.sh');
  fs.writeFileSync(script, python);
  fs.writeFileSync(shell, 'echo \'{"t":"done","step":1,"reason":"nothing to do"}\' >> "$SWEEP_EVENTS"\n');
  const all = {
    node: [process.execPath, path.join(HERE, 'noop.mjs')],
    python3: ['python3', script],
    sh: ['sh', shell],
  };
  return Object.entries(all).filter(([name]) => spawnSync(name, ['-c', '']).error === undefined);
}

/** Trials a second, from the first one's start to the last one's end, against xargs. */
async function trials() {
  const count = QUICK ? 40 : 200;
  const rounds = QUICK ? 1 : 3;
  const rows = [['no-op trial', 'trials/s', 'xargs -P', 'ratio', 'ms a trial beyond xargs']];
  for (const [name, command] of noops()) {
    const measured = [];
    for (let round = 0; round < rounds; round++) {
      const peer = count / runXargs(command, count, AT_ONCE);
      const made = makeSweep(`trials-${name}-${round}`, command, count);
      const run = await runSweep(made);
      const ours = (1000 * count) / (run.at - run.firstLine);
      measured.push({ ours, peer, ratio: ours / peer });
    }
    const of = (key) => median(measured.map((one) => one[key]));
    const beyond = (1000 * AT_ONCE) / of('ours') - (1000 * AT_ONCE) / of('peer');
    rows.push([
      name,
      of('ours').toFixed(1),
      of('peer').toFixed(1),
      of('ratio').toFixed(2),
      beyond.toFixed(1),
    ]);
    if (name === 'node') goal('runner_noop_trials_vs_xargs', of('ratio'), 'ratio', '>=', 0.8);
  }
  table(rows);
}

/** From one trial's last instruction to the next one's first, on one slot, beyond what the same takes under xargs. */
async function gap() {
  const count = QUICK ? 15 : 60;
  const command = [process.execPath, path.join(HERE, 'noop.mjs')];
  const [theirs, ours] = [path.join(folder, 'gap-xargs'), path.join(folder, 'gap-sweep')];
  runXargs(command, count, 1, { BENCH_TIMES: theirs });
  await runSweep(makeSweep('gap', command, count, 1), { BENCH_TIMES: ours });
  const [peer, sweep] = [theirs, ours].map(gaps);
  table([
    ['between two trials on one slot, ms', 'median', 'longest'],
    ['sweep run', sweep.median.toFixed(1), sweep.longest.toFixed(1)],
    ['xargs -P 1', peer.median.toFixed(1), peer.longest.toFixed(1)],
  ]);
  goal('runner_gap_between_trials', sweep.median - peer.median, 'ms', '<=', 50);
}

function gaps(file) {
  const times = fs
    .readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number))
    .sort(([a], [b]) => a - b);
  const between = times.slice(1).map(([begun], at) => begun - times[at][1]);
  return { median: median(between), longest: Math.max(...between) };
}

/** A sweep file of 10,000 trials becomes a list of them, with keys. */
function list() {
  const { text } = makeSweep('list', ['echo'], 10_000);
  const ingredients = {
    dataFingerprint: 'bench',
    split: { train: 1, validation: 0, test: 0 },
    pairing: 'none',
  };
  const seconds = Array.from({ length: 6 }, () => {
    const begun = performance.now();
    const definition = readDefinition(text, 'sweep.yaml');
    const { budget, trainer } = definition;
    const { trials: expanded } = expandTrials(definition);
    const shared = { ...ingredients, budget, range: 'auto', command: trainer.command };
    expanded.forEach((trial) => foreignTrialKey({ ...shared, ...trial }));
    return (performance.now() - begun) / 1000;
  });
  const took = median(seconds.slice(1));
  console.log(`10,000 trials read, checked, listed and given keys: ${took.toFixed(2)} s`);
  goal('runner_list_10k_trials', took, 's', '<=', 1);
}

/** \`sweep run\` on a sweep all of whose trials have been run, by real trials. */
async function resume() {
  const count = QUICK ? 300 : 10_000;
  const made = makeSweep('resume', ['sh', path.join(folder, 'noop.sh')], count);
  noops();
  await runSweep(made);
  const measured = [];
  for (let round = 0; round < 3; round++) {
    const begun = performance.now();
    const run = await runSweep(made);
    if (!run.output.includes(`${count} done before, 0 to run`)) throw new Error(run.output);
    measured.push((run.at - begun) / 1000);
  }
  const key = fs.readdirSync(path.join(made.results, 'trials'))[0];
  const entries = readJournal(made.results, key).length;
  console.log(
    `sweep run on ${count} trials that are done, from start to end: ${median(measured).toFixed(2)} s (${entries} journal entries each)`,
  );
  goal(`runner_resume_${count === 10_000 ? '10k' : count}_trials`, median(measured), 's', '<=', 2);
}

/** Points a second into the database while 32 files grow and a reader reads, against a bare loop. */
function ingest() {
  const rounds = Array.from({ length: QUICK ? 1 : 3 }, (_, round) => {
    const place = path.join(folder, `ingest-${round}`);
    fs.mkdirSync(place);
    const commits = path.join(place, 'commits');
    const { status, stdout } = spawnSync(
      process.execPath,
      [
        '--import',
        path.join(HERE, 'time-commits.mjs'),
        path.join(HERE, 'ingest.mjs'),
        place,
        '32',
        QUICK ? '300' : '2000',
      ],
      {
        encoding: 'utf8',
        env: { ...process.env, BENCH_COMMITS: commits },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    if (status !== 0) throw new Error(`ingest.mjs ended with ${status}`);
    const times = fs
      .readFileSync(commits, 'utf8')
      .trim()
      .split('\n')
      .map(Number)
      .sort((a, b) => a - b);
    return { ...JSON.parse(stdout), p99: times[Math.ceil(0.99 * times.length) - 1], commit: median(times) };
  });
  const of = (value) => median(rounds.map(value));
  const ratio = of(({ ours, bare }) => ours / bare);
  table([
    ['32 files that grow, a reader', 'points/s', 'bytes a point', 'transaction ms', 'p99'],
    [
      'sweep run',
      of(({ ours }) => ours).toFixed(0),
      of(({ bytes }) => bytes).toFixed(1),
      of(({ commit }) => commit).toFixed(1),
      of(({ p99 }) => p99).toFixed(1),
    ],
    ['bare loop', of(({ bare }) => bare).toFixed(0), of(({ bareBytes }) => bareBytes).toFixed(1), '', ''],
  ]);
  goal('runner_ingest_vs_bare_loop', ratio, 'ratio', '>=', 0.7);
  goal(
    'runner_commit_p99',
    of(({ p99 }) => p99),
    'ms',
    '<=',
    100,
  );
}

/** Share of a core that the runner takes while 8 trials write 10 points a second each. */
async function idle() {
  if (!fs.existsSync('/proc/self/stat')) {
    console.log('Time of the runner alone can be told on Linux only.');
    return;
  }
  const command = [process.execPath, path.join(HERE, 'steady.mjs')];
  const { child, ended } = startSweep(makeSweep('idle', command, 8, 8));
  const events = path.join(folder, 'idle', 'results', 'trials');
  while (!fs.existsSync(events) || fs.readdirSync(events).length < 8) await sleep(100);
  await sleep(QUICK ? 3000 : 5000);
  const seconds = QUICK ? 10 : 60;
  const [begun, before] = [performance.now(), processorSeconds(child.pid)];
  await sleep(1000 * seconds);
  const share = (processorSeconds(child.pid) - before) / ((performance.now() - begun) / 1000);
  child.kill('SIGINT');
  await ended;
  console.log(`8 trials at 10 points a second: the runner takes ${(100 * share).toFixed(2)} % of a core`);
  goal('runner_idle_core', 100 * share, '%', '<=', 1);
}

/** User and system time of a process and its threads, without its children. */
function processorSeconds(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
