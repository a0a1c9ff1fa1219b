/** @file What `squeue --json` says, in its two schemas: job_state is a text up to Slurm 22.05 and a list from 23.02 on. Pure. */

/** One task of an array. */
export interface QueueRow {
  /** Job name: our token. */
  name: string;
  array: number;
  task: number;
  /** e.g. `PENDING`, `RUNNING`, `NODE_FAIL`; several words in newer versions, the state itself first. */
  states: string[];
  /** Why it waits, e.g. `Resources`. */
  reason: string;
  restarts: number;
  nodes: string;
}

const WAITING = ['PENDING', 'REQUEUED', 'REQUEUE_HOLD', 'REQUEUE_FED', 'RESV_DEL_HOLD', 'SPECIAL_EXIT'];
const RUNNING = ['RUNNING', 'CONFIGURING', 'COMPLETING', 'SUSPENDED', 'RESIZING', 'SIGNALING', 'STAGE_OUT', 'STOPPED']; // prettier-ignore

/** Whether a task waits, runs (or is about to end), or has ended. */
export function phaseOf({ states }: Pick<QueueRow, 'states'>): 'waiting' | 'running' | 'ended' {
  // A task that is requeued is REQUEUED and COMPLETING at once, and PENDING when that is over.
  if (states.some((state) => WAITING.includes(state))) return 'waiting';
  return states.some((state) => RUNNING.includes(state)) ? 'running' : 'ended';
}

/**
 * Finished tasks are listed, too, for as long as the controller remembers them. Jobs that are no arrays are left out.
 * @throws Error if the text is no JSON, or tells of an error: without a controller squeue says that there are no jobs, and exits 0
 */
export function parseQueue(text: string): QueueRow[] {
  const { jobs = [], errors = [] } = JSON.parse(text) as { jobs?: unknown[]; errors?: unknown[] };
  if (errors.length > 0) throw new Error(`squeue: ${JSON.stringify(errors[0])}`);
  return jobs.flatMap((job) => rowsOf(job as Record<string, unknown>));
}

function rowsOf(job: Record<string, unknown>): QueueRow[] {
  const array = numberOf(job.array_job_id);
  if (array === undefined || array === 0) return [];
  const task = numberOf(job.array_task_id);
  const row = {
    name: textOf(job.name),
    array,
    states: [job.job_state].flat().map(textOf),
    reason: textOf(job.state_reason),
    restarts: numberOf(job.restart_cnt) ?? 0,
    nodes: textOf(job.nodes),
  };
  // The part of an array that waits is one job, which stands for many tasks.
  const tasks = task === undefined ? expandTasks(textOf(job.array_task_string)) : [task];
  return tasks.map((each) => ({ ...row, task: each }));
}

/** `2-5,9,20-40:4%2` */
export function expandTasks(text: string): number[] {
  const [list = ''] = text.split('%');
  return list.split(',').flatMap((part) => {
    const [, from, to, step = '1'] = /^(\d+)(?:-(\d+))?(?::(\d+))?$/.exec(part.trim()) ?? [];
    if (from === undefined) return [];
    const last = Number(to ?? from);
    const tasks: number[] = [];
    for (let task = Number(from); task <= last; task += Math.max(1, Number(step))) tasks.push(task);
    return tasks;
  });
}

/** A number, or `{set, infinite, number}` of newer versions; undefined where it is not set. */
function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'object' || value === null) return undefined;
  const { set, number } = value as { set?: unknown; number?: unknown };
  return set === true && typeof number === 'number' ? number : undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
