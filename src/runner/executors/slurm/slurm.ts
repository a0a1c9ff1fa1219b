/**
 * @file Runs trials as tasks of Slurm's job arrays. Slurm is the scheduler: all trials are submitted at once, and what it makes of them is
 * read every few seconds, by one call of squeue for all, and from the files that the tasks write.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../../errors.js';
import type { SlurmSettings } from '../../../definition/slurm.js';
import { appendJournal, openJob, readJournal } from '../../journal.js';
import { writeFileWhole } from '../../layout.js';
import type { Exit, RunningTrial, Scheduler, Started, Submission } from '../executor.js';
import type { Answer, SlurmClient } from './client.js';
import { arrayFolder, claimsOf, doneBefore, jobFile, readJson, readResult, stopFile, writeArray, type Claim, type TaskEntry } from './files.js'; // prettier-ignore
import { judge, type Look } from './judge.js';
import { memoryFor } from './memory.js';
import { phaseOf, type QueueRow } from './queue.js';
import { arrayScript, type Needs } from './script.js';
import { pollEvery, settleTime } from './timing.js';

const WRAPPER = fileURLToPath(new URL('./wrapper.js', import.meta.url));
/** Trials that are handed over within so many milliseconds go in one array. */
const GATHER = 300;
/** Slurm's words where there are more jobs than it takes: of an array, or of this user. */
const TOO_MANY = /array specification|submit limit|MaxSubmit|MaxJob/i;
/** Tasks of one array: Slurm's own limit is 1001 as a rule (MaxArraySize). */
const LARGEST_ARRAY = 1000;

export interface SlurmOptions {
  results: string;
  client: SlurmClient;
  settings: SlurmSettings;
  /** `cpu`, `cuda` or `webgpu`. */
  device: string;
  cpus: number;
  gpus: number;
  /** Trials at once; undefined: as many as Slurm starts. */
  limit: number | undefined;
  memoryLimit: number | undefined;
  /** Whether this runner leaves as soon as all is submitted. */
  detach: boolean;
  say: (message: string) => void;
  /** Told what the trials wait for, in words; nothing: an empty text. */
  waits: (reason: string) => void;
}

/** A trial that Slurm has, or is to have. */
interface Task {
  key: string;
  token: string;
  index: number;
  /** Its first attempt. */
  from: number;
  /** The last attempt that the runner was told of. */
  told: number;
  /** Waits for the next attempt. */
  waiting?: ((turn: { started: Started } | { exit: Exit }) => void) | undefined;
  /** Runs, as far as the runner knows. */
  running?: { claim: Claim; attempt: number; end: (exit: Exit) => void; kill?: NodeJS.Timeout } | undefined;
  /** Whether it was asked to stop. */
  asked: boolean;
  /** Since when Slurm says what does not fit what the files say, milliseconds. */
  oddSince?: number | undefined;
  /** Id of its array, once it is known. */
  array: number | undefined;
}

interface Wish {
  submission: Submission;
  turn: (turn: { started: Started } | { exit: Exit }) => void;
  fail: (error: Error) => void;
}

export function openSlurmScheduler(options: SlurmOptions): Scheduler {
  const { results, client, settings, say, waits } = options;
  const tasks = new Map<string, Task>();
  const wishes: Wish[] = [];
  let gathering: NodeJS.Timeout | undefined;
  let submitting: Promise<void> = Promise.resolve();
  let [closed, stopped, left, away] = [false, false, options.detach, false];
  let toCancel: string[] = [];
  let waited = '';

  const drop = (task: Task, reason: string) => {
    tasks.delete(task.key);
    appendJournal(results, task.key, { t: 'dequeued', attempt: Math.max(task.from, task.told), wall: now(), reason }); // prettier-ignore
  };

  /** Hands over what was gathered, one array for each kind of need. */
  const submitAll = async (asked: Wish[]): Promise<void> => {
    const groups = new Map<string, { needs: Needs; wishes: Wish[] }>();
    for (const wish of asked) {
      const memory = memoryFor(settings.memory, wish.submission.memory, readJournal(results, wish.submission.key)); // prettier-ignore
      const needs = { cpus: options.cpus, gpus: options.gpus, memory };
      const name = JSON.stringify(needs);
      const group = groups.get(name) ?? { needs, wishes: [] };
      groups.set(name, group);
      group.wishes.push(wish);
    }
    const parts = [...groups.values()].flatMap(({ needs, wishes }) =>
      Array.from({ length: Math.ceil(wishes.length / LARGEST_ARRAY) }, (_, part) => {
        return { needs, wishes: wishes.slice(part * LARGEST_ARRAY, (part + 1) * LARGEST_ARRAY) };
      }),
    );
    const total = parts.reduce((sum, part) => sum + part.wishes.length, 0);
    for (const part of parts) {
      const share = options.limit === undefined ? undefined : Math.max(1, Math.floor((options.limit * part.wishes.length) / total)); // prettier-ignore
      await submit(part.wishes, part.needs, share);
    }
  };

  const submit = async (group: Wish[], needs: Needs, limit: number | undefined): Promise<void> => {
    const { sweep } = group[0]!.submission;
    const token = `${sweep}-${randomBytes(4).toString('hex')}`;
    const folder = arrayFolder(results, token);
    fs.mkdirSync(folder, { recursive: true });
    const entries = group.map(({ submission: { key, attempt, environment } }) => {
      return { key, attempt: attempt(), environment };
    });
    const script = arrayScript({ token, sweep, folder, tasks: group.length, limit, needs, settings, node: process.execPath, wrapper: WRAPPER }); // prettier-ignore
    const file = path.join(folder, 'array.sh');
    writeFileWhole(file, script);
    writeArray(folder, { token, sweep, device: options.device, memoryLimit: options.memoryLimit ?? null, tasks: entries }); // prettier-ignore
    // Before Slurm has it: should this runner die now, the next one asks Slurm by the name.
    entries.forEach(({ key, attempt }, task) => {
      appendJournal(results, key, { t: 'queued', attempt, wall: now(), token, task });
    });
    const answer = await hand(script, file, token, group.length);
    if (answer.t === 'refused' && TOO_MANY.test(answer.message) && group.length > 1) {
      takeBack(entries, folder, `sbatch refused it: ${answer.message}`);
      const half = Math.ceil(group.length / 2);
      for (const part of [group.slice(0, half), group.slice(half)]) await submit(part, needs, limit);
      return;
    }
    if (answer.t !== 'ok') {
      const reason = answer.t === 'refused' ? `sbatch refused it: ${answer.message}` : 'never submitted';
      takeBack(entries, folder, reason);
      const exit: Exit = { exitCode: null, signal: null, asked: true };
      const error = new UserError(
        `Slurm refuses the trials: ${answer.message}\nThe script: ${path.relative('.', file)}`,
      );
      group.forEach(({ turn, fail }) => (answer.t === 'refused' ? fail(error) : turn({ exit })));
      return;
    }
    const id = answer.text.trim().split(';')[0]!;
    writeFileWhole(jobFile(folder), JSON.stringify({ id: Number(id), wall: now() }) + '\n', true);
    say(`Slurm: ${group.length} ${group.length === 1 ? 'trial is' : 'trials are'} job array ${id} (${path.relative('.', file)})`); // prettier-ignore
    group.forEach(({ submission: { key }, turn }, index) => {
      const { attempt } = entries[index]!;
      appendJournal(results, key, { t: 'submitted', attempt, wall: now(), job: `${id}_${index}` });
      const task: Task = { key, token, index, from: attempt, told: attempt - 1, waiting: turn, asked: false, array: Number(id) }; // prettier-ignore
      tasks.set(key, task);
      if (left) leaveTask(task);
      if (stopped) askTask(task);
    });
  };

  const takeBack = (entries: readonly TaskEntry[], folder: string, reason: string) => {
    entries.forEach(({ key, attempt }, task) => {
      fs.writeFileSync(stopFile(folder, task), '');
      appendJournal(results, key, { t: 'dequeued', attempt, wall: now(), reason });
    });
  };

  /** Submits a script, once, as soon as Slurm takes it. */
  const hand = async (script: string, file: string, token: string, count: number): Promise<Answer> => {
    let answer = await client.submit(script, file);
    // Where it takes no more of this user's jobs, the end of one makes room.
    const later = () => answer.t === 'unreachable' || (answer.t === 'refused' && count === 1 && tasks.size > 0 && TOO_MANY.test(answer.message)); // prettier-ignore
    for (let told = false; answer.t !== 'ok' && later() && !closed && !stopped;) {
      if (!told)
        say(`Slurm takes no jobs now (${answer.message}): trying again every ${pollEvery() / 1000} s.`);
      told = true;
      await sleep(pollEvery());
      const rows = await client.queue();
      if (rows === undefined) continue;
      // It may have taken the job and not have said so.
      const known = rows.find((row) => row.name === token);
      answer =
        known === undefined ? await client.submit(script, file) : { t: 'ok', text: String(known.array) };
    }
    return answer;
  };

  const gather = () => {
    clearTimeout(gathering);
    gathering = setTimeout(() => {
      const asked = wishes.splice(0);
      submitting = submitting
        .then(() => submitAll(asked))
        .catch((error: unknown) => asked.forEach(({ fail }) => fail(error as Error)));
    }, GATHER);
  };

  /** What an earlier runner left with Slurm. */
  const adopt = (key: string): Task | undefined => {
    const journal = readJournal(results, key);
    const open = openJob(journal);
    if (open === undefined) return undefined;
    const ended = journal.flatMap((entry) => (entry.t === 'end' ? [entry.attempt] : []));
    const task: Task = {
      key,
      token: open.token,
      index: open.task,
      from: open.attempt,
      told: Math.max(open.attempt - 1, ...ended),
      asked: false,
      array: readJson<{ id: number }>(jobFile(arrayFolder(results, open.token)))?.id,
    };
    tasks.set(key, task);
    return task;
  };

  const leaveTask = (task: Task) => {
    const exit: Exit = { exitCode: null, signal: null, left: true };
    clearTimeout(task.running?.kill);
    task.running?.end(exit);
    task.waiting?.({ exit });
    task.running = task.waiting = undefined;
  };

  /** Saves and stops; what has not begun does not begin. */
  const askTask = (task: Task) => {
    if (task.asked) return;
    task.asked = true;
    fs.writeFileSync(stopFile(arrayFolder(results, task.token), task.index), '');
    if (task.running === undefined) {
      cancel(task);
      const { waiting } = task;
      task.waiting = undefined;
      if (waiting === undefined) return;
      drop(task, 'stopped before it began');
      waiting({ exit: { exitCode: null, signal: null, asked: true } });
    }
  };

  /** Those of one moment in one call. */
  const cancel = (task: Task) => {
    if (task.array === undefined || toCancel.push(`${task.array}_${task.index}`) > 1) return;
    setImmediate(() => {
      const ids = toCancel;
      toCancel = [];
      void client.cancel(ids).then((answer) => {
        if (answer.t !== 'ok')
          say(`scancel: ${answer.message}; the jobs see a file that tells them to stop.`);
      });
    });
  };

  const begin = (task: Task, attempt: number, claim: Claim) => {
    const { waiting } = task;
    if (waiting === undefined) return;
    task.waiting = undefined;
    task.told = attempt;
    let end: (exit: Exit) => void = () => undefined;
    const exited = new Promise<Exit>((resolve) => (end = resolve));
    const current: NonNullable<Task['running']> = { claim, attempt, end };
    task.running = current;
    const running: RunningTrial = {
      process: undefined,
      exited,
      stop(grace) {
        askTask(task);
        clearTimeout(current.kill);
        current.kill = setTimeout(() => running.kill(), grace + settleTime());
      },
      kill() {
        clearTimeout(current.kill);
        askTask(task);
        cancel(task); // what it says of its end is waited for all the same
      },
    };
    const { job, node, wall, device, threads, resume } = claim;
    waiting({ started: { attempt, wall, device, threads, resume, where: `${job} on ${node}`, running } });
    if (task.asked) running.stop(0);
  };

  const finish = (task: Task, exit: Exit) => {
    const { running, waiting } = task;
    task.oddSince = undefined;
    clearTimeout(running?.kill);
    task.running = task.waiting = undefined;
    if (waiting !== undefined) drop(task, inWords(exit));
    else if (exit.requeued === undefined) tasks.delete(task.key);
    running?.end(exit);
    waiting?.({ exit });
  };

  const look = (task: Task, rows: Map<string, QueueRow> | undefined) => {
    const { key, token, index, running } = task;
    const row = rows?.get(`${token} ${index}`);
    task.array ??= row?.array;
    // Of thousands that have not begun no folder is read.
    const untouched = row !== undefined && phaseOf(row) === 'waiting' && row.restarts === 0 && running === undefined; // prettier-ignore
    if (untouched) return (task.oddSince = undefined);
    const claims = claimsOf(results, { key, token, task: index, from: task.from });
    const next = claims.find(({ attempt }) => attempt > task.told);
    const seen: Look = {
      state: rows === undefined ? 'unknown' : (row?.states[0] ?? 'absent'),
      phase: rows === undefined ? 'unknown' : row === undefined ? 'ended' : phaseOf(row),
      restarts: row?.restarts ?? 0,
      nodes: row?.nodes ?? '',
      claim: running?.claim,
      result: running === undefined ? undefined : readResult(results, key, running.attempt),
      later: next !== undefined,
      asked: task.asked,
      odd: task.oddSince === undefined ? 0 : performance.now() - task.oddSince,
    };
    if (running === undefined && next !== undefined) return begin(task, next.attempt, next.claim);
    // A copy that was given up may have come to its end after all: then that is the end of the trial.
    const late = running === undefined && seen.phase === 'ended' ? doneBefore(results, key) : undefined;
    if (late !== undefined) return begin(task, late.attempt, late.claim);
    const verdict = judge(seen, settleTime());
    if (verdict === 'odd') task.oddSince ??= performance.now();
    else if (verdict === 'well') task.oddSince = undefined;
    else finish(task, verdict);
  };

  const poll = async () => {
    if (tasks.size === 0) return;
    const rows = await client.queue();
    if (closed) return;
    if ((rows === undefined) !== away) {
      away = rows === undefined;
      say(
        away
          ? 'Slurm does not answer: its jobs go on, what they write is read, and it is asked again.'
          : 'Slurm answers again.',
      );
    }
    const known = rows && new Map(rows.map((row) => [`${row.name} ${row.task}`, row]));
    for (const task of [...tasks.values()]) look(task, known);
    const waiting = [...tasks.values()].filter((task) => task.waiting !== undefined);
    const reasons = waiting.map(({ token, index }) => known?.get(`${token} ${index}`)?.reason ?? '');
    const named = [...new Set(reasons.filter((reason) => reason !== '' && reason !== 'None'))].sort();
    const words = waiting.length === 0 ? '' : `Slurm${named.length === 0 ? '' : ` (${named.join(', ')})`}`;
    if (words !== waited) waits(words);
    waited = words;
  };
  let polling: NodeJS.Timeout | undefined;
  const again = () => {
    polling = setTimeout(() => {
      void poll()
        .catch((error: unknown) => say(error instanceof Error ? error.message : String(error)))
        .finally(() => closed || again());
    }, pollEvery());
  };
  again();

  return {
    async next(submission) {
      const { key } = submission;
      const task = tasks.get(key) ?? adopt(key);
      if (stopped) {
        if (task !== undefined) {
          cancel(task); // Slurm has put it into its queue again
          drop(task, 'stopped before it began');
        }
        return { exit: { exitCode: null, signal: null, asked: true } };
      }
      if (task !== undefined) {
        if (left) return { exit: { exitCode: null, signal: null, left: true } };
        return new Promise((turn) => {
          task.waiting = turn;
          look(task, undefined);
        });
      }
      return new Promise((turn, fail) => {
        wishes.push({ submission, turn, fail });
        gather();
      });
    },
    stop() {
      stopped = true;
      for (const { turn } of wishes.splice(0)) turn({ exit: { exitCode: null, signal: null, asked: true } });
      [...tasks.values()].forEach(askTask);
    },
    leave() {
      left = true;
      [...tasks.values()].forEach(leaveTask);
    },
    close() {
      closed = true;
      clearTimeout(polling);
      clearTimeout(gathering);
    },
  };
}

function inWords({ lost, cancelled }: Exit): string {
  return lost ?? (cancelled === true ? 'its job was cancelled (scancel)' : 'its job ended');
}

function now(): number {
  return Date.now() / 1000;
}
