/** @file The NVIDIA GPUs of this machine, as nvidia-smi tells them, those alone that this process may see. */
import fs from 'node:fs';
import { execa } from 'execa';
import { messageOf, systemCode } from './errors.js';

export interface Gpu {
  /** As nvidia-smi counts, in the order of the bus: `cuda:INDEX` everywhere in this program. */
  index: number;
  uuid: string;
  name: string;
  memoryBytes: number;
  usedBytes: number;
  /** Share of the last second in which it computed, 0 to 1; null where the GPU does not tell. */
  busy: number | null;
  driver: string;
}

export interface GpuList {
  found: Gpu[];
  /** Why there are none; empty where there are. */
  reason: string;
}

const FIELDS = 'index,uuid,name,memory.total,memory.used,utilization.gpu,driver_version';
/** A driver in trouble lets nvidia-smi wait for ever, milliseconds. */
const PATIENCE = 15_000;

/** Never throws: what goes wrong is the reason. */
export async function listGpus(environment: NodeJS.ProcessEnv = process.env): Promise<GpuList> {
  const result = await ask([`--query-gpu=${FIELDS}`, '--format=csv,noheader,nounits'], environment);
  if (result.timedOut) return none(`nvidia-smi did not answer within ${PATIENCE / 1000} seconds`);
  if (result.failed) {
    if (result.exitCode !== undefined)
      return none(`nvidia-smi failed: ${lastLine(result.stdout, result.stderr)}`);
    if (systemCode(result.cause) !== 'ENOENT')
      return none(`nvidia-smi could not be run: ${messageOf(result.cause)}`);
    return none(
      `nvidia-smi is not installed${hasNvidiaDevice() ? ', though a device of NVIDIA is there' : ''}`,
    );
  }
  const all = result.stdout.split('\n').flatMap((line) => parseGpu(line) ?? []);
  if (all.length === 0) return none('nvidia-smi lists no GPU');
  const visible = environment.CUDA_VISIBLE_DEVICES;
  if (visible === undefined) return { found: all, reason: '' };
  const found = all.filter((gpu) => namedBy(visible, gpu));
  return found.length > 0 ? { found, reason: '' } : none(`CUDA_VISIBLE_DEVICES=${visible} hides every GPU`);
}

/** The newest CUDA that the driver serves, e.g. `12.4`; undefined where nobody tells. */
export async function driverCuda(environment: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  return /CUDA (?:\w+ )?Version *: *([\d.]+)/.exec((await ask([], environment)).stdout)?.[1];
}

function ask(words: string[], env: NodeJS.ProcessEnv) {
  return execa('nvidia-smi', words, { timeout: PATIENCE, reject: false, stdin: 'ignore', env });
}

/** One line of nvidia-smi's CSV, e.g. `0, GPU-1a2b, NVIDIA H200, 143771, 4, 0, 570.86.15` (MiB, percent). */
function parseGpu(line: string): Gpu | undefined {
  const [index = '', uuid = '', name = '', total, used, busy, driver = ''] = line
    .split(',')
    .map((part) => part.trim());
  if (!/^\d+$/.test(index)) return undefined;
  const number = (text: string | undefined) => (/^\d+$/.test(text ?? '') ? Number(text) : undefined);
  return {
    index: Number(index),
    uuid,
    name,
    memoryBytes: (number(total) ?? 0) * 2 ** 20,
    usedBytes: (number(used) ?? 0) * 2 ** 20,
    busy: number(busy) === undefined ? null : Number(busy) / 100,
    driver,
  };
}

/** CUDA's own rule: indices or the beginnings of ids, separated by commas. */
function namedBy(visible: string, { index, uuid }: Gpu): boolean {
  return visible
    .split(',')
    .map((part) => part.trim())
    .some((part) => part !== '' && (part === String(index) || (/^\D/.test(part) && uuid.startsWith(part))));
}

/** Whether the kernel shows a GPU of NVIDIA, with or without its tools; /dev/dxg is the GPU of Windows' Linux. */
export function hasNvidiaDevice(): boolean {
  return ['/dev/nvidia0', '/dev/nvidiactl', '/dev/dxg'].some((file) => fs.existsSync(file));
}

function none(reason: string): GpuList {
  return { found: [], reason };
}

function lastLine(...texts: string[]): string {
  return texts.join('\n').trim().split('\n').at(-1) || 'without a word';
}
