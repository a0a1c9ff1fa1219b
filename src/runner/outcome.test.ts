/** @file What an end is called, and on what evidence; whether another attempt follows. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { resolveParameters } from '../definition/parameters.js';
import { EXIT, type ForeignTrialConfig, type TrialConfig, type TrialEvent } from '../protocol.js';
import { backOff, FAILURES, type FailureClass } from './failures.js';
import { appendJournal } from './journal.js';
import { oomKills } from './oom.js';
import { judgeExit, type Evidence, type Verdict } from './outcome.js';
import { nextAttempt, startMicroBatch } from './retry.js';

const code = (exitCode: number): Evidence => ({ exit: { exitCode, signal: null } });
const signal = (name: string): Evidence => ({ exit: { exitCode: null, signal: name } });
const done: TrialEvent = { t: 'done', step: 8, reason: 'its budget is used up' };
const stopped: TrialEvent = { t: 'stopped', step: 4, reason: 'asked to stop; saved a checkpoint' };
const diverged: TrialEvent = { t: 'health', step: 3, code: 'diverged', message: 'training diverged' };

describe('every class of failure is recognised by its signs', () => {
  const signs: [FailureClass, Evidence][] = [
    ['diverged', { ...code(EXIT.fault), last: diverged }],
    ['hang', { ...signal('SIGKILL'), limit: 'hang' }],
    ['time-limit', { ...code(EXIT.done), last: stopped, limit: 'time-limit' }],
    ['time-limit', { exit: { exitCode: 0, signal: null, outOfTime: true }, last: stopped }],
    ['lost', { exit: { exitCode: null, signal: null, lost: 'its node failed' } }],
    ['disk-full', code(EXIT.diskFull)],
    ['disk-full', { ...code(1), output: 'OSError: [Errno 28] No space left on device' }],
    ['disk-full', { ...code(1), diskFull: true }],
    ['disk-full', { ...signal('SIGBUS'), diskFull: true }],
    ['out-of-memory', code(EXIT.outOfMemory)],
    ['out-of-memory', { exit: { exitCode: null, signal: 'SIGKILL', oomKilled: true } }],
    ['out-of-memory', { ...signal('SIGABRT'), output: "terminate called after throwing 'std::bad_alloc'" }],
    ['out-of-memory', { ...code(1), output: 'torch.OutOfMemoryError: CUDA out of memory. Tried' }],
    ['data', code(EXIT.dataWrong)],
    ['configuration', code(EXIT.configurationWrong)],
    ['configuration', code(127)],
    ['device-lost', code(EXIT.deviceMissing)],
    ['device-lost', { ...code(1), output: 'Unable to determine the device handle: GPU is lost' }],
    ...['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL'].map((name): [FailureClass, Evidence] => [
      'crash',
      signal(name),
    ]),
    ['crash', code(128 + 11)],
    ['killed', signal('SIGKILL')],
    ['killed', signal('SIGTERM')],
    ['killed', code(128 + 9)],
    ['try-again', code(EXIT.tryAgain)],
    ['fault', code(EXIT.fault)],
    ['fault', code(1)],
    ['fault', code(EXIT.done)],
  ];

  it.each(signs)('%s: %j', (failure, evidence) => {
    expect(judgeExit(evidence).class).toBe(failure);
  });

  it('and none is left out', () => {
    expect(new Set(signs.map(([failure]) => failure))).toEqual(new Set(Object.keys(FAILURES)));
  });
});

describe('an end', () => {
  it('by SIGKILL is called out of memory on the evidence of the kernel alone', () => {
    const killed = { exitCode: null, signal: 'SIGKILL' };
    expect(judgeExit({ exit: killed }).reason).toMatch(/^it was killed \(SIGKILL\), by what is not known$/);
    expect(judgeExit({ exit: { ...killed, oomKilled: false } }).reason).not.toMatch(/memory/);
    expect(judgeExit({ exit: { ...killed, oomKilled: true } }).reason).toMatch(/memory/);
    expect(judgeExit({ exit: { ...killed, signal: 'SIGTERM', oomKilled: true } }).class).toBe('killed');
  });

  it('with the last word done is done, also where the engine breaks as it is closed', () => {
    expect(judgeExit({ ...code(EXIT.done), last: done })).toMatchObject({ outcome: 'done', class: null });
    expect(judgeExit({ ...signal('SIGSEGV'), last: done })).toMatchObject({ outcome: 'done', class: null });
    expect(judgeExit({ ...code(1), last: done })).toMatchObject({ outcome: 'failed', class: 'fault' });
  });

  it('that was asked for is a stop, with or without a last word', () => {
    const asked = { exitCode: null, signal: 'SIGTERM', asked: true };
    expect(judgeExit({ exit: asked, last: stopped })).toMatchObject({ outcome: 'stopped', class: null });
    expect(judgeExit({ exit: asked })).toMatchObject({ outcome: 'stopped', class: null });
    expect(judgeExit({ exit: { ...asked, exitCode: 64, signal: null } }).class).toBe('configuration');
  });

  it('on a full disk leaves the trial unfinished, not failed', () => {
    expect(judgeExit(code(EXIT.diskFull)).outcome).toBe('stopped');
  });

  it('tells nothing of what the output said: it can name a file', () => {
    const { reason } = judgeExit({ ...code(1), output: 'patient/01.dcm: CUDA out of memory' });
    expect(reason).toBe('it ran out of memory (exit code 1)');
  });
});

describe('another attempt', () => {
  const own = (parameters: Record<string, number | string>, microBatch: TrialConfig['microBatch'] = 'auto') =>
    ({ key: 'a', parameters: resolveParameters(parameters), microBatch }) as TrialConfig;
  const foreign = { key: 'a', parameters: {}, command: ['true'] } as unknown as ForeignTrialConfig;
  const failed = (failure: FailureClass, ended: string | null = null): Verdict => ({
    outcome: 'failed',
    reason: 'it failed',
    class: failure,
    exitCode: null,
    signal: ended,
  });
  const first = { failures: 0, losses: 0, limit: 2, microBatch: undefined };

  it('after a lack of memory halves the micro-batch down to 1, whatever the limit', () => {
    const after = (batch: number, microBatch: number) =>
      nextAttempt(own({ batch }), 1, failed('out-of-memory'), {
        failures: 9,
        losses: 0,
        limit: 0,
        microBatch,
      });
    expect(after(16, 16)).toEqual({ delay: 0, microBatch: 8 });
    expect(after(16, 2)).toEqual({ delay: 0, microBatch: 1 });
    expect(after(16, 1)).toBeUndefined();
    // Parts of a batch are of one size.
    expect(after(6, 6)?.microBatch).toBe(3);
    expect(after(6, 3)?.microBatch).toBe(1);
    expect(after(7, 7)?.microBatch).toBe(1);
  });

  it('starts from what the sweep file names, or the batch, where the trial did not come so far as to say', () => {
    expect(nextAttempt(own({ batch: 16 }), 1, failed('out-of-memory'), first)?.microBatch).toBe(8);
    expect(nextAttempt(own({ batch: 16 }, 4), 1, failed('out-of-memory'), first)?.microBatch).toBe(2);
  });

  it('does not help where there is nothing to halve: norm batch, another trainer', () => {
    expect(nextAttempt(own({ batch: 16, norm: 'batch' }), 1, failed('out-of-memory'), first)).toBeUndefined();
    expect(nextAttempt(foreign, 1, failed('out-of-memory'), first)).toBeUndefined();
    expect(nextAttempt(foreign, 1, failed('out-of-memory', 'SIGABRT'), first)).toBeUndefined();
    // The kernel may have killed it for what another process took.
    expect(nextAttempt(foreign, 1, failed('out-of-memory', 'SIGKILL'), first)).toMatchObject({
      delay: expect.any(Number) as number,
    });
  });

  it('keeps what was found for later runs, unless the sweep file names a micro-batch', () => {
    const results = fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-retry-'));
    const retry = {
      t: 'retry',
      wall: 0,
      class: 'out-of-memory',
      reason: 'it ran out of memory',
      delay: 0,
    } as const;
    appendJournal(
      results,
      'a',
      { ...retry, attempt: 1, microBatch: 8 },
      { ...retry, attempt: 2, microBatch: 4 },
    );
    expect(startMicroBatch(results, own({ batch: 16 }))).toBe(4);
    expect(startMicroBatch(results, own({ batch: 16 }, 16))).toBe(16);
    expect(startMicroBatch(results, { ...own({ batch: 16 }), key: 'b' })).toBe('auto');
    fs.rmSync(results, { recursive: true });
  });

  it('costs nothing where a scheduler lost the trial, five times in a row', () => {
    const lost = { ...failed('lost'), outcome: 'lost' } as const;
    expect(nextAttempt(foreign, 1, lost, { ...first, failures: 9, losses: 4, limit: 0 })).toEqual({
      delay: 1,
    });
    expect(nextAttempt(foreign, 1, lost, { ...first, losses: 5 })).toBeUndefined();
  });

  it('is made up to the limit, for the classes that have a wait', () => {
    for (const [name, { wait }] of Object.entries(FAILURES)) {
      if (name === 'lost') continue; // it is not counted
      if (name === 'out-of-memory') continue;
      const next = (failures: number) =>
        nextAttempt(foreign, 1, failed(name as FailureClass), { ...first, failures });
      expect(next(0) !== undefined, name).toBe(wait !== null);
      expect(next(2), name).toBeUndefined();
    }
    expect(nextAttempt(foreign, 1, { ...failed('fault'), outcome: 'stopped' }, first)).toBeUndefined();
  });

  it('waits twice as long each time, up to five minutes, less up to half by chance', () => {
    expect([0, 1, 2, 3].map((failures) => backOff(10, failures, 0))).toEqual([10, 20, 40, 80]);
    expect(backOff(10, 1, 0.999)).toBeCloseTo(10, 1);
    expect(backOff(10, 20, 0)).toBe(300);
    // The same attempt waits as long, another trial's not.
    const wait = (key: string) => nextAttempt({ ...foreign, key }, 1, failed('fault'), first)!.delay;
    expect(wait('a')).toBe(wait('a'));
    expect(wait('a')).not.toBe(wait('b'));
  });
});

describe('the count of processes killed for want of memory', () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'cyclesweep-oom-'));
  afterAll(() => fs.rmSync(root, { recursive: true }));
  const write = (file: string, text: string): void => {
    fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    fs.writeFileSync(path.join(root, file), text);
  };

  it('is that of the own control group, else of the machine, else not known', () => {
    expect(oomKills(root)).toBeUndefined();
    write('proc/vmstat', 'pgfault 12\noom_kill 7\n');
    expect(oomKills(root)).toBe(7);
    write('proc/self/cgroup', '4:cpu,memory:/job\n');
    write('sys/fs/cgroup/memory/memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n');
    expect(oomKills(root)).toBe(2);
    write('proc/self/cgroup', '0::/user/job\n');
    write('sys/fs/cgroup/user/job/memory.events', 'low 0\noom 1\noom_kill 3\noom_group_kill 0\n');
    expect(oomKills(root)).toBe(3);
  });
});
