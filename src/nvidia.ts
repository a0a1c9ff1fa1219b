/**
 * @file The NVIDIA GPUs of this machine, as nvidia-smi tells them, those alone that this process may see. A GPU that is cut
 * into MIG instances is not a device itself, its instances are.
 */
import fs from 'node:fs';
import { execa } from 'execa';
import { messageOf, systemCode } from './errors.js';

export interface Gpu {
  /** As nvidia-smi counts, in the order of the bus. */
  index: number;
  /** Number of the MIG instance on that GPU; null for a whole GPU. */
  mig: number | null;
  /** What CUDA_VISIBLE_DEVICES takes: `GPU-…`, or `MIG-…` for an instance. */
  uuid: string;
  /** That of the whole GPU. */
  card: string;
  name: string;
  memoryBytes: number;
  /** Null where the GPU does not tell, and so below. */
  usedBytes: number | null;
  /** Share of the last second in which it computed, 0 to 1. */
  busy: number | null;
  /** Degrees Celsius. */
  temperature: number | null;
  /** Watts. */
  power: number | null;
  driver: string;
}

export interface GpuList {
  found: Gpu[];
  /** Why there are none; empty where there are. */
  reason: string;
}

/** A process that holds memory of a GPU. */
export interface GpuProcess {
  pid: number;
  /** Of the GPU, also for a process on one of its MIG instances. */
  uuid: string;
  /** Null where the driver does not tell. */
  usedBytes: number | null;
}

const FIELDS =
  'index,uuid,name,memory.total,memory.used,utilization.gpu,driver_version,temperature.gpu,power.draw';
const CSV = '--format=csv,noheader,nounits';
/** A driver in trouble lets nvidia-smi wait for ever, milliseconds. */
const PATIENCE = 15_000;

/** `cuda:1`; `cuda:1:0` is the first MIG instance of that GPU, as NVIDIA's container tools count. */
export function deviceName({ index, mig }: Pick<Gpu, 'index' | 'mig'>): string {
  return mig === null ? `cuda:${index}` : `cuda:${index}:${mig}`;
}

/** Never throws: what goes wrong is the reason. */
export async function listGpus(environment: NodeJS.ProcessEnv = process.env): Promise<GpuList> {
  const result = await ask([`--query-gpu=${FIELDS}`, CSV], environment);
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
  const cards = result.stdout.split('\n').flatMap((line) => parseGpu(line) ?? []);
  if (cards.length === 0) return none('nvidia-smi lists no GPU');
  const instances = parseInstances((await ask(['-L'], environment)).stdout);
  // Their memory stands only in the long form.
  const details = instances.length > 0 ? (await ask(['-q', '-x'], environment)).stdout : '';
  const all = cards.flatMap((card) => {
    const parts = instances.filter(({ index }) => index === card.index);
    return parts.length > 0 ? parts.map((part) => ({ ...card, ...part, ...instanceMemory(part, card, details), busy: null })) : [card]; // prettier-ignore
  });
  const visible = environment.CUDA_VISIBLE_DEVICES;
  if (visible === undefined) return { found: all, reason: '' };
  const found = all.filter((gpu) => named(visible, all).has(gpu));
  return found.length > 0 ? { found, reason: '' } : none(`CUDA_VISIBLE_DEVICES=${visible} hides every GPU`);
}

/** Who computes on the GPUs; undefined where nvidia-smi does not say. In a container it lists no process, or none that is known there. */
export async function listGpuProcesses(
  environment: NodeJS.ProcessEnv = process.env,
): Promise<GpuProcess[] | undefined> {
  const result = await ask(['--query-compute-apps=gpu_uuid,pid,used_memory', CSV], environment);
  if (result.failed) return undefined;
  return result.stdout.split('\n').flatMap((line) => {
    const [uuid = '', pid, used] = line.split(',').map((part) => part.trim());
    const id = number(pid);
    return id === null ? [] : [{ uuid, pid: id, usedBytes: mebibytes(used) }];
  });
}

/** The newest CUDA that the driver serves, e.g. `12.4`; undefined where nobody tells. */
export async function driverCuda(environment: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  return /CUDA (?:\w+ )?Version *: *([\d.]+)/.exec((await ask([], environment)).stdout)?.[1];
}

function ask(words: string[], env: NodeJS.ProcessEnv) {
  return execa('nvidia-smi', words, {
    timeout: PATIENCE,
    forceKillAfterDelay: 1000,
    reject: false,
    stdin: 'ignore',
    env,
  });
}

/** One line of nvidia-smi's CSV, e.g. `0, GPU-1a2b, NVIDIA H200, 143771, 4, 0, 570.86.15, 31, 76.42` (MiB, percent, °C, W). */
function parseGpu(line: string): Gpu | undefined {
  const [index = '', uuid = '', name = '', total, used, busy, driver = '', temperature, power] = line
    .split(',')
    .map((part) => part.trim());
  if (!/^\d+$/.test(index)) return undefined;
  const share = number(busy);
  return {
    index: Number(index),
    mig: null,
    uuid,
    card: uuid,
    name,
    memoryBytes: mebibytes(total) ?? 0,
    usedBytes: mebibytes(used),
    busy: share === null ? null : share / 100,
    temperature: number(temperature),
    power: number(power),
    driver,
  };
}

interface Instance extends Pick<Gpu, 'index' | 'uuid' | 'name'> {
  mig: number;
}

/**
 * The MIG instances in the output of `nvidia-smi -L`:
 *
 *     GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-b614…)
 *       MIG 2g.20gb     Device  0: (UUID: MIG-ec4c…)
 */
function parseInstances(text: string): Instance[] {
  let card: { index: number; name: string } | undefined;
  return text.split('\n').flatMap((line) => {
    const [, index, model] = /^GPU (\d+): (.*?) \(UUID: /.exec(line) ?? [];
    if (index !== undefined) card = { index: Number(index), name: model! };
    const [, profile, mig, uuid] = /^\s+MIG (\S+)\s+Device\s+(\d+): \(UUID: (MIG-[^)]+)\)/.exec(line) ?? [];
    if (card === undefined || uuid === undefined) return [];
    return [{ index: card.index, mig: Number(mig), uuid, name: `${card.name} MIG ${profile}` }];
  });
}

/** Memory of an instance: from `nvidia-smi -q -x`, or the size that its profile names (`2g.20gb`) and nothing of its use. */
function instanceMemory(
  { mig, name }: Instance,
  card: Gpu,
  details: string,
): Pick<Gpu, 'memoryBytes' | 'usedBytes'> {
  const whole = details.split(/<gpu [^>]*>/).find((part) => part.includes(`<uuid>${card.uuid}</uuid>`));
  const part = whole
    ?.split('<mig_device>')
    .find((each) => new RegExp(`^\\s*<index>${mig}</index>`).test(each));
  const memory = /<fb_memory_usage>([\s\S]*?)<\/fb_memory_usage>/.exec(part ?? '')?.[1] ?? '';
  const of = (tag: string) => mebibytes(new RegExp(`<${tag}>(\\d+) MiB</${tag}>`).exec(memory)?.[1]);
  const profiled = Number(/(\d+)gb/.exec(name)?.[1] ?? 0) * 2 ** 30;
  return { memoryBytes: of('total') ?? profiled, usedBytes: of('used') };
}

/** A value that nvidia-smi knows; `[N/A]`, `[Not Supported]`, `[Unknown Error]` and the like are none. */
function number(text: string | undefined): number | null {
  return /^\d+(\.\d+)?$/.test(text ?? '') ? Number(text) : null;
}

function mebibytes(text: string | undefined): number | null {
  const value = number(text);
  return value === null ? null : value * 2 ** 20;
}

/**
 * CUDA's own rule: indices or the beginnings of ids, separated by commas, up to the first that names no GPU or several. A GPU
 * stands for all of its MIG instances.
 */
function named(visible: string, all: readonly Gpu[]): Set<Gpu> {
  const seen = new Set<Gpu>();
  for (const part of visible.split(',').map((each) => each.trim())) {
    const id = (gpu: Gpu) => (/^\d+$/.test(part) ? String(gpu.index) : part.startsWith('MIG') ? gpu.uuid : gpu.card); // prettier-ignore
    const found = all.filter((gpu) => (/^\d+$/.test(part) ? id(gpu) === part : part !== '' && id(gpu).startsWith(part))); // prettier-ignore
    if (new Set(found.map(id)).size !== 1) break;
    found.forEach((gpu) => seen.add(gpu));
  }
  return seen;
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
