/** @file Which machine this is, and what of it is ours: cores and memory, within the limits of a control group (a container, a batch job). */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';

/**
 * Cores that this process may use: affinity, and the share that its control group leaves it, rounded down, at least 1.
 * Node's own `availableParallelism` knows the share from libuv 1.49 on (Node 22), and affinity before.
 */
export function availableCores(read: ReadFile = readFile): number {
  const quota = cgroupCores(read) ?? Infinity;
  return Math.max(1, Math.min(os.availableParallelism(), Math.floor(quota)));
}

/** Bytes that this process's control group may hold; undefined where none is set below the machine's memory. */
export function memoryAllowed(): number | undefined {
  const allowed = process.constrainedMemory();
  return allowed > 0 && allowed < os.totalmem() ? allowed : undefined;
}

/** Hash of the machine's name: tells machines apart without naming them. */
export function hostHash(): string {
  return createHash('sha256').update(os.hostname()).digest('hex').slice(0, 8);
}

type ReadFile = (file: string) => string | undefined;

/** https://docs.kernel.org/admin-guide/cgroup-v2.html, "cpu.max"; version 1 has two files for it. */
export function cgroupCores(read: ReadFile = readFile): number | undefined {
  const limits: number[] = [];
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers = '', group = ''] = line.split(':');
    const second = controllers === '';
    if (!second && !controllers.split(',').includes('cpu')) continue;
    const root = second ? '/sys/fs/cgroup' : '/sys/fs/cgroup/cpu';
    // Every group up to the root may set a limit; in a container its own group is mounted as the root.
    const parts = group.split('/').filter((part) => part !== '' && part !== '..');
    for (let depth = parts.length; depth >= 0; depth--) {
      const folder = [root, ...parts.slice(0, depth)].join('/');
      const [quota, period] = second
        ? (read(`${folder}/cpu.max`) ?? '').split(/\s+/)
        : [read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`)];
      const cores = Number(quota) / Number(period);
      if (Number(quota) > 0 && Number.isFinite(cores)) limits.push(cores);
    }
  }
  return limits.length > 0 ? Math.min(...limits) : undefined;
}

function readFile(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch {
    return undefined; // no such control group
  }
}
