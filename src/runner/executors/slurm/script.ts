/** @file The batch script of a job array, as Slurm is given it and a user can read it. Pure. */
import type { SlurmSettings } from '../../../definition/slurm.js';

/** What one trial of an array is given. Trials of unlike needs go in separate arrays. */
export interface Needs {
  cpus: number;
  gpus: number;
  /** Mebibytes, as Slurm counts; undefined: what the partition gives. */
  memory: number | undefined;
}

export interface ArrayScript {
  /** Job name: by it the sweep knows its jobs again, whatever becomes of their ids. */
  token: string;
  sweep: string;
  /** Absolute folder of the array, which every node sees. */
  folder: string;
  tasks: number;
  /** How many of them may run at once. */
  limit: number | undefined;
  needs: Needs;
  settings: SlurmSettings;
  /** Absolute files: Node and the program that runs one task. */
  node: string;
  wrapper: string;
}

/** Seconds before the end of the time limit at which a trial is asked to save: as many as it has after Ctrl-C, and time to be told. */
const WARNING = 120;

export function arrayScript(array: ArrayScript): string {
  const { settings, needs, folder } = array;
  const options: [string, string | number | undefined][] = [
    ['job-name', array.token],
    ['comment', `cyclesweep sweep=${array.sweep} token=${array.token}`],
    ['array', `0-${array.tasks - 1}${array.limit === undefined ? '' : `%${array.limit}`}`],
    ['partition', settings.partition],
    ['account', settings.account],
    ['qos', settings.qos],
    ['constraint', settings.constraint],
    ['time', settings.time],
    ['nodes', 1],
    ['ntasks', 1],
    ['cpus-per-task', needs.cpus],
    ['gres', settings.gres ?? (needs.gpus > 0 ? `gpu:${needs.gpus}` : undefined)],
    ['mem', needs.memory === undefined ? undefined : `${needs.memory}M`],
    ['signal', `B:USR1@${warningOf(settings.time)}`],
    ['open-mode', 'append'],
    ['chdir', folder],
    ['output', `${folder.replaceAll('%', '%%')}/task-%a.log`],
  ];
  return [
    '#!/bin/bash',
    `# Sweep ${array.sweep}: ${array.tasks} trials, one a task. What each is stands in tasks.json beside this file.`,
    ...options.flatMap(([name, value]) =>
      value === undefined ? [] : [`#SBATCH --${name}=${quoted(value)}`],
    ),
    '#SBATCH --requeue',
    ...settings.sbatch.map((line) => `#SBATCH ${line}`),
    '',
    ...(settings.setup === '' ? [] : [settings.setup, '']),
    `node=${shell(array.node)}`,
    '[ -x "$node" ] || node=node',
    '# In the place of the shell: then the signals of Slurm reach it.',
    `exec "$node" ${shell(array.wrapper)} ${shell(folder)}`,
    '',
  ].join('\n');
}

/** Of a short job a quarter: Slurm sends the signal up to a minute early. */
function warningOf(time: string | undefined): number {
  const seconds = time === undefined ? Infinity : (secondsOf(time) ?? Infinity);
  return Math.min(WARNING, Math.max(10, Math.floor(seconds / 4)));
}

/** Slurm's forms: minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes, days-hours:minutes:seconds. */
export function secondsOf(time: string): number | undefined {
  const [, days, first, second, third] = /^(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?$/.exec(time) ?? [];
  if (first === undefined) return undefined;
  const [a, b, c] = [first, second ?? 0, third ?? 0].map(Number) as [number, number, number];
  if (days !== undefined) return 86_400 * Number(days) + 3600 * a + 60 * b + c;
  return third === undefined ? 60 * a + b : 3600 * a + 60 * b + c;
}

/** The lines' options by name, e.g. `partition`: what the environment must not overrule (sbatch takes SBATCH_PARTITION before the script). */
export function optionsOf(script: string): string[] {
  return [...script.matchAll(/^#SBATCH --([\w-]+)/gm)].map(([, name]) => name!);
}

function quoted(value: string | number): string {
  const text = String(value);
  return /^[\w./:,%@+-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** A word as a shell takes it. */
function shell(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
