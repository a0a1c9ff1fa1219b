/** @file What the kernel says about processes that it killed for want of memory: the only evidence for such an end. */
import fs from 'node:fs';
import path from 'node:path';

/** Where control groups and the kernel's counters are, for tests. */
const ROOT = '/';

/**
 * Processes killed for want of memory so far, in the control group of this process or, where groups do not count them,
 * on this machine. Undefined where the system does not say.
 */
export function oomKills(root: string = ROOT): number | undefined {
  for (const file of [...groupFiles(root), path.join(root, 'proc/vmstat')]) {
    const count = /^oom_kill (\d+)$/m.exec(read(file))?.[1];
    if (count !== undefined) return Number(count);
  }
  return undefined;
}

/** Files that count the group's kills: memory.events of version 2, memory.oom_control of version 1. */
function groupFiles(root: string): string[] {
  const groups = read(path.join(root, 'proc/self/cgroup')).split('\n');
  return groups.flatMap((line) => {
    const [, controllers, group] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (group === undefined) return [];
    if (controllers === '') return [path.join(root, 'sys/fs/cgroup', group, 'memory.events')];
    if (!controllers?.split(',').includes('memory')) return [];
    // In a container the group's own folder is the root of what is mounted.
    return [group, ''].map((part) => path.join(root, 'sys/fs/cgroup/memory', part, 'memory.oom_control'));
  });
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
