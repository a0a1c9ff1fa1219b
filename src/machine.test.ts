import { describe, expect, it } from 'vitest';
import os from 'node:os';
import { availableCores, cgroupCores } from './machine.js';

const files = (content: Record<string, string>) => (file: string) => content[file];

describe('cores of a control group', () => {
  it('reads version 2, the tightest limit on the way to the root', () => {
    const read = files({
      '/proc/self/cgroup': '0::/jobs/17\n',
      '/sys/fs/cgroup/jobs/17/cpu.max': 'max 100000',
      '/sys/fs/cgroup/jobs/cpu.max': '250000 100000',
    });
    expect(cgroupCores(read)).toBe(2.5);
  });

  it('reads version 1', () => {
    const read = files({
      '/proc/self/cgroup': '5:memory:/a\n4:cpu,cpuacct:/a\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '400000',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000',
    });
    expect(cgroupCores(read)).toBe(4);
  });

  it('is told by nobody where no limit is set', () => {
    expect(cgroupCores(files({}))).toBeUndefined();
    const read = files({
      '/proc/self/cgroup': '4:cpu,cpuacct:/\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000',
    });
    expect(cgroupCores(read)).toBeUndefined();
  });

  it('leaves at least one core, and never more than the machine has', () => {
    const limited = (quota: number) =>
      availableCores(files({ '/proc/self/cgroup': '0::/', '/sys/fs/cgroup/cpu.max': `${quota} 100000` }));
    expect(limited(50_000)).toBe(1);
    expect(limited(100_000_000)).toBe(os.availableParallelism());
  });
});
