/** @file Slurm's own programs, each with a time limit: without its controller they hang for nine seconds or for ever. */
import { execa } from 'execa';
import { UserError } from '../../../errors.js';
import { parseQueue, type QueueRow } from './queue.js';
import { optionsOf } from './script.js';

/** Milliseconds that one call may take. */
const LIMIT = 30_000;

export type Answer =
  | { t: 'ok'; text: string }
  /** The controller does not answer: try again later. */
  | { t: 'unreachable'; message: string }
  /** It answers, and will not do it. */
  | { t: 'refused'; message: string };

export interface SlurmClient {
  /** Submits a script. @returns the id of its array */
  submit(script: string, file: string): Promise<Answer>;
  /** All tasks of this user; undefined while the controller does not answer. */
  queue(): Promise<QueueRow[] | undefined>;
  /** Ends tasks, e.g. `12_3`: never by the raw id of a task, since that of the last is the array's. */
  cancel(tasks: readonly string[]): Promise<Answer>;
  /**
   * Whether nodes of a partition, or of the one that is the default, have GPUs.
   * @throws UserError if there is no such partition, or nobody answers
   */
  hasGpus(partition: string | undefined): Promise<boolean>;
}

/** @throws UserError if there is no Slurm on this machine */
export async function openSlurm(): Promise<SlurmClient> {
  const found = await call('sbatch', ['--version']);
  if (found.t !== 'ok') {
    throw new UserError(
      `--executor slurm: ${found.message}.\n` +
        'It takes a machine on which sbatch, squeue and scancel work (a login node of the cluster), and, where the configuration is not in /etc/slurm, SLURM_CONF in the environment.\n' +
        'Without Slurm: --executor local runs the trials on this machine.',
    );
  }
  return {
    submit: (script, file) => call('sbatch', ['--parsable', file], submitEnvironment(script)),
    async queue() {
      const answer = await call('squeue', ['--me', '--json']);
      if (answer.t !== 'ok') return undefined;
      try {
        return parseQueue(answer.text);
      } catch {
        return undefined;
      }
    },
    cancel: (tasks) => call('scancel', tasks),
    async hasGpus(partition) {
      const answer = await call('sinfo', ['-h', '-o', '%P %G']);
      if (answer.t !== 'ok') {
        throw new UserError(
          `Slurm does not say whether its nodes have GPUs (${answer.message}).\nTry again later, or say it: --gpus 1, --gpus 0.`,
        );
      }
      const lines = answer.text.split('\n').map((line) => line.trim().split(/\s+/));
      // A star marks the default.
      const ours = lines.filter(([name = '']) => (partition === undefined ? name.endsWith('*') : partition.split(',').includes(name.replace(/\*$/, '')))); // prettier-ignore
      if (ours.length === 0) {
        const names = [...new Set(lines.map(([name = '']) => name.replace(/\*$/, '')))].join(', ');
        const what = partition === undefined ? 'The cluster has no default partition: name one with --partition' : `The cluster has no partition ${partition}`; // prettier-ignore
        throw new UserError(`${what}. It has: ${names}.`);
      }
      return ours.some(([, gres = '']) => /\bgpu\b/.test(gres));
    },
  };
}

/** What a task inherits: not what an environment of sbatch would overrule in the script, and not a job that the runner itself is part of. */
function submitEnvironment(script: string): Record<string, undefined> {
  const ours = new Set(optionsOf(script).map((name) => `SBATCH_${name.replaceAll('-', '_').toUpperCase()}`));
  const others: Record<string, string> = { SBATCH_ARRAY_INX: 'array', SBATCH_TIMELIMIT: 'time' };
  const names = Object.keys(process.env).filter((name) => {
    const job = name.startsWith('SLURM_') && name !== 'SLURM_CONF';
    return job || ours.has(name) || (name in others && script.includes(`#SBATCH --${others[name]}=`));
  });
  return Object.fromEntries(names.map((name) => [name, undefined]));
}

export async function call(
  program: string,
  args: readonly string[],
  env: Record<string, string | undefined> = {},
): Promise<Answer> {
  const result = await execa(program, [...args], {
    reject: false,
    stdin: 'ignore',
    timeout: LIMIT,
    env: { SLURM_BITSTR_LEN: '0', ...env },
    maxBuffer: 2 ** 28,
    cleanup: false, // a runner that leaves in a hurry has still cancelled its jobs
  });
  if (!result.failed) return { t: 'ok', text: result.stdout };
  if (result.code === 'ENOENT') return { t: 'refused', message: `${program} is not installed here` };
  const words = result.stderr.trim().split('\n').at(-1) ?? '';
  const message = words === '' ? `${program} did not answer for ${LIMIT / 1000} s` : words.replace(/^\w+: (?:error|fatal): /, ''); // prettier-ignore
  const away = result.timedOut || /contact slurm controller|Connection refused|timed out|try again|temporarily|not responding|Communication/i.test(result.stderr); // prettier-ignore
  return { t: away ? 'unreachable' : 'refused', message };
}
