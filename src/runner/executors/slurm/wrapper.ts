/**
 * @file The process of one task of an array: `node dist/runner/executors/slurm/wrapper.js ARRAY_FOLDER`, started by the batch script.
 *
 * It runs one attempt as a local runner would, waits until no process of it is left, and writes down how it ended: a parent sees
 * what no trap of a shell does (SIGSEGV). Nothing sees its own SIGKILL: a claim without a result, and a job that is gone, tell that.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostHash } from '../../../machine.js';
import { ENVIRONMENT, type AnyTrialConfig } from '../../../protocol.js';
import { setBrokenCheckpointsAside } from '../../checkpoints.js';
import { parseEvent } from '../../ingest.js';
import { attemptDirectory, eventsFile, lastCheckpoint, listAttempts, outputFile, stepOf, trialDirectory } from '../../layout.js'; // prettier-ignore
import { eachLine } from '../../lines.js';
import { isForeignTrial } from '../../plan.js';
import { GRACE } from '../../stop.js';
import { openSystemWatch } from '../../system.js';
import { localExecutor } from '../local.js';
import { call } from './client.js';
import { readArray, readBeat, readClaim, readJson, readResult, stopFile, writeBeat, writeClaim, writeResult, type Result } from './files.js'; // prettier-ignore
import { patience } from './timing.js';

/** How often it is looked whether to stop, and how often it is told that this attempt lives, milliseconds. */
const LOOK_EVERY = 1000;
const BEAT_EVERY = 5000;
/** Exit code of a shell whose command was ended by SIGTERM. */
const SHELL_TERM = 143;
const MEGABYTE = 1024 * 1024;
/** Of the memory that Slurm grants, what a trial chooses its micro-batch by: the rest is Node's own. */
const SHARE_OF_MEMORY = 0.9;

const env = process.env;
const folder = path.resolve(process.argv[2] ?? '.');
const results = path.resolve(folder, '../..');
const task = Number(env.SLURM_ARRAY_TASK_ID);
/** Never the raw id: that of the last task is the array's. */
const job = `${env.SLURM_ARRAY_JOB_ID}_${env.SLURM_ARRAY_TASK_ID}`;
const restart = Number(env.SLURM_RESTART_COUNT ?? 0);

let asked: Result['asked'] = null;
let stop: (() => void) | undefined;
const ask = (why: NonNullable<Result['asked']>) => {
  if (asked !== null) return;
  asked = why;
  stop?.();
};
process.on('SIGUSR1', () => ask('time'));
process.on('SIGTERM', () => ask('signal'));
process.on('SIGINT', () => ask('signal'));

process.exitCode = await run();

async function run(): Promise<number> {
  const array = readArray(folder);
  const entry = array?.tasks[task];
  // A controller that crashed gives the same ids again: only the token tells whose work this is.
  if (array === undefined || entry === undefined || env.SLURM_JOB_NAME !== array.token) {
    console.error(`Task ${job} is not one of the array that lies here: nothing is done.`);
    return 64;
  }
  const { key } = entry;
  const attempt = takeNumber(key, entry.attempt);
  if (!(await othersAreOver(key, attempt))) {
    fs.rmdirSync(attemptDirectory(results, key, attempt));
    return 0;
  }
  const threads = Number(env.SLURM_CPUS_PER_TASK ?? env.SLURM_CPUS_ON_NODE) || 1;
  const device = deviceOf(array.device);
  setBrokenCheckpointsAside(results, key, (message) => console.error(message)); // what a node left that died
  const resume = lastCheckpoint(results, key);
  const started = Date.now() / 1000;
  const host = hostHash();
  const from = resume === undefined ? null : stepOf(resume);
  const node = env.SLURMD_NODENAME ?? '';
  writeBeat(results, key, attempt, 0);
  writeClaim(results, key, attempt, { token: array.token, task, job, restart, wall: started, host, node, device, threads, resume: from }); // prettier-ignore

  const config = readJson<AnyTrialConfig>(path.join(trialDirectory(results, key), 'config.json'));
  const memory = Number(env.SLURM_MEM_PER_NODE) || undefined;
  const running = localExecutor.start({
    key,
    attempt,
    trialDirectory: trialDirectory(results, key),
    eventsFile: eventsFile(results, key, attempt),
    outputFile: outputFile(results, key, attempt),
    resume,
    memoryLimit: array.memoryLimit ?? undefined,
    ...(config !== undefined && isForeignTrial(config)
      ? { command: config.command, workingDirectory: config.workingDirectory }
      : {}),
    device,
    threads,
    environment: {
      ...(memory === undefined ? {} : { [ENVIRONMENT.memoryPlan]: String(Math.floor(SHARE_OF_MEMORY * memory * MEGABYTE)) }), // prettier-ignore
      ...entry.environment,
      [ENVIRONMENT.scheduler]: 'slurm',
      ...(device.startsWith('cuda') ? { CUDA_DEVICE_ORDER: 'PCI_BUS_ID' } : {}),
    },
  });
  stop = () => running.stop(GRACE);
  if (asked !== null) stop();
  const system = openSystemWatch(results, () => undefined);
  system.watch({ key, attempt, pid: running.process?.pid, device });
  let beat = 0;
  const beats = setInterval(() => quietly(() => writeBeat(results, key, attempt, ++beat)), BEAT_EVERY);
  const looks = setInterval(() => {
    if (fs.existsSync(stopFile(folder, task))) ask('runner');
    quietly(() => listAttempts(results, key).some((other) => other > attempt) && ask('superseded'));
  }, LOOK_EVERY);

  const exit = await running.exited;
  clearInterval(beats);
  clearInterval(looks);
  system.close();
  const last = lastWord(key, attempt);
  // Slurm signals all processes of a job: the trainer may be gone before this one has heard of it.
  const signalled = last === 'stopped' || exit.signal === 'SIGTERM' || exit.exitCode === SHELL_TERM;
  if (signalled && last !== 'done') asked ??= 'signal';
  const ended = Date.now() / 1000;
  const now = lastCheckpoint(results, key);
  const further = now !== undefined && stepOf(now) > (from ?? 0);
  const requeue = asked === 'time' && last !== 'done' && last !== 'health' && further;
  const { exitCode, signal, oomKilled = false } = exit;
  const result = { exitCode, signal, oomKilled, last, started, ended, host, job, restart, asked, further, requeue }; // prettier-ignore
  writeResult(results, key, attempt, result);
  if (requeue) {
    // After the result: what Slurm does then ends this process.
    const answer = await call('scontrol', ['requeue', job]);
    if (answer.t === 'ok') return 0;
    console.error(`scontrol requeue ${job}: ${answer.message}`);
    writeResult(results, key, attempt, { ...result, requeue: false });
  }
  return exitCode ?? 1;
}

/** Makes the folder of the first attempt that nobody has taken: of two copies of a task each has its own. */
function takeNumber(key: string, from: number): number {
  fs.mkdirSync(path.dirname(attemptDirectory(results, key, from)), { recursive: true });
  for (let attempt = from; ; attempt++) {
    try {
      fs.mkdirSync(attemptDirectory(results, key, attempt));
      return attempt;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/**
 * Waits until no other copy of the trial lives: a node that Slurm believes dead may compute on. It sees that a later attempt is there,
 * and leaves; where it says nothing for long, it is dead.
 * @returns false if there is nothing left to do
 */
async function othersAreOver(key: string, attempt: number): Promise<boolean> {
  const before = listAttempts(results, key).filter((other) => other < attempt);
  const beats = new Map(before.map((other) => [other, readBeat(results, key, other)]));
  let silent = 0;
  for (;;) {
    if (asked !== null || fs.existsSync(stopFile(folder, task))) return false;
    const done = before.some((other) => readResult(results, key, other)?.last === 'done');
    // A later one than this has come: it is the one to go on.
    if (done || listAttempts(results, key).some((other) => other > attempt)) return false;
    const open = before.filter((other) => readClaim(results, key, other) !== undefined && readResult(results, key, other) === undefined); // prettier-ignore
    if (open.length === 0) return true;
    const changed = open.filter((other) => beats.get(other) !== readBeat(results, key, other));
    if (changed.length > 0) silent = 0;
    changed.forEach((other) => beats.set(other, readBeat(results, key, other)));
    if (silent >= patience()) return true;
    await sleep(LOOK_EVERY);
    silent += LOOK_EVERY;
  }
}

/** Slurm numbers the GPUs that a task may use; a trial computes on the first. */
function deviceOf(kind: string): string {
  if (kind !== 'cuda') return kind;
  const first = env.CUDA_VISIBLE_DEVICES?.split(',')[0] ?? '';
  return /^\d+$/.test(first) ? `cuda:${first}` : 'cuda:0';
}

function lastWord(key: string, attempt: number): Result['last'] {
  let last: Result['last'] = null;
  for (const line of eachLine(eventsFile(results, key, attempt))) {
    const { t, ...event } = parseEvent(line);
    if (t === 'done' || t === 'stopped') last = t;
    else if (t === 'health' && 'code' in event && event.code === 'diverged') last = t;
  }
  return last;
}

/** A shared file system that fails for a moment ends no trial. */
function quietly(work: () => void): void {
  try {
    work();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
  }
}
