/** @file What Linux tells of its processes under /proc. Where there is no such folder, nothing is found. */
import fs from 'node:fs';

/** Whether this system tells of processes so. */
export const HAS_PROC = fs.existsSync('/proc/self/stat');

/** Ids of all processes. */
export function listProcesses(): number[] {
  if (!HAS_PROC) return [];
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Undefined for a process that is gone, and for what another user may not read. */
export function readProcess(
  pid: number,
  file: 'stat' | 'status' | 'environ' | 'cmdline',
): string | undefined {
  try {
    return fs.readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * The fields of a process behind its command, from its state on: `[0]` is field 3 of
 * https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html. They are counted from the command's closing bracket, since the
 * command may hold blanks.
 */
export function processFields(pid: number): string[] | undefined {
  const stat = readProcess(pid, 'stat');
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Bytes of physical memory that a process holds; undefined where the system does not tell. */
export function residentMemory(pid: number): number | undefined {
  const kilobytes = /^VmRSS:\s*(\d+) kB/m.exec(readProcess(pid, 'status') ?? '')?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

/** Whether a process has `NAME=value` in its environment. One that has ended and waits for its parent to notice has none. */
export function hasVariable(pid: number, variable: string): boolean {
  return readProcess(pid, 'environ')?.split('\0').includes(variable) ?? false;
}
