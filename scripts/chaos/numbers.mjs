/** @file What trainer, harness and oracle share: numbers that follow from a seed, and processes by id and start time. */
import fs from 'node:fs';

/** Mulberry32: numbers in [0, 1) from a seed. */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** What a trial starts from, and what each update makes of it: a trial that forgot its state would go on with other numbers. */
export function first(seed, cell) {
  return ((seed * 7919 + cell * 104729) % 65536) / 65536;
}

export function next(x, step) {
  return ((Math.round(x * 65536) * 25173 + 13849 + step) % 65536) / 65536;
}

/** Start time of a process in the kernel's ticks; undefined where no such process lives (one that has ended but is not yet waited for does not). */
export function startTime(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
