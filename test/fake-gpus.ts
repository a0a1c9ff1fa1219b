/** @file A machine with GPUs for tests: a nvidia-smi of our own on the PATH, and no-op trials that say which GPU they were given. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('./fake-gpus/', import.meta.url));
/** A trainer that computes nothing; what it can be told: see the file. */
export const NO_OP = fileURLToPath(new URL('./fake-gpus/no-op.mjs', import.meta.url));

/** A GPU as the fake prints it; memory in MiB. What is left out is that of an idle card of 80 GB. */
export interface FakeGpu {
  uuid: string;
  name?: string;
  memory?: number;
  /** By other people's programs. */
  used?: number;
  /** It has fallen off the bus: it is listed no more. */
  gone?: boolean;
  mig?: { profile: string; uuid: string; memory: number; used?: number }[];
}

export interface FakeGpus {
  environment: NodeJS.ProcessEnv;
  /** What the machine is from now on. */
  set(state: { gpus?: FakeGpu[]; fail?: string; hang?: boolean }): void;
  /** What the no-op trials did, in the order in which they did it. */
  log(): { what: 'start' | 'end'; pid: number; gpu: string; name: string }[];
}

export const gpu = (at: number, more: Partial<FakeGpu> = {}): FakeGpu => ({
  uuid: `GPU-${String(at).repeat(8)}-fake`,
  ...more,
});

/** A machine of eight GPUs, or of what `set` says; its registry of reservations is its own. */
export function fakeGpus(folder: string): FakeGpus {
  const [file, log] = [path.join(folder, 'gpus.json'), path.join(folder, 'gpu.log')];
  const processes = path.join(folder, 'gpu-processes');
  fs.mkdirSync(processes, { recursive: true });
  return {
    environment: {
      PATH: `${BIN}:${process.env.PATH}`,
      CUDA_VISIBLE_DEVICES: undefined,
      CYCLESWEEP_STATE: path.join(folder, 'state'),
      FAKE_GPUS: file,
      FAKE_GPU_PROCESSES: processes,
      FAKE_GPU_LOG: log,
    },
    set(state) {
      fs.writeFileSync(`${file}.new`, JSON.stringify(state));
      fs.renameSync(`${file}.new`, file);
    },
    log() {
      if (!fs.existsSync(log)) return [];
      const lines = fs.readFileSync(log, 'utf8').split('\n').filter(Boolean);
      return lines.map((line) => JSON.parse(line) as ReturnType<FakeGpus['log']>[number]);
    },
  };
}

/** The most trials that a GPU ever held at once, by its id. */
export function mostAtOnce(log: ReturnType<FakeGpus['log']>): Record<string, number> {
  const [now, most]: [Record<string, number>, Record<string, number>] = [{}, {}];
  for (const { what, gpu } of log) {
    now[gpu] = (now[gpu] ?? 0) + (what === 'start' ? 1 : -1);
    most[gpu] = Math.max(most[gpu] ?? 0, now[gpu]);
  }
  return most;
}
