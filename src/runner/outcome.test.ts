/** @file What an exit is called, and on what evidence. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EXIT } from '../protocol.js';
import { oomKills } from './oom.js';
import { judgeExit } from './outcome.js';

describe('an end', () => {
  it('with exit code 71 was for want of memory, and another attempt is no help', () => {
    const verdict = judgeExit({ exitCode: EXIT.outOfMemory, signal: null }, undefined);
    expect(verdict).toMatchObject({ outcome: 'failed', retry: false });
    expect(verdict.reason).toBe('it ran out of memory; its output says what needs less (exit code 71)');
  });

  it('by SIGKILL is called out of memory on the evidence of the kernel alone', () => {
    const killed = { exitCode: null, signal: 'SIGKILL' };
    expect(judgeExit(killed, undefined).reason).toMatch(/^it was killed \(SIGKILL\), by what is not known$/);
    expect(judgeExit({ ...killed, oomKilled: false }, undefined).reason).not.toMatch(/memory/);
    const verdict = judgeExit({ ...killed, oomKilled: true }, undefined);
    expect(verdict).toMatchObject({ outcome: 'failed', retry: true });
    expect(verdict.reason).toMatch(/memory/);
    expect(judgeExit({ exitCode: null, signal: 'SIGTERM', oomKilled: true }, undefined).reason).not.toMatch(
      /memory/,
    );
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
