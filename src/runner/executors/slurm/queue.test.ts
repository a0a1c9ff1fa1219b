/** @file What squeue says, in the schemas of Slurm 22.05 (written down from a real one) and 23.11. */
import { describe, expect, it } from 'vitest';
import { expandTasks, parseQueue, phaseOf } from './queue.js';

const job = (fields: object) => ({ name: 'patch-1a2b3c4d', nodes: '', state_reason: 'None', restart_cnt: 0, ...fields }); // prettier-ignore
const text = (...jobs: object[]) => JSON.stringify({ meta: {}, errors: [], jobs });

describe('the queue of 22.05', () => {
  it('is one row a task, also of the part that waits', () => {
    const rows = parseQueue(
      text(
        job({
          job_id: 3,
          array_job_id: 1,
          array_task_id: 0,
          array_task_string: '',
          job_state: 'RUNNING',
          nodes: 'n1',
        }),
        job({ job_id: 1, array_job_id: 1, array_task_id: null, array_task_string: '2-4%2', job_state: 'PENDING', state_reason: 'JobArrayTaskLimit' }), // prettier-ignore
        job({ job_id: 9, array_job_id: 0, array_task_id: null, array_task_string: '', job_state: 'RUNNING' }),
      ),
    );
    expect(rows.map(({ array, task, states, reason }) => [array, task, states[0], reason])).toEqual([
      [1, 0, 'RUNNING', 'None'],
      [1, 2, 'PENDING', 'JobArrayTaskLimit'],
      [1, 3, 'PENDING', 'JobArrayTaskLimit'],
      [1, 4, 'PENDING', 'JobArrayTaskLimit'],
    ]);
    expect(rows[0]).toMatchObject({ name: 'patch-1a2b3c4d', nodes: 'n1', restarts: 0 });
  });

  it('is not believed where it tells of an error: without a controller it is empty', () => {
    const errors = [
      { description: 'Failed while looking for jobs', error_number: -1, source: 'slurm_load_jobs' },
    ];
    expect(() => parseQueue(JSON.stringify({ errors, jobs: [] }))).toThrow('Failed while looking for jobs');
    expect(parseQueue(text())).toEqual([]);
  });
});

it('the queue of 23.11 holds lists of states, and numbers that may not be set', () => {
  const set = (number: number) => ({ set: true, infinite: false, number });
  const unset = { set: false, infinite: false, number: 0 };
  const rows = parseQueue(
    text(
      job({ array_job_id: set(7), array_task_id: set(0), array_task_string: '', job_state: ['CANCELLED', 'COMPLETING'], restart_cnt: 2 }), // prettier-ignore
      job({ array_job_id: set(7), array_task_id: unset, array_task_string: '1,3', job_state: ['PENDING'] }),
      job({ array_job_id: unset, array_task_id: unset, job_state: ['RUNNING'] }),
    ),
  );
  expect(rows.map(({ task, states }) => [task, states])).toEqual([
    [0, ['CANCELLED', 'COMPLETING']],
    [1, ['PENDING']],
    [3, ['PENDING']],
  ]);
  expect(rows[0]?.restarts).toBe(2);
});

it.each([
  [['PENDING'], 'waiting'],
  [['REQUEUED', 'COMPLETING'], 'waiting'],
  [['REQUEUE_HOLD'], 'waiting'],
  [['RUNNING'], 'running'],
  [['CONFIGURING'], 'running'],
  [['CANCELLED', 'COMPLETING'], 'running'],
  [['COMPLETED'], 'ended'],
  [['NODE_FAIL'], 'ended'],
  [['OUT_OF_MEMORY'], 'ended'],
])('%j is %s', (states, phase) => {
  expect(phaseOf({ states })).toBe(phase);
});

it('a list of tasks has ranges, steps and a limit', () => {
  expect(expandTasks('2-5,9,20-26:3%2')).toEqual([2, 3, 4, 5, 9, 20, 23, 26]);
  expect(expandTasks('')).toEqual([]);
});
