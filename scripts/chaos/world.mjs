/**
 * @file One results folder and what befalls it: a sweep of cheap trials is run again and again while its processes, files and clock
 * are disturbed; after each disaster, and at the end, it is judged.
 */
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { checkResults } from '../../dist/runner/fsck/check.js';
import { findStrays } from '../../dist/runner/strays.js';
import { CRASH_POINTS } from './hook.mjs';
import { randomFrom, startTime } from './numbers.mjs';
import { dump, judge } from './oracle.mjs';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const TRAINER = fileURLToPath(new URL('./trainer.mjs', import.meta.url));
/** What ends a trial that hears nothing: without it, a deaf one is an orphan. */
const WATCHDOG = fileURLToPath(new URL('../../dist/runner/executors/watchdog-process.js', import.meta.url));
const FAKE_GPUS = fileURLToPath(new URL('../../test/fake-gpus', import.meta.url));
const HOOK = new URL('./hook.mjs', import.meta.url).href;

/** Invariant 4: what runs this long after its runner's death is an orphan. */
const ORPHAN_AFTER = 10_000;
/** A run that takes longer hangs: nothing that is run here takes a tenth of it. */
const HANGS_AFTER = 300_000;
/** A world with so many trials has grown enough. */
const MOST_TRIALS = 24;
const DAMAGED = 4;

/**
 * Lives through `kills` kills.
 * @param options folder: an empty one; record: where the trainers' own records go; image: a grey PNG for the data, which nobody looks
 *   at; small: the folder is on a file system that is filled up now and then; machine: a folder for worlds that share GPUs (of a fake
 *   nvidia-smi), or undefined; sabotage: see main.mjs
 * @returns {Promise<{kills, rows, lost, doubled, repeated, orphans, problems: string[], disasters: object}>}
 */
export async function live({ folder, record, image, seed, kills, small, machine, sabotage }) {
  const random = randomFrom(seed);
  const world = {
    folder,
    results: path.join(folder, 'results'),
    record,
    machine,
    random,
    sabotage,
    cells: 2 + whole(random, 3),
    seeds: 1 + whole(random, 2),
    updates: 20 + whole(random, 40),
    slots: 1 + whole(random, 4),
    moved: 0,
    tally: { kills: 0, rows: 0, lost: 0, doubled: 0, repeated: 0, orphans: 0, problems: [], disasters: {} },
  };
  fs.mkdirSync(world.record, { recursive: true });
  for (const domain of ['x', 'y']) {
    fs.mkdirSync(path.join(folder, domain));
    for (const name of ['1', '2', '3', '4']) fs.copyFileSync(image, path.join(folder, domain, `${name}.png`));
  }
  writeSweepFile(world);
  const { tally } = world;
  let before = 0;
  while (tally.kills < kills) {
    const disaster = choose(random, small ? SMALL : DISASTERS);
    tally.disasters[disaster.name] = (tally.disasters[disaster.name] ?? 0) + 1;
    world.last = disaster.name;
    const finished = await disaster(world);
    await countOrphans(world);
    collect(world, judge({ ...world, trials: trialsOf(world), ended: false }));
    checkedByFsck(world);
    if (tally.problems.length > 0) break;
    if (finished && !grow(world) && tally.kills === before) break; // as large as it gets, and nothing left to kill
    if (finished && trialsOf(world).length >= MOST_TRIALS) break;
    before = tally.kills;
  }
  await finish(world);
  return tally;
}

/* ---- what may happen ---- */

/** The runner is killed at a random instant of its life. Those that it leaves are met by the next one, or leave before it comes. */
async function runnerKilled(world) {
  const runner = start(world);
  await instant(world, runner);
  return die(world, runner);
}

/** The runner dies at an instant that chance would rarely find: in a transaction, with half a line written, ... */
async function runnerKilledAtAPoint(world) {
  const point = CRASH_POINTS[whole(world.random, CRASH_POINTS.length)];
  const nth = 1 + whole(world.random, point === 'spawn' || point === 'folder' ? 4 : 12);
  const runner = start(world, { CHAOS_CRASH: `${point}:${nth}` });
  return die(world, runner, false);
}

/** All at once, as when a control group is ended or memory runs out. */
async function allKilled(world) {
  const runner = start(world);
  await instant(world, runner);
  const trials = trialProcesses(world);
  const finished = await die(world, runner);
  for (const pid of trials) killTrial(world, pid, world.random() < 0.5);
  return finished;
}

/** Trials are killed one after another; the runner tries them again. In the end the runner is killed, too, or is let through. */
async function trialsKilled(world) {
  const runner = start(world);
  const most = 2 + whole(world.random, 6);
  for (let at = 0; at < most && runner.lives(); at++) {
    await instant(world, runner, 300);
    const pids = trialProcesses(world);
    if (pids.length > 0) killTrial(world, pids[whole(world.random, pids.length)], world.random() < 0.5);
  }
  if (world.random() < 0.5) return die(world, runner);
  return ended(world, await runner.ended);
}

/** Ctrl-C, and a kill while trials save. */
async function killedWhileStopping(world) {
  const runner = start(world);
  await instant(world, runner);
  runner.signal('SIGINT');
  await sleep(world.random() * 60);
  return die(world, runner);
}

/** A second runner in the same folder is refused, and disturbs nothing. */
async function twoRunners(world) {
  const runner = start(world);
  await someTrial(world, runner);
  const second = start(world);
  const { code, output } = await second.ended;
  if (runner.lives() && (code !== 2 || !output.includes('Another sweep run')))
    fault(world, 'doubled', `a second runner was not refused: exit code ${code}: ${output}`);
  return die(world, runner);
}

/** Two start in the same instant: one works, one is refused, whichever it is. */
async function twoRunnersAtOnce(world) {
  const runners = [start(world), start(world)];
  const loser = await Promise.race(runners.map(async (runner) => ({ runner, end: await runner.ended })));
  const { code, signal, output } = loser.end;
  const refused = code === 2 && output.includes('Another sweep run');
  if (!refused && code !== 0) fault(world, 'lost', `of two runners at once one ended with ${code ?? signal}: ${output}`); // prettier-ignore
  const winner = runners.find((runner) => runner !== loser.runner);
  await instant(world, winner, 500);
  return die(world, winner);
}

/** The clock jumps, for the runner and for trials. */
async function clockJumps(world) {
  const runner = start(world, { CHAOS_CLOCK: String(1 + whole(world.random, 1e6)) });
  await instant(world, runner, 1500);
  return die(world, runner);
}

/** The database is gone, before the next run. */
async function databaseDeleted(world) {
  for (const ending of ['', '-wal', '-shm']) fs.rmSync(path.join(world.results, `sweep.db${ending}`), { force: true }); // prettier-ignore
  return runnerKilled(world);
}

/** What the killed runner had committed but not yet moved into the file is gone. */
async function walDeleted(world) {
  for (const ending of ['-wal', '-shm']) fs.rmSync(path.join(world.results, `sweep.db${ending}`), { force: true }); // prettier-ignore
  return runnerKilled(world);
}

/** Pages of the database are overwritten, or it is cut off. What the command says leads back to a whole one. */
async function databaseDamaged(world) {
  const file = path.join(world.results, 'sweep.db');
  if (!fs.existsSync(file)) return false;
  for (const ending of ['-wal', '-shm']) fs.rmSync(`${file}${ending}`, { force: true });
  const { size } = fs.statSync(file);
  const kind = whole(world.random, 3);
  if (kind === 0) fs.truncateSync(file, 0);
  else if (kind === 1) fs.truncateSync(file, Math.floor(size * world.random()));
  else {
    const descriptor = fs.openSync(file, 'r+');
    for (let page = 0; page < 3; page++) fs.writeSync(descriptor, Buffer.alloc(4096, 0x5a), 0, 4096, 4096 * whole(world.random, Math.ceil(size / 4096))); // prettier-ignore
    fs.closeSync(descriptor);
  }
  const check = sweep(world, ['fsck']);
  if (check.code !== DAMAGED && size > 0) fault(world, 'lost', `fsck did not see the damage (${kind}): exit code ${check.code}: ${check.output}`); // prettier-ignore
  const mended = sweep(world, ['fsck', '--rebuild']);
  if (mended.code !== 0) fault(world, 'lost', `fsck --rebuild ended with ${mended.code}: ${mended.output}`);
  return false;
}

/** The results folder gets another place. */
async function folderMoved(world) {
  if (!fs.existsSync(world.results)) return false;
  const place = path.join(world.folder, `results-${++world.moved}`);
  fs.renameSync(world.results, place);
  world.results = place;
  return runnerKilled(world);
}

/** The file system is full for a while; the runner may give up, and nothing is lost. */
async function diskFull(world) {
  const runner = start(world);
  await instant(world, runner, 600);
  const ballast = path.join(world.folder, 'ballast');
  const descriptor = fs.openSync(ballast, 'w');
  try {
    for (let size = 65_536; size >= 1;) {
      try {
        if (fs.writeSync(descriptor, Buffer.alloc(size)) < size) size >>= 1;
      } catch {
        size >>= 1;
      }
    }
  } finally {
    fs.closeSync(descriptor);
  }
  await sleep(300 + world.random() * 1500);
  if (world.random() < 0.5) {
    const finished = await die(world, runner);
    fs.rmSync(ballast);
    return finished;
  }
  fs.rmSync(ballast);
  await instant(world, runner, 1500);
  return die(world, runner);
}

/** Each with its weight. */
const DISASTERS = [
  [6, runnerKilled],
  [8, runnerKilledAtAPoint],
  [3, allKilled],
  [5, trialsKilled],
  [2, killedWhileStopping],
  [1, twoRunners],
  [1, twoRunnersAtOnce],
  [2, clockJumps],
  [1, databaseDeleted],
  [1, walDeleted],
  [1, databaseDamaged],
  [1, folderMoved],
];
const SMALL = [
  [4, diskFull],
  [1, runnerKilled],
  [1, trialsKilled],
];

/* ---- means ---- */

/** Starts `sweep run` as a user would. */
function start(world, more = {}) {
  const log = fs.openSync(`${world.record}.log`, 'a+');
  const from = fs.fstatSync(log).size;
  const child = spawn(process.execPath, [CLI, 'run', 'sweep.yaml', '--results', world.results], {
    cwd: world.folder,
    env: environment(world, more),
    stdio: ['ignore', log, log],
  });
  let over = false;
  const ended = new Promise((resolve) => {
    const late = setTimeout(() => {
      fault(world, 'lost', `a run hung for ${HANGS_AFTER / 1000} s`);
      child.kill('SIGKILL');
    }, HANGS_AFTER);
    child.on('exit', (code, signal) => {
      clearTimeout(late);
      over = true;
      const { size } = fs.fstatSync(log);
      const output = Buffer.alloc(size - from);
      fs.readSync(log, output, 0, output.length, from);
      fs.closeSync(log);
      resolve({ code, signal, output: output.toString() });
    });
  });
  return { ended, lives: () => !over, signal: (name) => child.kill(name) };
}

function environment(world, more = {}) {
  return {
    ...process.env,
    CYCLESWEEP_CACHE: path.join(world.folder, 'cache'),
    CYCLESWEEP_STATE: path.join(world.folder, 'state'),
    CHAOS_RECORD: world.record,
    NODE_OPTIONS: `--import=${HOOK}`,
    ...(world.machine === undefined ? {} : gpusOf(world.machine)),
    ...(world.sabotage === 'orphan' ? { CHAOS_DEAF: '1' } : {}),
    ...more,
  };
}

/** Two GPUs that are not there, and one registry of who has them. */
function gpusOf(machine) {
  const file = path.join(machine, 'gpus.json');
  if (!fs.existsSync(file))
    fs.writeFileSync(file, JSON.stringify({ gpus: [{ uuid: 'GPU-0' }, { uuid: 'GPU-1' }] }));
  return {
    PATH: `${FAKE_GPUS}:${process.env.PATH}`,
    CUDA_VISIBLE_DEVICES: undefined,
    CYCLESWEEP_STATE: path.join(machine, 'state'),
    CHAOS_GPUS: path.join(machine, 'in-use'),
    FAKE_GPUS: file,
  };
}

/** Runs another command to its end. */
function sweep(world, args) {
  const options = {
    cwd: world.folder,
    env: environment(world),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  };
  try {
    return {
      code: 0,
      output: execFileSync(process.execPath, [CLI, ...args, '--results', world.results], options),
    };
  } catch (error) {
    return { code: error.status ?? error.signal, output: `${error.stdout}${error.stderr}` };
  }
}

/** Waits for the runner's end, which a kill hastens or the runner brings about itself. Whether the sweep is finished. */
async function die(world, runner, kill = true) {
  if (world.sabotage === 'orphan') await killWatchdog(world, runner);
  if (kill) runner.signal('SIGKILL');
  return ended(world, await runner.ended);
}

/** It comes with the first trial: without a trial there is none to orphan. */
async function killWatchdog(world, runner) {
  await someTrial(world, runner);
  while (runner.lives() && processesOf(world, WATCHDOG).length === 0) await sleep(10);
  processesOf(world, WATCHDOG).forEach((pid) => process.kill(pid, 'SIGKILL'));
}

function ended(world, { code, signal, output }) {
  if (signal === 'SIGKILL') world.tally.kills++;
  else if (
    (signal !== 'SIGINT' /* before it listened */ && ![0, 1, 2, 3].includes(code)) ||
    output.includes('fault of CycleSweep')
  )
    fault(world, 'lost', `the runner ended with ${code ?? signal}: ${output.slice(-2000)}`);
  return code === 0;
}

/** A random instant: of the start, or of the time when trials run. */
async function instant(world, runner, most = 1000) {
  if (world.random() < 0.8) await someTrial(world, runner);
  const until = performance.now() + world.random() * most;
  while (runner.lives() && performance.now() < until) await sleep(5);
}

async function someTrial(world, runner) {
  while (runner.lives() && trialProcesses(world).length === 0) await sleep(10);
}

/** Processes of this world's trials, as the kernel knows them. */
function trialProcesses(world) {
  return processesOf(world, TRAINER);
}

function processesOf(world, program) {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        if (!fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${program}\0`)) return false;
        return fs.readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`\0CHAOS_RECORD=${world.record}\0`);
      } catch {
        return false; // it has ended
      }
    })
    .map(Number);
}

/** Counted only if there was something to kill. */
function killTrial(world, pid, group) {
  if (startTime(pid) === undefined) return;
  try {
    process.kill(group ? -pid : pid, 'SIGKILL');
    world.tally.kills++;
  } catch {
    // it was faster
  }
}

async function countOrphans(world) {
  const until = performance.now() + ORPHAN_AFTER;
  // A process that is about to be gone has lost its environment and still has its files open, by which fsck would find it.
  const left = () => trialProcesses(world).length + findStrays(world.results).length;
  while (performance.now() < until && left() > 0) await sleep(20);
  for (const pid of trialProcesses(world)) {
    fault(world, 'orphans', `process ${pid} ran ${ORPHAN_AFTER / 1000} s after its runner`);
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has left at last
    }
  }
}

/** Another cell, seed or length; false once the world is as large as it gets. */
function grow(world) {
  if (trialsOf(world).length >= MOST_TRIALS) return false;
  if (world.random() < 0.5) world.cells++;
  else world.seeds++;
  writeSweepFile(world);
  return true;
}

function trialsOf({ cells, seeds, updates }) {
  return Array.from({ length: cells * seeds }, (_, at) => {
    return { cell: 1 + (at % cells), seed: 1 + Math.floor(at / cells), updates };
  });
}

function writeSweepFile({ folder, cells, seeds, updates, slots, machine }) {
  const cell = Array.from({ length: cells }, (_, at) => at + 1);
  const file = {
    name: 'chaos',
    command: [process.execPath, TRAINER, '{budget}', '{seed}', '{cell}'],
    data: { x: 'x', y: 'y', pairing: 'by-name' },
    grid: { cell },
    seeds,
    budget: { updates },
    ...(machine === undefined
      ? { resources: { trials: slots, threads: 1 } }
      : { device: 'cuda', resources: { trials_per_gpu: 1 } }),
    retry: { limit: 1000 },
  };
  fs.writeFileSync(path.join(folder, 'sweep.yaml'), JSON.stringify(file, null, 2));
}

/** A last run that nothing disturbs: then everything must be there, once. */
async function finish(world) {
  const { code, signal, output } = await start(world).ended;
  if (code !== 0) fault(world, 'lost', `the last run ended with ${code ?? signal}: ${output.slice(-2000)}`);
  if (SABOTAGE[world.sabotage] !== undefined) {
    const db = new Database(path.join(world.results, 'sweep.db'));
    db.exec(SABOTAGE[world.sabotage]);
    db.close();
    await start(world).ended;
  }
  const verdict = judge({ ...world, trials: trialsOf(world), ended: true });
  collect(world, verdict);
  world.tally.rows += verdict.rows;
  if (world.sabotage === undefined) checkedByCommand(world);
}

/** Our own check must not see damage where the oracle sees none: both are tried by the other. */
function checkedByFsck(world) {
  if (world.sabotage !== undefined || !fs.existsSync(world.results)) return;
  const { findings } = checkResults(world.results);
  const damage = findings.filter(({ level, code }) => level === 'damaged' && code !== 'no-database');
  for (const { where, what } of damage) fault(world, 'lost', `fsck: ${where}: ${what}`);
}

/** At the end the command itself is asked, and a database made anew must hold what the old one held. */
function checkedByCommand(world) {
  const check = sweep(world, ['fsck', '--json']);
  const { damaged, findings } = JSON.parse(check.output);
  if (check.code !== 0 || damaged || findings.some(({ level }) => level === 'unfinished'))
    fault(world, 'lost', `fsck ended with ${check.code}: ${check.output}`);
  const before = dump(world.results);
  const rebuilt = sweep(world, ['fsck', '--rebuild']);
  if (rebuilt.code !== 0)
    fault(world, 'lost', `fsck --rebuild ended with ${rebuilt.code}: ${rebuilt.output}`);
  const after = dump(world.results);
  for (const table of Object.keys(before)) {
    const lacks = before[table].filter((row) => !after[table].includes(row));
    const more = after[table].filter((row) => !before[table].includes(row));
    if (lacks.length + more.length > 0)
      fault(
        world,
        'lost',
        `rebuilt, ${table} lacks ${lacks.length} rows (${lacks[0]}) and has ${more.length} more (${more[0]})`,
      );
  }
}

function collect(world, { lost, doubled, repeated, problems }) {
  const { tally } = world;
  tally.lost += lost;
  tally.doubled += doubled;
  tally.repeated += repeated;
  tally.problems.push(...problems.map((problem) => `${problem} [after ${world.last}]`));
}

function fault(world, kind, what) {
  world.tally[kind]++;
  world.tally.problems.push(`${kind}: ${what} [in ${world.last}]`);
}

/** What a faulty runner would leave, in SQL; `orphan` is a trainer that hears nothing. Each must be found. */
const SABOTAGE = {
  lose: 'delete from metrics where step = 3', // whichever attempt told it: the first may have been killed before
  double: "insert into messages select null, trial, attempt, type, step, code, text, stored from messages where step = 11", // prettier-ignore
  repeat: "update trials set status = 'pending' where id = 1",
};

function choose(random, weighted) {
  let at = random() * weighted.reduce((sum, [weight]) => sum + weight, 0);
  return weighted.find(([weight]) => (at -= weight) < 0)[1];
}

function whole(random, below) {
  return Math.floor(random() * below);
}
