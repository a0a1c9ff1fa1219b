/**
 * @file What running trials take of the machine: processor and memory of their process groups, and what nvidia-smi says of their
 * GPU. Each sample is a line of `attempts/N/system.ndjson` first, then a row of the store.
 */
import fs from 'node:fs';
import { execa } from 'execa';
import { deviceName, listGpus, type Gpu } from '../nvidia.js';
import type { SystemRow } from '../store/writer.js';
import { systemFile } from './layout.js';
import { readLines } from './lines.js';
import { HAS_PROC, listProcesses, processFields, residentMemory } from './proc.js';

/** One sample of a trial. Null: cannot be told. */
export interface SystemSample {
  /** Unix seconds. */
  wall: number;
  /** Cores used since the sample before, by all processes of the trial: 1.5 is one and a half. */
  cpu: number | null;
  /** Resident memory of all processes of the trial, bytes; pages that they share count once for each. */
  memory: number | null;
  /** Of the trial's GPU, whoever else uses it: share of the time in which it computed, bytes in use, watts, degrees Celsius. */
  gpu: number | null;
  gpuMemory: number | null;
  power: number | null;
  temperature: number | null;
}

/** The first sample of a trial, so that short ones have one, and how often the others are, milliseconds. */
const FIRST_AFTER = 2000;
const EVERY = 10_000;

export interface Watched {
  key: string;
  attempt: number;
  /** Its first process, which leads its group; undefined where it could not be started. */
  pid: number | undefined;
  device: string;
}

export interface SystemWatch {
  /** Samples a trial until the function that it returns is called. */
  watch(trial: Watched): () => void;
  close(): void;
}

/** What the processes of a group have used: processor time in seconds, resident memory in bytes. */
export interface GroupUse {
  cpuSeconds: number;
  memory: number;
}

/** @param write brings samples, which stand in their files, into the store */
export function openSystemWatch(results: string, write: (samples: SystemRow[]) => void): SystemWatch {
  const watched = new Map<Watched, { at: number; cpuSeconds: number }>();
  const timers = new Set<NodeJS.Timeout>();
  let busy = false;

  const sample = async (which: readonly Watched[]) => {
    if (which.length === 0 || busy) return; // a machine that is slow to answer is asked less often
    busy = true;
    try {
      const groups = await readGroups(new Set(which.flatMap(({ pid }) => pid ?? [])));
      const onGpu = which.some(({ device }) => device.startsWith('cuda'));
      const gpus = onGpu ? (await listGpus()).found : [];
      const rows = which.flatMap((one) => {
        const before = watched.get(one);
        if (before === undefined) return []; // it ended while the machine was asked
        const use = one.pid === undefined ? undefined : groups?.get(one.pid);
        const now = performance.now();
        const seconds = (now - before.at) / 1000;
        const cpu = use === undefined ? null : Math.max(0, (use.cpuSeconds - before.cpuSeconds) / seconds);
        if (use !== undefined) watched.set(one, { at: now, cpuSeconds: use.cpuSeconds });
        const taken: SystemSample = {
          wall: Date.now() / 1000,
          cpu: cpu === null ? null : Number(cpu.toFixed(3)),
          memory: use?.memory ?? null,
          ...gpuSample(gpus, one.device),
        };
        fs.appendFileSync(systemFile(results, one.key, one.attempt), JSON.stringify(taken) + '\n');
        return [{ key: one.key, attempt: one.attempt, ...taken }];
      });
      write(rows);
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(() => void sample([...watched.keys()]), EVERY);
  timer.unref();
  return {
    watch(trial) {
      watched.set(trial, { at: performance.now(), cpuSeconds: 0 });
      const first = setTimeout(() => {
        timers.delete(first);
        void sample([trial]);
      }, FIRST_AFTER);
      first.unref();
      timers.add(first);
      return () => {
        watched.delete(trial);
        clearTimeout(first);
        timers.delete(first);
      };
    },
    close() {
      clearInterval(timer);
      timers.forEach((one) => clearTimeout(one));
      watched.clear();
    },
  };
}

/** All samples of an attempt. */
export function readSystem(results: string, key: string, attempt: number): SystemRow[] {
  return readLines(systemFile(results, key, attempt)).flatMap((line) => {
    try {
      return [{ key, attempt, ...(JSON.parse(line) as SystemSample) }];
    } catch {
      return []; // a crash in mid-write
    }
  });
}

function gpuSample(
  gpus: readonly Gpu[],
  device: string,
): Pick<SystemSample, 'gpu' | 'gpuMemory' | 'power' | 'temperature'> {
  const gpu = gpus.find((one) => deviceName(one) === device);
  return {
    gpu: gpu?.busy ?? null,
    gpuMemory: gpu?.usedBytes ?? null,
    power: gpu?.power ?? null,
    temperature: gpu?.temperature ?? null,
  };
}

/** Use by process group, of the groups that are asked for; undefined where this system cannot tell. */
export async function readGroups(groups: ReadonlySet<number>): Promise<Map<number, GroupUse> | undefined> {
  if (groups.size === 0) return new Map();
  return HAS_PROC ? readProc(groups) : readPs(groups);
}

/** Ticks a second that the kernel counts in for programs: the same on every platform of Linux that Node runs on. */
const TICKS = 100;

/** One short file a process. */
function readProc(groups: ReadonlySet<number>): Map<number, GroupUse> {
  const found = new Map<number, GroupUse>();
  for (const pid of listProcesses()) {
    // State, parent and group come first.
    const fields = processFields(pid) ?? [];
    const group = Number(fields[2]);
    if (!groups.has(group) || fields[0] === 'Z') continue; // what is dead and not yet buried holds nothing
    const use = found.get(group) ?? { cpuSeconds: 0, memory: 0 };
    // 14th to 17th of all: ticks in the program and in the kernel, its own and those of children that it waited for.
    for (const at of [11, 12, 13, 14]) use.cpuSeconds += Number(fields[at]) / TICKS;
    use.memory += residentMemory(pid) ?? 0;
    found.set(group, use);
  }
  return found;
}

async function readPs(groups: ReadonlySet<number>): Promise<Map<number, GroupUse> | undefined> {
  const { stdout, failed } = await execa('ps', ['-A', '-o', 'pgid=', '-o', 'rss=', '-o', 'time='], {
    reject: false,
    stdin: 'ignore',
    timeout: 5000,
  });
  return failed ? undefined : parsePs(stdout, groups);
}

/** Lines such as `4242 10240 1-02:03:04.50`: group, KiB, processor time with days and hours where there are any. */
export function parsePs(text: string, groups: ReadonlySet<number>): Map<number, GroupUse> {
  const found = new Map<number, GroupUse>();
  for (const line of text.split('\n')) {
    const [, group, rss, days = '0', clock = ''] =
      /^\s*(\d+)\s+(\d+)\s+(?:(\d+)-)?([\d:.]+)\s*$/.exec(line) ?? [];
    if (group === undefined || !groups.has(Number(group))) continue;
    const seconds = clock.split(':').reduce((sum, part) => 60 * sum + Number(part), 0);
    const use = found.get(Number(group)) ?? { cpuSeconds: 0, memory: 0 };
    use.cpuSeconds += 86_400 * Number(days) + seconds;
    use.memory += 1024 * Number(rss);
    found.set(Number(group), use);
  }
  return found;
}
