/** @file What a job's state and its files say together. */
import { describe, expect, it } from 'vitest';
import type { Claim, Result } from './files.js';
import { judge, type Look } from './judge.js';

const SETTLE = 30_000;
const claim: Claim = { token: 'a-1', task: 0, job: '12_0', restart: 0, wall: 0, host: 'h', node: 'n1', device: 'cpu', threads: 1, resume: null }; // prettier-ignore
const result: Result = { exitCode: 0, signal: null, oomKilled: false, last: 'done', started: 0, ended: 9, host: 'h', job: '12_0', restart: 0, asked: null, further: true, requeue: false }; // prettier-ignore
const running: Look = { state: 'RUNNING', phase: 'running', restarts: 0, nodes: 'n1', claim, result: undefined, later: false, asked: false, odd: 0 }; // prettier-ignore
const seen = (look: Partial<Look>) => judge({ ...running, ...look }, SETTLE);
const over = { phase: 'ended', odd: SETTLE } as const;

describe('a job that runs', () => {
  it('is left alone, also while the controller does not answer', () => {
    expect(seen({})).toBe('well');
    expect(seen({ state: 'unknown', phase: 'unknown', odd: 10 * SETTLE })).toBe('well');
  });

  it('has ended as it wrote down, whatever Slurm says', () => {
    expect(seen({ result })).toEqual({ exitCode: 0, signal: null, oomKilled: false, asked: false });
    expect(seen({ result: { ...result, last: null, exitCode: null, signal: 'SIGSEGV' } })).toMatchObject({ signal: 'SIGSEGV', asked: false }); // prettier-ignore
    expect(seen({ result, state: 'absent', ...over })).toMatchObject({ exitCode: 0 });
  });
});

describe('a job without a result', () => {
  it('may have written one that is not seen yet', () => {
    expect(seen({ state: 'NODE_FAIL', phase: 'ended' })).toBe('odd');
    expect(seen({ state: 'PENDING', phase: 'waiting' })).toBe('odd');
  });

  it('was lost once it is sure that there is none', () => {
    expect(seen({ state: 'NODE_FAIL', ...over })).toHaveProperty('lost', expect.stringContaining('n1'));
    expect(seen({ state: 'absent', nodes: '', ...over })).toHaveProperty('lost', expect.stringContaining('no longer knows')); // prettier-ignore
    expect(seen({ state: 'PREEMPTED', ...over })).toHaveProperty(
      'lost',
      expect.stringContaining('made room'),
    );
    // It may be a trial that fails, or a node that takes no jobs: only a trial that begins says so.
    expect(seen({ state: 'FAILED', claim: undefined, ...over })).toHaveProperty('lost', expect.stringContaining('before it began')); // prettier-ignore
  });

  it('was started again where Slurm has it in its queue, or counts a restart', () => {
    expect(seen({ state: 'PENDING', phase: 'waiting', odd: SETTLE })).toHaveProperty('requeued', expect.stringContaining('n1')); // prettier-ignore
    expect(seen({ restarts: 1, odd: SETTLE })).toHaveProperty('requeued', expect.stringContaining('n1'));
    expect(seen({ later: true })).toHaveProperty('requeued');
  });

  it('was killed for want of memory, or cancelled, if its state says so', () => {
    expect(seen({ state: 'OUT_OF_MEMORY', ...over })).toEqual({ exitCode: null, signal: 'SIGKILL', oomKilled: true }); // prettier-ignore
    expect(seen({ state: 'CANCELLED', ...over })).toMatchObject({ cancelled: true });
    expect(seen({ state: 'CANCELLED', asked: true, ...over })).toMatchObject({ asked: true });
  });
});

describe('a trial that saved and left', () => {
  const saved = (asked: Result['asked'], more: Partial<Result> = {}): Result => ({ ...result, last: 'stopped', asked, ...more }); // prettier-ignore

  it('before its time limit goes on, by Slurm or by the runner', () => {
    expect(seen({ result: saved('time', { requeue: true }) })).toMatchObject({ requeued: 'its time limit came near' }); // prettier-ignore
    expect(seen({ result: saved('time') })).toMatchObject({ lost: 'its time limit came near' });
  });

  it('but not where a whole job brought it no further', () => {
    expect(seen({ result: saved('time', { further: false }) })).toMatchObject({ outOfTime: true });
  });

  it('by a signal of somebody: the state tells of whom', () => {
    expect(seen({ result: saved('signal') })).toBe('odd');
    expect(seen({ result: saved('signal'), state: 'PENDING', phase: 'waiting' })).toHaveProperty('requeued'); // prettier-ignore
    expect(seen({ result: saved('signal'), restarts: 1 })).toHaveProperty('requeued');
    expect(seen({ result: saved('signal'), state: 'CANCELLED', phase: 'ended' })).toMatchObject({
      cancelled: true,
    });
    expect(seen({ result: saved('signal'), state: 'PREEMPTED', phase: 'ended' })).toHaveProperty('lost', expect.stringContaining('made room')); // prettier-ignore
  });

  it('since its runner asked is a stop', () => {
    expect(seen({ result: saved('runner'), asked: true })).toMatchObject({ asked: true });
    expect(seen({ result: saved('signal'), asked: true, state: 'CANCELLED', phase: 'ended' })).toMatchObject({ asked: true }); // prettier-ignore
  });

  it('since an earlier run asked, which this one undoes, is submitted again', () => {
    expect(seen({ result: saved('runner') })).toHaveProperty('lost', 'an earlier run had asked it to stop');
  });

  it('for a copy that was started later goes on as that', () => {
    expect(seen({ result: saved('superseded') })).toHaveProperty('requeued', expect.stringContaining('copy'));
  });
});
